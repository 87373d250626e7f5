"""Whatever is logged arrives on both sinks with its type, as two decoders see it that nobody here wrote."""

from __future__ import annotations

import datetime
import json
import logging
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from python import corpus
from python.conftest import HANG_GUARD_S, TESTS, Program
from python.corpus import Logged
from python.receiver import Exported, Receiver

FRAME = ("timestamp", "level", "logger", "message", "service", "env", "version")
CORPUS_MIN = 200


class Worker:
    """A service that logs what it is told, its stdout, and the receiver at the other end."""

    def __init__(self, receiver: Receiver, environment: dict[str, str]) -> None:
        self.receiver = receiver
        self.seen = 0
        self.process = subprocess.Popen(
            [sys.executable, str(TESTS / "python" / "worker.py")],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)

    def log(self, records: list[Logged]) -> list[tuple[dict[str, Any], Exported]]:
        """What came of each on both sinks."""
        assert self.process.stdin
        pickle.dump(records, self.process.stdin)
        self.process.stdin.flush()
        lines = [json.loads(self._lines.get(timeout=HANG_GUARD_S)) for _ in records]
        before, self.seen = self.seen, self.seen + len(records)
        exported = self.receiver.wait_for_records(self.seen)[before:]
        return list(zip(lines, exported, strict=True))

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        assert self.process.wait(HANG_GUARD_S) == 0
        self.process.stdout.close()


@pytest.fixture(scope="module", params=["http/protobuf", "http/json"])
def worker(request: pytest.FixtureRequest, build_dir: object) -> Iterator[Worker]:
    with Receiver() as receiver:
        environment = Program(receiver).environment(
            {"OTEL_SERVICE_NAME": "corpus", "OTEL_EXPORTER_OTLP_PROTOCOL": request.param, "OTEL_BLRP_SCHEDULE_DELAY": "1"}
        )
        worker = Worker(receiver, environment)
        yield worker
        worker.close()
        assert worker.seen >= CORPUS_MIN


def check(record: Logged, line: dict[str, Any], exported: Exported) -> None:
    body, is_raw = corpus.body_of(record)
    severity = corpus.severity_of(record.level)
    assert exported.body == line["message"] == body
    assert exported.scope == line["logger"] == record.logger
    assert exported.severity == severity
    assert exported.severity_text == corpus.severity_text(severity)
    assert line["service"] == exported.resource["service.name"] == "corpus"
    assert time_ns(line["timestamp"]) == exported.time_ns
    assert exported.dropped_attributes == 0

    wanted = {key: corpus.in_otlp(value) for key, value in record.extra.items()}
    fault = is_raw or any(map(corpus.explodes, record.extra.values()))
    for attributes, expected in ((exported.attributes, wanted), (line, corpus.in_json(wanted))):
        given = {key: attributes[key] for key in attributes if key in expected}
        assert corpus.same(given, expected)
        assert ("log_error" in attributes) == fault
        assert ("log_args" in attributes) == (is_raw and bool(record.args))
    check_exception(record.exception, line, exported)


def check_exception(exception: Exception | None, line: dict[str, Any], exported: Exported) -> None:
    names = ("type", "message", "stacktrace")
    if exception is None:
        assert "exception" not in line
        assert not [key for key in exported.attributes if key.startswith("exception.")]
        return
    assert list(line["exception"]) == list(names)
    assert line["exception"] == {name: exported.attributes[f"exception.{name}"] for name in names}
    expected = corpus.exception_of(exception)
    assert line["exception"]["type"] == expected["type"]
    assert line["exception"]["message"] == expected["message"]
    assert line["exception"]["stacktrace"].startswith("Traceback (most recent call last):\n")
    assert line["exception"]["stacktrace"].endswith(expected["stacktrace"])


def time_ns(timestamp: str) -> int:
    """RFC 3339 with nanoseconds, which datetime does not have."""
    seconds, fraction = timestamp.removesuffix("Z").split(".")
    assert len(fraction) == 9
    return int(datetime.datetime.fromisoformat(seconds + "+00:00").timestamp()) * 10**9 + int(fraction)


@settings(max_examples=CORPUS_MIN, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(batch=st.lists(corpus.records, min_size=1, max_size=6))
def test_generated_records_arrive_on_both_sinks(worker: Worker, batch: list[Logged]) -> None:
    for record, (line, exported) in zip(batch, worker.log(batch), strict=True):
        check(record, line, exported)


def test_the_keys_of_a_line_stand_in_their_order(worker: Worker) -> None:
    record = Logged("l", logging.ERROR, "m", (), {"z": 1, "a": 2, "trace_id": "0af7651916cd43dd8448eb211c80319c"}, ValueError("e"))
    ((line, _),) = worker.log([record])
    assert list(line) == ["timestamp", "level", "logger", "message", "service", "z", "a", "exception", "trace_id"]
