"""Through the real OpenTelemetry Collector: service → Collector → `obsv listen --json`, and nothing changes on the way.

The Collector decodes what the engine sent with code nobody here wrote and encodes it anew, in the same protocol and
compression. What arrives is compared with what was logged, value by value and type by type: with the program's own
literals, and with the JSON lines on its stdout.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integration.collector import collector_binary, start_collector
from peers import Listener, Peer

pytestmark = pytest.mark.timeout(1200)  # the first run on a machine may have to build the Collector

PROTOCOLS = {"http/protobuf": "proto", "http/json": "json"}
SERVICE = "trade-exec-test"
# Keys of the stdout line that are not attributes of the record.
FRAME = ("timestamp", "level", "logger", "message", "service", "env", "version", "exception", "trace_id", "span_id")

# Python's names on stdout, OTLP's on the wire.
SEVERITY_TEXT = {"WARNING": "WARN", "CRITICAL": "FATAL"}

# Every type that has an equal in OTLP, and text that is easily damaged on the way.
TYPED: dict[str, Any] = {
    "text": "Zürich \u2028 \U0001f4c8 \"quoted\" \\ \n tab\t nul\x00 end",
    "empty": "",
    "int": 3,
    "int_min": -(2**63),
    "int_max": 2**63 - 1,
    "float": 0.1,
    "float_whole": 2.0,
    "float_tiny": 5e-324,
    "true": True,
    "false": False,
    "null": None,
    "list": [1, 1.5, "x", None, True, [], {}],
    "map": {"nested": {"deep": [{"er": 1}]}, "Schlüssel": "a key beyond ASCII"},
}

PROGRAM = """
import logging, sys
from observability import init_observability, shutdown
init_observability()
values = eval(sys.argv[1])
log = logging.getLogger("typed")
for key, value in values.items():
    log.info("value %s", key, extra={"v": value})
log.warning("all", extra={"all": values, "raw": bytes(range(256))})
try:
    {}["absent"]
except KeyError:
    log.exception("failed")
shutdown()
"""


@dataclass(frozen=True)
class Chain:
    listener: Listener
    environment: dict[str, str]


@pytest.fixture(scope="module")
def collector(root: Path) -> str:
    return collector_binary(root)


@pytest.fixture(scope="module", params=["gzip", "none"])
def compression(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def chain(
    obsv: Path, collector: str, tmp_path_factory: pytest.TempPathFactory, protocol: str, compression: str
) -> Iterator[Chain]:
    folder = tmp_path_factory.mktemp("collector")
    with (
        Listener(obsv) as listener,
        start_collector(collector, folder, listener.url, PROTOCOLS[protocol], compression) as running,
    ):
        yield Chain(
            listener,
            {
                **os.environ,
                "OTEL_EXPORTER_OTLP_ENDPOINT": running.url,
                "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
                "OTEL_EXPORTER_OTLP_COMPRESSION": compression,
                "OTEL_RESOURCE_ATTRIBUTES": "team=execution,deployment.environment.name=test",
                "APP_VERSION": "1.2.3",
            },
        )


def exact(value: Any) -> str:
    """Text that is equal only for equal values of equal types: 1, 1.0 and True differ."""
    return json.dumps(value, sort_keys=True)


def as_logged(line: dict[str, Any]) -> dict[str, Any]:
    """What a stdout line says about its record."""
    attributes = {key: value for key, value in line.items() if key not in FRAME}
    for part, value in line.get("exception", {}).items():
        attributes[f"exception.{part}"] = value
    return {
        "timestamp": line["timestamp"],
        "severity_text": SEVERITY_TEXT.get(line["level"], line["level"]),
        "logger": line["logger"],
        "body": line["message"],
        "attributes": attributes,
    }


def as_received(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in ("timestamp", "severity_text", "logger", "body", "attributes")}


def by_time(records: list[dict[str, Any]]) -> list[str]:
    return sorted(exact(record) for record in records)


def run_service(command: list[str], environment: dict[str, str], service: str) -> list[dict[str, Any]]:
    """Runs the program to its end; its stdout lines."""
    with Peer([sys.executable, *command], env={**environment, "OTEL_SERVICE_NAME": service}) as program:
        assert program.wait() == 0, program.report()
        return [json.loads(line) for line in program.stdout]


def test_the_example_service_arrives_whole(chain: Chain, tmp_path: Path) -> None:
    summary_file = tmp_path / "summary.json"
    command = ["-m", "trade_exec", "--rate", "6000", "--duration", "3", "--summary", str(summary_file)]
    logged = run_service(command, chain.environment, SERVICE)
    received = chain.listener.wait_for_records(len(logged), SERVICE)

    summary = json.loads(summary_file.read_text())
    assert len(logged) == summary["sent"] == summary["delivered"] > 100
    assert by_time([as_received(record) for record in received]) == by_time([as_logged(line) for line in logged])
    for record in received:
        resource = record["resource"]
        assert resource["service.name"] == SERVICE
        assert resource["service.version"] == "1.2.3"
        assert resource["deployment.environment.name"] == "test"
        assert resource["team"] == "execution"
        assert resource["telemetry.sdk.name"] == "obsv"


def test_values_keep_their_types(chain: Chain) -> None:
    logged = run_service(["-c", PROGRAM, repr(TYPED)], chain.environment, "typed")
    received = chain.listener.wait_for_records(len(TYPED) + 2, "typed")
    assert len(logged) == len(received) == len(TYPED) + 2

    by_body = {record["body"]: record for record in received}
    for key, value in TYPED.items():
        assert exact(by_body[f"value {key}"]["attributes"]) == exact({"v": value})
    everything = by_body["all"]
    assert everything["severity_text"] == "WARN" and everything["severity_number"] == 13
    assert exact(everything["attributes"]["all"]) == exact(TYPED)
    assert list(everything["attributes"]["raw"]) == ["bytes_base64"]


def test_an_exception_keeps_its_traceback(chain: Chain) -> None:
    run_service(["-c", PROGRAM, "{}"], chain.environment, "failing")
    failed = [r for r in chain.listener.wait_for_records(2, "failing") if r["body"] == "failed"]
    assert len(failed) == 1 and failed[0]["severity_number"] == 17
    attributes = failed[0]["attributes"]
    assert attributes["exception.type"] == "KeyError"
    assert attributes["exception.message"] == "'absent'"
    assert attributes["exception.stacktrace"].startswith("Traceback (most recent call last):\n")
    assert attributes["exception.stacktrace"].rstrip().endswith("KeyError: 'absent'")
