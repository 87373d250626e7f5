"""Python programs that are run to their end, however they end, with the library in them."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fault.server import OWN, Server
from peers import Peer
from python.receiver import Exported

PROLOGUE = """
import asyncio, ctypes, faulthandler, logging, os, signal, subprocess, sys, threading, time
import observability
from observability import init_observability
{before}
init_observability()
log = logging.getLogger("trade-exec")

def submit(count, who="main"):
    for i in range(count):
        log.info("order_submitted", extra={{"n": i, "who": who}})

def ready():
    # One write: lines of the library come between.
    os.write(1, b"ready\\n")

"""


class Program(Peer):
    """`before` runs before init_observability(). A `script` of its own, with arguments, has no prologue. What it prints
    begins with no "{"."""

    def __init__(
        self, endpoint: Server | str, code: str, *options: str, before: str = "", script: Sequence[str | Path] = (), **settings: str
    ) -> None:
        url = endpoint if isinstance(endpoint, str) else endpoint.url
        source = PROLOGUE.format(before=textwrap.dedent(before)) + textwrap.dedent(code)
        given = {"OTEL_SERVICE_NAME": "fault", "OTEL_EXPORTER_OTLP_ENDPOINT": url, **settings}
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        super().__init__([sys.executable, *options, *(script or ("-c", source))], env={**environment, **given})

    def wait_ready(self, times: int = 1) -> None:
        self.wait_until("ready", lambda: self.stdout.count("ready") >= times)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The application's JSON lines; each that begins as one is whole."""
        return [line for line in self.all_lines if line["logger"] != OWN]

    @property
    def all_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout if line.startswith("{")]

    @property
    def said(self) -> list[str]:
        return [line for line in self.stdout if not line.startswith("{")]


def run(endpoint: Server | str, code: str, *options: str, then: Callable[[Program], None] | None = None, **settings: Any) -> Program:
    """The program after its end. `then` is called when it has said `ready`."""
    with Program(endpoint, code, *options, **settings) as program:
        if then:
            program.wait_ready()
            then(program)
        program.wait()
    return program


def sent(number: int) -> Callable[[Program], None]:
    return lambda program: program.process.send_signal(number)


def by_whom(entries: list[dict[str, Any]] | list[Exported]) -> dict[str, list[int]]:
    """Numbers of the orders by who logged them, in the order of the list."""
    found: dict[str, list[int]] = {}
    for entry in entries:
        attributes = entry if isinstance(entry, dict) else entry.attributes
        if "who" in attributes:
            found.setdefault(attributes["who"], []).append(attributes["n"])
    return found


def assert_ended(program: Program, status: int, server: Server, **counts: int) -> None:
    """Every order once, in the order of logging, on both sinks; and the status that a parent sees."""
    assert program.process.returncode == status, program.report()
    expected = {who: list(range(count)) for who, count in counts.items()}
    assert by_whom(program.lines) == expected, program.report()
    server.check()
    assert by_whom(sorted(server.records, key=lambda record: record.time_ns)) == expected, program.report()
