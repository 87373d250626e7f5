"""Processes that tests talk to: the receiver `obsv listen`, the OpenTelemetry Collector, the service under test.

A peer is waited for by what it says. Every wait has a deadline that no healthy run comes near; when it passes, the
failure shows everything the peer said.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")
P = TypeVar("P", bound="Peer")
HANG_GUARD_S = 120.0


class Peer:
    """A running program, its lines so far, and waiting for them. A context manager: the program ends with it."""

    def __init__(self, command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
        self.command = [str(part) for part in command]
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._changed = threading.Condition()
        self._open_streams = 2
        self.process = subprocess.Popen(
            self.command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, encoding="utf-8", errors="replace",
        )
        streams = ((self.process.stdout, self.stdout), (self.process.stderr, self.stderr))
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in streams]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: Any, lines: list[str]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._open_streams -= 1
            self._changed.notify_all()

    def wait_until(self, what: str, look: Callable[[], T | None]) -> T:
        """The first true result of `look`, which is asked again after each line; fails if the program ends first."""
        deadline = time.monotonic() + HANG_GUARD_S
        with self._changed:
            while True:
                result = look()
                if result:
                    return result
                if self._open_streams == 0:
                    raise AssertionError(f"ended (status {self.process.wait()}) before {what}\n{self.report()}")
                if not self._changed.wait(deadline - time.monotonic()):
                    raise AssertionError(f"no {what} within {HANG_GUARD_S:.0f} s\n{self.report()}")

    def wait(self) -> int:
        """The exit status, after everything that was said has been read."""
        status = self.process.wait(HANG_GUARD_S)
        for reader in self._readers:
            reader.join(HANG_GUARD_S)
        return status

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def report(self) -> str:
        def last(lines: list[str]) -> str:
            return "".join(f"    {line[:500]}\n" for line in lines[-40:])

        return f"{' '.join(self.command)}\n  stdout, {len(self.stdout)} lines:\n{last(self.stdout)}  stderr:\n{last(self.stderr)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait()
            if kind is None:
                raise


class Listener(Peer):
    """`obsv listen --json` on a port that the system chose."""

    def __init__(self, obsv: Path, *options: str) -> None:
        super().__init__([obsv, "listen", "--port", "0", "--json", *options])
        self.url: str = self.wait_until("line with its address", self._address)

    def _address(self) -> str | None:
        found = re.search(r"http://127\.0\.0\.1:\d+", "\n".join(self.stderr))
        return found.group() if found else None

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.stdout)]

    def wait_for_records(self, count: int, service: str) -> list[dict[str, Any]]:
        """At least `count` records of that service, in the order of arrival."""
        found: list[dict[str, Any]] = []
        seen = 0

        def look() -> list[dict[str, Any]] | None:
            nonlocal seen
            for line in self.stdout[seen:]:
                record = json.loads(line)
                if record["resource"].get("service.name") == service:
                    found.append(record)
            seen = len(self.stdout)
            return found if len(found) >= count else None

        return self.wait_until(f"{count} records of {service}", look)


def free_port() -> int:
    """A port of the loopback address that was free a moment ago, for programs that cannot choose one themselves."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def start_on_free_port(start: Callable[[], P], attempts: int = 5) -> P:
    """Between our look and the program's start somebody else can take the port; then `start` looks for another."""
    for _ in range(attempts - 1):
        try:
            return start()
        except AssertionError as error:
            if "address already in use" not in str(error).lower():
                raise
    return start()
