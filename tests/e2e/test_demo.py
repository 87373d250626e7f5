"""`./dev demo` as a newcomer runs it: both sides shown, one line that compares them, and nothing left running."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from peers import Listener, Peer, free_port

DEMO = ["./dev", "demo", "--rate", "1200", "--duration", "2"]
CLOSING = re.compile(r"sent (\d+), received (\d+), dropped (\d+), worst loop lag ([\d.]+) ms")


class Demo(Peer):
    """In a session of its own, so that whatever it starts can be found again."""

    def __init__(self, root: Path, *options: str, **environment: str) -> None:
        super().__init__(["setsid", *DEMO, *options], cwd=root, env={**os.environ, **environment})

    def closing(self) -> tuple[int, int, int]:
        found = CLOSING.fullmatch(self.stdout[-1])
        assert found, self.report()
        return int(found[1]), int(found[2]), int(found[3])

    def side(self, name: str) -> list[str]:
        return [line for line in self.stdout if line.startswith(f"{name} │")]

    def left_running(self) -> list[str]:
        """Command lines of the processes in the demo's session, which has the demo's own id (proc(5), field 6 of stat)."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == self.process.pid and fields[0] != "Z":
                    found.append((folder / "cmdline").read_text().replace("\0", " "))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
        return found


@contextmanager
def port_taken(port: int) -> Iterator[None]:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            s.listen()
        except OSError:
            pass  # somebody else has it: as good
        yield


def test_both_sides_and_a_closing_line(root: Path, obsv: Path) -> None:
    with port_taken(4318), Demo(root) as demo:
        assert demo.wait() == 0, demo.report()
        sent, received, dropped = demo.closing()
        assert sent == received > 10 and dropped == 0
        for side in ("stdout", "otlp  "):
            assert any("service_started" in line for line in demo.side(side)), demo.report()
            assert sum("service_stopped" in line for line in demo.side(side)) == 1, demo.report()
        assert demo.left_running() == []


def test_it_ships_to_the_endpoint_of_the_environment(root: Path, obsv: Path) -> None:
    with Listener(obsv) as listener:
        with Demo(root, OTEL_EXPORTER_OTLP_ENDPOINT=listener.url, OTEL_SERVICE_NAME="desk-7") as demo:
            assert demo.wait() == 0, demo.report()
            sent, received, _ = demo.closing()
            assert demo.side("otlp  ") == []
        records = listener.wait_for_records(sent, "desk-7")
        assert len(records) == sent == received > 10


def test_it_fails_when_nobody_receives(root: Path, obsv: Path) -> None:
    with Demo(root, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}") as demo:
        assert demo.wait() == 1, demo.report()
        sent, received, dropped = demo.closing()
        assert sent > 10 and received == 0 and dropped == sent


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_interrupted_it_leaves_nothing_running(root: Path, obsv: Path, number: signal.Signals) -> None:
    with Demo(root, "--duration", "600") as demo:
        demo.wait_until("records on both sides", lambda: bool(demo.side("stdout") and demo.side("otlp  ")))
        os.killpg(demo.process.pid, number)
        assert demo.wait() == 128 + number, demo.report()
        assert demo.left_running() == []


def test_a_second_set_up_does_nothing(root: Path, obsv: Path) -> None:
    run = subprocess.run(["./dev", "setup", "run"], cwd=root, capture_output=True, text=True, check=True)
    assert run.stderr == "set up: run\n"
