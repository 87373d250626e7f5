"""What a scenario of this suite is played with: a Python program with the library in it, and the end that all share.

The program is a process of its own. It is told what to do line by line through a pipe, so that a scenario reads as one
story, in which the server's part and the program's part alternate:

    service = stage.program(server)
    service.submit(10)
    server.wait_for_hanging(1)
    service.until("s.export_delivered == 10")
    stage.end(service, server)

Nothing is waited for by time. A wait ends with its condition; its deadline, which no healthy run comes near, only turns
a hang into a failure.

Every scenario ends in `stage.end`: law 2 for both sinks, from the program's own statistics, before and after its
shutdown, held against what the server acknowledged and what stdout's reader has read; exit status 0; and the token,
which was in every request, in nothing that the program wrote.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fault.server import Server, Step
from integration.nginx import Authority, Paper
from peers import HANG_GUARD_S

TESTS = Path(__file__).resolve().parent.parent
SINKS = ("stdout", "export")
TOKEN = "glc_bm90LWEtdG9rZW4="
SETTINGS = {
    "OTEL_SERVICE_NAME": "fault",
    "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Basic {TOKEN}",
    "OTEL_BLRP_SCHEDULE_DELAY": "10",
}
# Batches are closed by their size and by a flush, not by their age.
ONE_BATCH = {"OTEL_BLRP_SCHEDULE_DELAY": "3600000"}

# Commands come as lines of JSON, and each is answered by one. Neither goes through the standard streams.
PROGRAM = """
import json, logging, os, sys, threading, time, traceback
import observability
from observability import flush, init_observability, shutdown, stats
sys.path.append(os.environ["STAGE_TESTS"])
commands = open(int(os.environ["STAGE_COMMANDS"]), encoding="utf-8")
answers = open(int(os.environ["STAGE_ANSWERS"]), "w", encoding="utf-8")
log = logging.getLogger("trade-exec")
submitted = 0

def submit(count, level=logging.INFO, **extra):
    global submitted
    for _ in range(count):
        log.log(level, "order_submitted", extra={"n": submitted, **extra})
        submitted += 1

def submit_at_the_pace_of_the_ring(count, **extra):
    for _ in range(0, count, 100):
        submit(100, **extra)
        while stats().ring_bytes > 200_000:
            time.sleep(0.001)

def until(condition, deadline):
    condition = compile(condition, "condition", "eval")
    while not eval(condition, globals(), {"s": stats()}):
        if time.monotonic() > deadline:
            raise TimeoutError(f"never came true: {stats()}")
        time.sleep(0.001)  # between two looks

def told():
    s = stats()
    return {**{name: getattr(s, name) for name in s.__match_args__}, "last_error": s.last_error, "dropped":
            {sink: {reason: dict(levels) for reason, levels in by.items()} for sink, by in s.dropped.items()}}

def run(command):
    if "until" in command:
        return until(command["until"], time.monotonic() + command["guard"])
    if "value" in command:
        return eval(command["value"], globals())
    exec(compile(command["do"], "command", "exec"), globals())

def answer(command):
    try:
        return {"value": run(command)}
    except BaseException:
        return {"error": traceback.format_exc()}

for command in commands:
    print(json.dumps(answer(json.loads(command))), file=answers, flush=True)
"""


class Stats(SimpleNamespace):
    """A program's statistics at one moment: the fields of observability.Stats."""

    def dropped_by_reason(self, sink: str) -> dict[str, int]:
        start = f"{sink}_dropped_"
        return {name.removeprefix(start): count for name, count in vars(self).items() if name.startswith(start)}

    def missing(self, sink: str) -> int:
        """Law 2, from the fields alone: accepted - delivered - Σ dropped - pending."""
        accounted = sum(self.dropped_by_reason(sink).values())
        accounted += getattr(self, f"{sink}_delivered") + getattr(self, f"{sink}_pending")
        return self.accepted - accounted

    def counts(self, sink: str) -> dict[str, int]:
        reasons = {name: count for name, count in self.dropped_by_reason(sink).items() if count}
        return {"delivered": getattr(self, f"{sink}_delivered"), **reasons, "pending": getattr(self, f"{sink}_pending")}


LAW = " and ".join(
    f"s.accepted == s.{sink}_delivered + s.{sink}_pending + sum(sum(by.values()) for by in s.dropped['{sink}'].values())" for sink in SINKS
)


class Program:
    """`stdout`: a descriptor, closed here once the program has it, or None for a pipe that is always read."""

    def __init__(self, settings: Mapping[str, str], *, stdout: int | None = None, is_started: bool = True, wrapper: tuple[str, ...] = ()) -> None:
        commands, tell = os.pipe()
        hear, answers = os.pipe()
        self._commands, self._answers = os.fdopen(tell, "w"), os.fdopen(hear)
        own = {"STAGE_COMMANDS": str(commands), "STAGE_ANSWERS": str(answers), "STAGE_TESTS": str(TESTS)}
        self.process = subprocess.Popen(
            [*wrapper, sys.executable, "-c", PROGRAM],
            env={**os.environ, **own, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
            pass_fds=(commands, answers),
        )
        for fd in (commands, answers, *([] if stdout is None else [stdout])):
            os.close(fd)
        self._changed = threading.Condition()
        self._stdout, self._stderr = bytearray(), bytearray()
        self.is_read = stdout is None
        streams = [(self.process.stderr, self._stderr)] + ([(self.process.stdout, self._stdout)] if self.is_read else [])
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in streams]
        for reader in self._readers:
            reader.start()
        if is_started:
            self.do("init_observability()")

    def _read(self, stream: Any, into: bytearray) -> None:
        with stream:
            while data := stream.read1(65536):
                with self._changed:
                    into += data
                    self._changed.notify_all()

    # What it said.

    @property
    def stderr(self) -> str:
        return self._stderr.decode()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What its reader has read of stdout, whole lines: each is JSON."""
        return lines_of(bytes(self._stdout))

    def wait_for_stderr(self, *words: str) -> str:
        return self._wait(f"{words} on stderr", lambda: self.stderr if all(word in self.stderr for word in words) else "")

    def wait_for_lines(self, what: str, look: Callable[[list[dict[str, Any]]], bool]) -> None:
        """`look` gets the whole lines that its reader has read so far."""
        self._wait(what, lambda: look(lines_of(bytes(self._stdout).rpartition(b"\n")[0])))

    def _wait(self, what: str, look: Callable[[], Any]) -> Any:
        with self._changed:
            while not (found := look()):
                assert self._changed.wait(HANG_GUARD_S), f"no {what}\n{self.stderr}"
            return found

    # What it is told to do.

    def _tell(self, **command: Any) -> Any:
        print(json.dumps(command), file=self._commands, flush=True)
        said = self._answers.readline()
        assert said, f"the program ended with status {self.process.wait(HANG_GUARD_S)}\n{self.stderr}"
        answer = json.loads(said)
        assert "error" not in answer, f"{answer['error']}\n{self.stderr}"
        return answer["value"]

    def do(self, code: str) -> None:
        self._tell(do=code)

    def value(self, expression: str) -> Any:
        return self._tell(value=expression)

    def submit(self, count: int, level: str = "INFO", **extra: Any) -> None:
        """Log calls, numbered on by the attribute `n`."""
        self.do(f"submit({count}, logging.{level}, **{extra!r})")

    def until(self, condition: str) -> Stats:
        """Returns when the condition about the statistics `s` holds."""
        self._tell(until=condition, guard=HANG_GUARD_S / 2)
        return self.stats()

    def stats(self) -> Stats:
        return Stats(**self.value("told()"))

    def submit_one_batch(self, count: int, level: str = "INFO", **extra: Any) -> None:
        """The same, sealed together at once: with ONE_BATCH nothing else seals them."""
        self.submit(count, level, **extra)
        self.do("flush(0)")

    def deliver(self) -> Stats:
        """Tries at once instead of when the back-off says so, until everything so far is out."""
        self.do("while not flush(0.5):\n    pass")
        return self.stats()

    def leave(self) -> int:
        """Its commands are at their end, and so is it."""
        self._commands.close()
        status = self.process.wait(HANG_GUARD_S)
        for reader in self._readers:
            reader.join(HANG_GUARD_S)
        return status

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._commands.close()
        self._answers.close()
        for reader in self._readers:
            reader.join(HANG_GUARD_S)


def lines_of(stdout: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.decode().split("\n") if line]


@dataclass
class Stage:
    """Makes what a scenario needs and clears it away; see tests/fault/conftest.py."""

    folder: Path
    report: Callable[[Stats], None]

    def __post_init__(self) -> None:
        self._servers: list[Server] = []
        self._programs: list[Program] = []
        self.is_ended = False

    def server(self, *steps: Step, **options: Any) -> Server:
        self._servers.append(Server(*steps, **options))
        return self._servers[-1]

    def program(self, server: Server | str, *, stdout: int | None = None, is_started: bool = True, wrapper: tuple[str, ...] = (), **settings: str) -> Program:
        endpoint = server if isinstance(server, str) else server.url
        everything = {**SETTINGS, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **settings}
        self._programs.append(Program(everything, stdout=stdout, is_started=is_started, wrapper=wrapper))
        return self._programs[-1]

    def authority(self) -> Authority:
        return Authority(self.folder, "test-authority")

    def end(self, program: Program, *servers: Server, stdout: Callable[[], bytes] | None = None, deadline: float = 60) -> Stats:
        """Law 2 where the scenario leaves off, then the shutdown, and law 2 again, held against what others have seen.

        `stdout`: what its reader got, all of it, where it is not the pipe that is always read.
        Returns the statistics from before the shutdown."""
        quiet = program.until(LAW)
        assert [quiet.missing(sink) for sink in SINKS] == [0, 0], quiet
        self.report(quiet)
        program.do(f"shutdown({deadline})")
        final = program.stats()
        assert [final.missing(sink) for sink in SINKS] == [0, 0], final
        assert (final.stdout_pending, final.export_pending, final.outbox_bytes) == (0, 0, 0), final
        status = program.leave()
        assert status == 0, f"status {status}\n{program.stderr}"
        assert "Traceback" not in program.stderr, program.stderr
        if program.is_read or stdout:
            lines = program.lines if stdout is None else lines_of(stdout())
            assert len([line for line in lines if line["logger"] != "obsv"]) == final.stdout_delivered
        if servers:
            for server in servers:
                server.check()
            assert sum(server.delivered_count for server in servers) == final.export_delivered
        for what in (program.stderr, bytes(program._stdout).decode(), final.last_error):
            assert TOKEN not in what
        self.is_ended = True
        return quiet

    def clear(self) -> None:
        for program in self._programs:
            program.kill()
        for server in self._servers:
            server.__exit__()
