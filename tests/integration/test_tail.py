"""`obsv tail`: our lines become readable, every other byte comes out as it went in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peers import HANG_GUARD_S

SETTINGS = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def tail(obsv: Path, data: bytes, *options: str) -> bytes:
    run = subprocess.run([obsv, "tail", *options], input=data, capture_output=True, timeout=HANG_GUARD_S)
    assert (run.returncode, run.stderr) == (0, b"")
    return run.stdout


def our_line(message: str = "m", level: str = "INFO", **more: Any) -> bytes:
    line = {"timestamp": "2026-01-02T03:04:05.678901234Z", "level": level, "logger": "a", "message": message, **more}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


# ---- Nothing is changed ---------------------------------------------------------------------------------------------

nearly_ours = st.sampled_from(
    [
        b"{",
        b"{}",
        b'{"a":1}',
        our_line()[:-2],
        our_line().rstrip(b"\n") + b" trailing",
        our_line(k=2**64).rstrip(b"\n"),
        our_line()[:-2] + b',"level":"WARN"}',
        our_line().replace(b"2026", b"soon").rstrip(b"\n"),
        our_line().replace(b'"m"', b'"\xff"').rstrip(b"\n"),
        our_line().replace(b'"m"', b"null").rstrip(b"\n"),
        b"\x00" + our_line().rstrip(b"\n"),
        b" " + our_line().rstrip(b"\n"),
    ]
)
pieces = st.lists(st.binary(max_size=40) | nearly_ours | st.just(b"\n") | st.just(b"\r\n"), max_size=12)


@SETTINGS
@given(parts=pieces)
def test_lines_that_are_not_ours_come_out_byte_for_byte(obsv: Path, parts: list[bytes]) -> None:
    data = b"\n".join(parts)
    assert tail(obsv, data) == data


@SETTINGS
@given(lines=st.lists(st.integers(0, 99) | st.binary(max_size=20).map(lambda b: b"x" + b.replace(b"\n", b"")), max_size=12))
def test_the_order_is_kept_among_both_kinds(obsv: Path, lines: list[int | bytes]) -> None:
    data = b"".join(our_line(n=line) if isinstance(line, int) else line + b"\n" for line in lines)
    expected = b"".join(b"03:04:05.678 INFO  a m  n=%d\n" % line if isinstance(line, int) else line + b"\n" for line in lines)
    assert tail(obsv, data) == expected


@pytest.mark.parametrize("beginning", [b"x", b"{", our_line()[:-3]])
@pytest.mark.parametrize("size", [10 << 20, (16 << 20) - 1, 16 << 20, (16 << 20) + 1, 20 << 20])
@pytest.mark.parametrize("end", [b"", b"\n", b"\nnext\n"])
def test_long_lines(obsv: Path, beginning: bytes, size: int, end: bytes) -> None:
    data = beginning + b"y" * (size - len(beginning)) + end
    assert tail(obsv, data) == data


def test_our_line_after_a_long_one_is_seen_as_ours(obsv: Path) -> None:
    long = b"{" + b"y" * (17 << 20) + b"\n"
    assert tail(obsv, long + our_line()) == long + b"03:04:05.678 INFO  a m\n"


def test_our_last_line_may_lack_its_newline(obsv: Path) -> None:
    assert tail(obsv, our_line().rstrip(b"\n")) == b"03:04:05.678 INFO  a m\n"


# ---- The readable form ----------------------------------------------------------------------------------------------


def test_all_that_a_line_can_hold(obsv: Path) -> None:
    line = our_line(
        "order_rejected",
        "ERROR",
        service="trade-exec",
        env="production",
        version="1.2",
        symbol="BTC-USD",
        qty=3,
        price=0.1,
        nested={"a": [1, None, True], "b": "é"},
        text="a\tb",
        exception={"type": "ValueError", "message": "bad", "stacktrace": "Traceback:\n  f()\nValueError: bad\n"},
        trace_id="5b8efff798038103d269b633813fc60c",
        span_id="eee19b7ec3c1b174",
    )
    assert tail(obsv, line).decode().splitlines() == [
        '03:04:05.678 ERROR a order_rejected  symbol=BTC-USD qty=3 price=0.1 nested={"a":[1,null,true],"b":"é"} text="a\\tb" '
        "trace_id=5b8efff798038103d269b633813fc60c span_id=eee19b7ec3c1b174",
        "    Traceback:",
        "      f()",
        "    ValueError: bad",
    ]
    full = tail(obsv, line, "--full").decode().splitlines()[0]
    assert full.startswith("2026-01-02T03:04:05.678901234Z ERROR a order_rejected ")
    assert full.endswith(
        ' resource.service.name=trade-exec resource.deployment.environment.name=production resource.service.version="1.2"'
    )


@SETTINGS
@given(message=st.text(st.characters(exclude_categories=["Cs"]), max_size=40), value=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_record_cannot_leave_its_lines(obsv: Path, message: str, value: str) -> None:
    shown = tail(obsv, our_line(message, key=value)).decode()
    first, *others = shown.removesuffix("\n").split("\n")
    assert first.startswith("03:04:05.678 INFO  a ")
    assert all(line.startswith("    ") for line in others)
    assert not any(ord(c) < 0x20 and c not in "\n\t" or 0x7F <= ord(c) < 0xA0 for c in shown)


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("trace", "TRACE DEBUG INFO WARNING WARN ERROR CRITICAL FATAL CUSTOM"),
        ("info", "INFO WARNING WARN ERROR CRITICAL FATAL CUSTOM"),
        ("WARN", "WARNING WARN ERROR CRITICAL FATAL CUSTOM"),
        ("fatal", "CRITICAL FATAL CUSTOM"),
    ],
)
def test_level_leaves_out_our_lines_below_it_and_nothing_else(obsv: Path, level: str, shown: str) -> None:
    names = ["TRACE", "DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL", "CUSTOM"]
    data = b"".join(our_line(name, name) + b"between\n" for name in names)
    lines = tail(obsv, data, "--level", level).decode().splitlines()
    assert lines.count("between") == len(names)
    assert [line.split()[3] for line in lines if line != "between"] == shown.split()


def test_colours_are_for_terminals_unless_asked_for(obsv: Path) -> None:
    assert b"\x1b" not in tail(obsv, our_line())
    colored = tail(obsv, our_line() + b"other\n", "--color=always")
    assert b"\x1b[32mINFO\x1b[0m" in colored
    assert colored.endswith(b"\nother\n")


# ---- While the application runs -------------------------------------------------------------------------------------


class Running:
    """`obsv tail` with both ends in our hands; output is read unbuffered."""

    def __init__(self, obsv: Path) -> None:
        self.process = subprocess.Popen(
            [obsv, "tail"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.stdin, self.stdout, self.stderr = self.process.stdin, self.process.stdout, self.process.stderr

    def expect(self, expected: bytes) -> None:
        got = b""
        while len(got) < len(expected):
            chunk = os.read(self.stdout.fileno(), len(expected) - len(got))
            assert chunk, f"ended after {got!r}"
            got += chunk
        assert got == expected

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            stream.close()
        self.process.kill()
        self.process.wait(HANG_GUARD_S)


def test_output_appears_as_soon_as_the_input_came(obsv: Path) -> None:
    with Running(obsv) as running:
        running.stdin.write(b"Continue? [y/n] ")
        running.expect(b"Continue? [y/n] ")
        running.stdin.write(b"y\n" + our_line()[:20])
        running.expect(b"y\n")
        running.stdin.write(our_line()[20:])
        running.expect(b"03:04:05.678 INFO  a m\n")
        running.stdin.write(b"last without newline")
        running.expect(b"last without newline")
        running.stdin.close()
        assert running.process.wait(HANG_GUARD_S) == 0


def test_the_first_interrupt_is_left_to_the_application(obsv: Path) -> None:
    with Running(obsv) as running:
        running.stdin.write(b"ready\n")
        running.expect(b"ready\n")
        running.process.send_signal(signal.SIGINT)
        running.stdin.write(our_line("stopping"))
        running.expect(b"03:04:05.678 INFO  a stopping\n")
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(HANG_GUARD_S) == -signal.SIGINT


def test_it_ends_quietly_when_its_reader_goes_away(obsv: Path) -> None:
    with Running(obsv) as running:
        running.stdin.write(b"ready\n")
        running.expect(b"ready\n")
        running.stdout.close()  # and no more input: it must notice by itself
        assert running.process.wait(HANG_GUARD_S) == 0
        assert running.stderr.read() == b""


def test_it_ends_quietly_in_the_middle_of_output(obsv: Path) -> None:
    command = f"yes '{our_line().decode().strip()}' | '{obsv}' tail | head -n 2"
    run = subprocess.run(["sh", "-c", command], capture_output=True, timeout=HANG_GUARD_S)
    assert (run.stdout, run.stderr) == (b"03:04:05.678 INFO  a m\n" * 2, b"")


def test_a_failing_stdout_is_reported(obsv: Path) -> None:
    with open("/dev/full", "wb") as full:
        run = subprocess.run([obsv, "tail"], input=b"x\n", stdout=full, stderr=subprocess.PIPE, timeout=HANG_GUARD_S)
    assert run.returncode == 1
    assert run.stderr == b"obsv tail: cannot write to stdout: No space left on device\n"
