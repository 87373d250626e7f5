"""The engine is one for a process, so each test that needs one runs a Python of its own; see Program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from python.receiver import Exported, Receiver

TESTS = Path(__file__).resolve().parent.parent
HANG_GUARD_S = 120.0

PROLOGUE = """
import logging, sys, os, threading, observability
from observability import init_observability
from python.nasty import *
"""


@dataclass(frozen=True)
class Run:
    status: int
    stdout: str
    stderr: str
    records: list[Exported] = field(repr=False)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines of stdout; other lines are the program's own."""
        return [json.loads(line) for line in self.stdout.split("\n") if line.startswith("{")]

    @property
    def said(self) -> list[str]:
        return [line for line in self.stdout.split("\n") if line and not line.startswith("{")]

    def both(self) -> list[tuple[dict[str, Any], Exported]]:
        """Line and exported record of each log call, in the order of logging."""
        assert len(self.lines) == len(self.records), self
        return list(zip(self.lines, self.records, strict=True))

    def one(self) -> tuple[dict[str, Any], Exported]:
        ((line, record),) = self.both()
        return line, record


class Program:
    """Runs Python code with the package at hand and the receiver as its endpoint, to its end."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def environment(self, settings: Mapping[str, str] = {}) -> dict[str, str]:
        # Unbuffered, a print() is several writes, and a JSON line may come in between.
        kept_out = {"OBSV_BUILD_DIR", "PYTHONUNBUFFERED"}
        inherited = {name: value for name, value in os.environ.items() if name not in kept_out}
        return {
            **inherited,
            "PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(TESTS)]),
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.url,
            **settings,
        }

    def __call__(self, code: str, *options: str, status: int = 0, prologue: str = PROLOGUE, **settings: str) -> Run:
        before = len(self.receiver.records)
        process = subprocess.run(
            [sys.executable, *options, "-c", prologue + textwrap.dedent(code)],
            env=self.environment(settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=HANG_GUARD_S,
        )
        run = Run(
            process.returncode,
            process.stdout.decode("utf-8"),  # strictly: what we write is always valid
            process.stderr.decode("utf-8", "replace"),
            self.receiver.records[before:],
        )
        assert run.status == status, f"status {run.status}\n{run.stderr}\n{run.stdout}"
        return run

    def logs(self, code: str, *options: str, status: int = 0, **settings: str) -> Run:
        """The same after init_observability(), with a logger `log` at hand."""
        start = PROLOGUE + "init_observability()\nlog = logging.getLogger('trade-exec')\n"
        return self(code, *options, status=status, prologue=start, **settings)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def program(receiver: Receiver, build_dir: Path) -> Program:
    return Program(receiver)
