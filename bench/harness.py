"""Runs peers: rounds, order, processes, and the checks that keep a figure honest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from bench.sink import Sink
from bench.worker import NOT_INSTALLED

ROOT = Path(__file__).resolve().parent.parent


class BenchError(Exception):
    """A run that went wrong, in words for the user."""


@dataclass(frozen=True, slots=True)
class Run:
    """One peer, once."""

    round: int
    peer: str
    label: str
    figures: dict[str, float]  # what the scenario measured
    counts: dict[str, int]  # what the peer says became of the records
    requests: int  # what the sink got

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measure(scenario: str, peers: list[str], rounds: int, calls: int | None, order: Random, sink: Sink) -> list[Run]:
    calls = calls or import_module(f"bench.scenarios.{scenario}").DEFAULT_CALLS
    present = list(peers)
    runs: list[Run] = []
    for number in range(1, rounds + 1):
        for peer in order.sample(present, len(present)):
            started = time.monotonic()
            say(f"{scenario}: round {number} of {rounds}: {peer} ... ", end="")
            run = _run(number, peer, scenario, calls, sink)
            if run is None:
                present.remove(peer)
                continue
            runs.append(run)
            say(f"{time.monotonic() - started:.1f} s")
    if not runs:
        raise BenchError("no peer is installed")
    return runs


def _run(number: int, peer: str, scenario: str, calls: int, sink: Sink) -> Run | None:
    """None: the peer is not installed."""
    requests_before = sink.request_count()
    status, result = _work(peer, scenario, calls, sink)
    if status == NOT_INSTALLED:
        say(f"left out: no module {result['missing']} (./dev setup bench installs the peers)")
        return None
    if status != 0:
        raise BenchError(f"{peer} in {scenario} ended with status {status}; what it said stands above")
    requests = sink.request_count() - requests_before
    if result["exports"] and requests == 0:
        raise BenchError(f"{peer} in {scenario} exported nothing, so its figures would be worth nothing")
    return Run(number, peer, result["label"], result["figures"], result["counts"], requests)


def _work(peer: str, scenario: str, calls: int, sink: Sink) -> tuple[int, dict[str, Any]]:
    """One worker.py, its stdout discarded, its result by a pipe."""
    reader, writer = os.pipe()
    job = ["--peer", peer, "--scenario", scenario, "--calls", str(calls), "--sink", sink.url, "--result-fd", str(writer)]
    command = [sys.executable, "-m", "bench.worker", *job]
    with os.fdopen(reader) as results:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, pass_fds=[writer], env=environment()) as process:
            os.close(writer)
            text = results.read()
    return process.returncode, json.loads(text) if text else {}


def environment() -> dict[str, str]:
    """The user's, without settings that would decide a peer's figures."""
    decisive = ("OTEL_", "OBSV_", "APP_", "LOG_LEVEL", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(decisive)}
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**kept, "PYTHONPATH": path, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def say(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)
