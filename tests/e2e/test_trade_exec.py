"""The main job end to end: the example service logs, and what arrives at the receiver is what it logged.

Three witnesses are compared: the service's own count of its log calls, the JSON lines on its stdout, and the records
that `obsv listen --json` decoded from what the engine sent. One run serves most tests; it ends by itself, and everything
is waited for by a process's end or by a line that it prints.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from peers import Listener, Peer

SERVICE = "trade-exec-e2e"
# Keys of the stdout line that are not attributes of the record.
FRAME = ("timestamp", "level", "logger", "message", "service", "env", "version", "exception", "trace_id", "span_id")
EVENT_NAME = re.compile(r"heartbeat|[a-z]+(_[a-z]+)+")
# stdout says what the application says; the OTLP record has the name that is the same in every language.
CANONICAL = {"WARNING": "WARN", "CRITICAL": "FATAL"}
FINAL = {"order_filled", "order_cancelled", "order_rejected"}
ORDER_EVENTS = FINAL | {"order_submitted", "order_acknowledged", "order_partially_filled"}

Record = dict[str, Any]


class Service(Peer):
    """The example, logging to `url` (None: nowhere but stdout)."""

    def __init__(self, url: str | None, summary_file: Path, *options: str) -> None:
        self._summary_file = summary_file
        environment = {**os.environ, "OTEL_SERVICE_NAME": SERVICE, "APP_ENV": "test", "APP_VERSION": "1.2.3"}
        if url is not None:
            environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = url
        command = [sys.executable, "-m", "trade_exec", "--seed", "4", "--summary", str(summary_file), *options]
        super().__init__(command, env=environment)

    def lines(self) -> list[Record]:
        return [json.loads(line) for line in self.stdout]

    def has_logged(self, event: str) -> bool:
        return any(json.loads(line)["message"] == event for line in list(self.stdout))

    def summary(self) -> Record:
        found: Record = json.loads(self._summary_file.read_text(encoding="utf-8"))
        return found


@dataclass(frozen=True)
class Run:
    """A run that has ended, as each witness tells it, in the order of time."""

    lines: list[Record]
    received: list[Record]
    summary: Record
    stderr: list[str]


def finish(service: Service, listener: Listener) -> Run:
    assert service.wait() == 0, service.report()
    lines = service.lines()
    received = listener.wait_for_records(len(lines), SERVICE)
    # Gathered by logger inside a batch, so put back into the order of time; ties by content.
    return Run(sorted(lines, key=in_time), sorted(received, key=in_time), service.summary(), service.stderr)


def in_time(record: Record) -> tuple[str, str]:
    return record["timestamp"], json.dumps(record.get("body", record.get("message")))


@pytest.fixture(scope="module")
def run(obsv: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("trade_exec")
    with (
        Listener(obsv) as listener,
        Service(listener.url, folder / "summary.json", "--rate", "12000", "--duration", "5") as service,
    ):
        return finish(service, listener)


@pytest.fixture
def listener(obsv: Path) -> Iterator[Listener]:
    with Listener(obsv) as started:
        yield started


def attributes_of(line: Record) -> Record:
    attributes = {key: value for key, value in line.items() if key not in FRAME}
    return {**attributes, **{f"exception.{part}": value for part, value in line.get("exception", {}).items()}}


def exact(value: Any) -> str:
    """Text that is equal only for equal values of equal types: 1, 1.0 and True differ."""
    return json.dumps(value, sort_keys=True)


def test_sent_is_delivered_is_received(run: Run) -> None:
    sent = run.summary["sent"]
    assert sent > 200
    assert (run.summary["delivered"], len(run.received), len(run.lines), run.summary["stdout_delivered"]) == (sent,) * 4
    assert (run.summary["dropped"], run.summary["not_exported"]) == (0, 0)


def test_each_record_arrives_as_it_stands_on_stdout(run: Run) -> None:
    for line, record in zip(run.lines, run.received, strict=True):
        assert (record["timestamp"], record["severity_text"], record["logger"], record["body"]) == (
            line["timestamp"],
            CANONICAL.get(line["level"], line["level"]),
            line["logger"],
            line["message"],
        )
        assert exact(record["attributes"]) == exact(attributes_of(line))
        assert list(line)[:7] == ["timestamp", "level", "logger", "message", "service", "env", "version"]
        resource = record["resource"]
        assert (resource["service.name"], line["service"]) == (SERVICE, SERVICE)
        assert (resource["deployment.environment.name"], line["env"]) == ("test", "test")
        assert (resource["service.version"], line["version"]) == ("1.2.3", "1.2.3")


def test_the_summary_counts_each_event(run: Run) -> None:
    assert run.summary["records_by_event"] == Counter(record["body"] for record in run.received)
    assert sum(run.summary["records_by_event"].values()) == run.summary["sent"]


def test_the_summary_on_stderr(run: Run) -> None:
    said = "\n".join(run.stderr)
    sent = run.summary["sent"]
    assert f"trade_exec: sent {sent}, delivered {sent}, dropped 0" in said
    assert re.search(r"event-loop lag p50 [\d.]+ ms, p99 [\d.]+ ms, max [\d.]+ ms \(lateness of \d+ wake-ups", said)
    assert run.summary["loop_lag_p50_ms"] <= run.summary["loop_lag_p99_ms"] <= run.summary["loop_lag_max_ms"]
    assert run.summary["loop_lag_samples"] > 0


def test_conventions(run: Run) -> None:
    run_ids = {record["attributes"]["run_id"] for record in run.received}
    assert len(run_ids) == 1
    for record in run.received:
        attributes = record["attributes"]
        assert EVENT_NAME.fullmatch(record["body"]), record
        assert record["logger"] == f"trade-exec.{attributes['component']}"
        if attributes["component"] in {"session", "orders", "venue"}:
            assert attributes["session_id"].startswith(attributes["run_id"]) and attributes["strategy_id"] and attributes["venue"]
        if record["body"] in ORDER_EVENTS:
            assert attributes["order_id"] and attributes["symbol"] and attributes["side"] in {"buy", "sell"}
            assert type(attributes["qty"]) is int and attributes["qty"] > 0
        for name in ("latency_ms", "downtime_ms", "duration_ms", "price"):
            assert type(attributes.get(name, 0.5)) is float, record


def test_everything_that_happens_to_a_trading_service_happens(run: Run) -> None:
    """The seed is one under which all of it comes within the run's five seconds."""
    expected = ORDER_EVENTS | {
        "service_started", "service_stopping", "service_stopped", "heartbeat", "session_created", "session_closed",
        "feed_connected", "feed_disconnected", "feed_reconnected", "strategy_error",
    }  # fmt: skip
    assert expected - set(run.summary["records_by_event"]) == set()


def test_each_order_has_one_life(run: Run) -> None:
    lives: dict[str, list[Record]] = defaultdict(list)
    for record in run.received:
        if record["body"] in ORDER_EVENTS:
            lives[record["attributes"]["order_id"]].append(record)
    assert len(lives) == run.summary["records_by_event"]["order_submitted"]
    for life in lives.values():
        events = [record["body"] for record in life]
        assert events[0] == "order_submitted" and events[-1] in FINAL
        assert events.count("order_submitted") == 1 and len(FINAL.intersection(events)) == 1
        qty = life[0]["attributes"]["qty"]
        assert sum(record["attributes"].get("fill_qty", 0) for record in life) <= qty
        for record in life:
            quantities = record["attributes"]
            if "leaves_qty" in quantities:
                assert quantities["filled_qty"] + quantities["leaves_qty"] == qty
        assert events[-1] != "order_filled" or life[-1]["attributes"]["leaves_qty"] == 0


def test_each_session_opens_and_closes(run: Run) -> None:
    created = [r["attributes"]["session_id"] for r in run.received if r["body"] == "session_created"]
    closed = [r["attributes"]["session_id"] for r in run.received if r["body"] == "session_closed"]
    assert len(set(created)) == len(created) and sorted(created) == sorted(closed)


def test_an_error_has_its_traceback(run: Run) -> None:
    errors = [record for record in run.received if record["body"] == "strategy_error"]
    for record in errors:
        attributes = record["attributes"]
        assert record["severity_text"] == "ERROR"
        stacktrace = attributes["exception.stacktrace"]
        assert stacktrace.startswith("Traceback (most recent call last):")
        assert stacktrace.rstrip().endswith(attributes["exception.message"])
        # A few frames deep, and through the function at fault.
        assert stacktrace.count('\n  File "') >= 4 and "_build_order" in stacktrace


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(listener: Listener, tmp_path: Path, run: Run, number: signal.Signals) -> None:
    with Service(listener.url, tmp_path / "summary.json", "--rate", "12000") as service:
        service.wait_until("an order", lambda: service.has_logged("order_acknowledged"))
        service.process.send_signal(number)
        ended = finish(service, listener)

    assert ended.summary["sent"] == ended.summary["delivered"] == len(ended.received) == len(ended.lines)
    assert [r["attributes"]["reason"] for r in ended.received if r["body"] == "service_stopping"] == [number.name]
    assert ended.received[-1]["body"] == "service_stopped"
    test_each_session_opens_and_closes(ended)
    test_each_order_has_one_life(ended)
    same_decisions(run, ended)


def same_decisions(one: Run, other: Run) -> None:
    """The same seed, whatever the timing: orders with the same id are the same."""

    def terms(of: Run) -> dict[str, tuple[Any, ...]]:
        submitted = [r["attributes"] for r in of.received if r["body"] == "order_submitted"]
        return {a["order_id"]: (a["symbol"], a["side"], a["qty"], a["order_type"]) for a in submitted}

    shared = terms(one).keys() & terms(other).keys()
    assert shared
    assert {order: terms(one)[order] for order in shared} == {order: terms(other)[order] for order in shared}


def test_without_an_endpoint_stdout_has_everything(tmp_path: Path) -> None:
    with Service(None, tmp_path / "summary.json", "--rate", "12000", "--duration", "0.5") as service:
        assert service.wait() == 0, service.report()
    summary = service.summary()
    assert len(service.lines()) == summary["sent"] == summary["stdout_delivered"] == summary["not_exported"]
    assert (summary["delivered"], summary["dropped"]) == (0, 0)


def test_the_rate_counts_on_what_orders_really_write(root: Path) -> None:
    """activity.RECORDS_PER_ORDER is the mean of many fates; it decides whether --rate keeps its word."""
    sys.path.insert(0, str(root / "examples"))
    from trade_exec.activity import RECORDS_PER_ORDER
    from trade_exec.instruments import INSTRUMENTS
    from trade_exec.strategy import STRATEGIES
    from trade_exec.venue import VENUES, Order

    records = orders = 0
    for make_strategy in STRATEGIES:
        rng = Random(7)
        strategy = make_strategy(_NoRecords(), [], {}, rng)  # type: ignore[arg-type]
        for _ in range(2000):
            wanted = strategy.wants()
            if wanted.symbol in INSTRUMENTS:
                qty = wanted.lots * INSTRUMENTS[wanted.symbol].lot
                order = Order("id", wanted.symbol, wanted.side, qty, 1.0, wanted.order_type)
                records += 1 + len(rng.choice(VENUES).draw_fate(order, rng))
                orders += 1
    assert records / orders == pytest.approx(RECORDS_PER_ORDER, rel=0.03)


class _NoRecords:
    def component(self, name: str) -> _NoRecords:
        return self
