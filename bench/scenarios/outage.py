"""How many records are lost when the endpoint is away for a while, how long the end takes, and what a SIGTERM costs.

Each run is a server and a peer, two processes of their own: two seconds of health, an outage of D seconds, six seconds
of health, all in real time, while the peer logs at an even rate; then it delivers what is left and ends.  Lost is what
was logged and is in no request that the server answered with 200.  Runs go on side by side, the fast ones four at a
time, the peers of one row always together.

    refused   nobody listens              503, 429   the server answers so
    hang      requests are taken and never answered; cut off when the outage is over

It takes minutes, so `./dev bench` runs it only when it is asked for by name.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.harness import BenchError, environment, say
from bench.worker import NOT_INSTALLED

TITLE = "An endpoint that is away for a while: records lost / emitted"
PEERS = ("otel_python", "obsv")
FAILURES = ("refused", "503", "429", "hang")
RATES = (1, 1000)
OUTAGES_S = (3, 8, 30)
QUICK_OUTAGES_S = (3,)
HEALTHY_BEFORE_S, HEALTHY_AFTER_S = 2, 6
BURST = 100
SIGTERM_AFTER_S = 0.3
FAST_AT_ONCE, SLOW_AT_ONCE = 4, 8


@dataclass(frozen=True, slots=True)
class Run:
    """One peer, one outage."""

    peer: str
    failure: str
    rate: int
    outage_s: int
    emitted: int
    lost: int
    tear_down_s: float


@dataclass(frozen=True, slots=True)
class End:
    """One peer, asked to end with BURST records logged and the endpoint dead; or killed with a healthy one."""

    peer: str
    how: str
    delivered: int
    seconds: float


@dataclass(slots=True)
class Report:
    labels: dict[str, str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        columns = [(failure, rate) for failure in FAILURES for rate in RATES]
        lines = [["", "away", *(f"{failure} {rate:,}/s" for failure, rate in columns)]]
        for outage_s in sorted({run.outage_s for run in self.runs}):
            for peer, label in self.labels.items():
                found = {(run.failure, run.rate): run for run in self.runs if (run.peer, run.outage_s) == (peer, outage_s)}
                lines.append([label, f"{outage_s} s", *(_cell(found.get(column)) for column in columns)])
        ends = [["", *(f"end, {failure}" for failure in FAILURES), "SIGTERM"]]
        for peer, label in self.labels.items():
            by_how = {end.how: end for end in self.ends if end.peer == peer}
            cells = [f"{by_how[how].seconds:.1f} s" if how in by_how else "-" for how in FAILURES]
            killed = by_how.get("SIGTERM")
            ends.append([label, *cells, f"{killed.delivered} of {BURST}" if killed else "-"])
        explained = (
            f"Time to end with {BURST} records logged and the endpoint dead; records that a healthy endpoint got when "
            f"SIGTERM came {SIGTERM_AFTER_S} s after {BURST} were logged"
        )
        return "\n".join([TITLE, *_aligned(lines), "", explained, *_aligned(ends)])


def _cell(run: Run | None) -> str:
    return f"{run.lost:,}/{run.emitted:,}" if run is not None else "-"


def _aligned(lines: list[list[str]]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


# ---- Processes


class Process:
    """A helper of bench.outage: a line in, a line out."""

    def __init__(self, module: str, arguments: list[str], with_result: bool) -> None:
        reader, writer = os.pipe()
        command = [sys.executable, "-m", f"bench.outage.{module}", *arguments]
        if with_result:
            command += ["--result-fd", str(writer)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL if with_result else writer,
            stderr=subprocess.DEVNULL,  # both peers complain, at length, about what we do to them
            pass_fds=[writer] if with_result else [],
            env=environment(),
            text=True,
        )
        os.close(writer)
        self.results = os.fdopen(reader)

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        line = self.results.readline()
        if not line:
            raise BenchError(f"{self.process.args} ended with status {self.process.wait()} and said nothing")
        return line.strip()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.results.close()


class Absent(Exception):
    """The peer is not installed."""


@contextmanager
def _server() -> Iterator[tuple[Callable[[str], str], str]]:
    """A function that gives the server a command and returns its answer, and the URL."""
    process = Process("server", [], with_result=False)

    def command(text: str) -> str:
        process.tell(text)
        return process.hear()

    try:
        yield command, process.hear()
    finally:
        process.close()


@contextmanager
def _worker(peer: str, url: str, *arguments: str) -> Iterator[tuple[Process, str]]:
    """The process, ready to go, and the peer's label."""
    process = Process("worker", ["--peer", peer, "--sink", url, *arguments], with_result=True)
    try:
        ready = json.loads(process.hear())
        if "missing" in ready:
            assert process.process.wait() == NOT_INSTALLED
            raise Absent(ready["missing"])
        yield process, ready["label"]
    finally:
        process.close()


# ---- Runs


def _outage(peer: str, failure: str, rate: int, outage_s: int) -> Run:
    seconds = HEALTHY_BEFORE_S + outage_s + HEALTHY_AFTER_S
    with _server() as (command, url), _worker(peer, url, "--rate", str(rate), "--seconds", str(seconds)) as (worker, _):
        worker.tell("go")
        time.sleep(HEALTHY_BEFORE_S)
        command(failure)
        time.sleep(outage_s)
        command("up")
        result = json.loads(worker.hear())
        delivered = int(command("count"))
    lost = result["emitted"] - delivered
    say(f"outage: {peer}, {failure} for {outage_s} s at {rate}/s: {lost} of {result['emitted']} lost")
    return Run(peer, failure, rate, outage_s, result["emitted"], lost, result["tear_down_s"])


def _end(peer: str, failure: str) -> End:
    with _server() as (command, url), _worker(peer, url, "--burst", str(BURST)) as (worker, _):
        command(failure)
        worker.tell("go")
        result = json.loads(worker.hear())
        delivered = int(command("count"))
    say(f"outage: {peer}, end with the endpoint dead ({failure}): {result['tear_down_s']:.1f} s")
    return End(peer, failure, delivered, result["tear_down_s"])


def _sigterm(peer: str) -> End:
    with _server() as (command, url), _worker(peer, url, "--burst", str(BURST), "--stay") as (worker, _):
        worker.tell("go")
        worker.hear()
        time.sleep(SIGTERM_AFTER_S)
        before = time.monotonic()
        worker.process.send_signal(signal.SIGTERM)
        worker.process.wait()
        seconds = time.monotonic() - before
        delivered = int(command("count"))
    say(f"outage: {peer}, SIGTERM: {delivered} of {BURST} delivered")
    return End(peer, "SIGTERM", delivered, seconds)


def _labels(peers: list[str]) -> dict[str, str]:
    labels = {}
    for peer in peers:
        try:
            with _server() as (_, url), _worker(peer, url, "--burst", "1") as (_, label):
                labels[peer] = label
        except Absent as missing:
            say(f"outage: {peer} left out: no module {missing} (./dev setup bench installs the peers)")
    if not labels:
        raise BenchError("no peer is installed")
    return labels


def run(arguments: Namespace) -> Report:
    outages_s = QUICK_OUTAGES_S if arguments.quick else OUTAGES_S
    report = Report(_labels([peer for peer in PEERS if peer in arguments.peers]))
    with ThreadPoolExecutor(FAST_AT_ONCE) as fast, ThreadPoolExecutor(SLOW_AT_ONCE) as slow:
        runs: list[Future[Run]] = []
        for outage_s in outages_s:
            for rate in RATES:
                pool = fast if rate > 1 else slow
                runs += [pool.submit(_outage, p, failure, rate, outage_s) for failure in FAILURES for p in report.labels]
        ends = [slow.submit(_end, peer, failure) for failure in FAILURES for peer in report.labels]
        ends += [slow.submit(_sigterm, peer) for peer in report.labels]
        report.runs += [future.result() for future in runs]
        report.ends += [future.result() for future in ends]
    return report
