"""Into the real Grafana Loki, with its default limits: what a record becomes there, and that nothing it holds is refused.

Loki refuses a record that is over one of its limits, or, for a poisoned key, the whole request with everything in it
(pkg/validation/validate.go, pkg/loghttp/push/otlplabels/labels.go). Here each such record goes in one request with a
hundred ordinary ones, and all of them have to be found again.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from integration.loki import Entry, Loki, loki_binary
from integration.service import Service, assert_all_delivered, run_service
from peers import HANG_GUARD_S, start_on_free_port
from python.receiver import Receiver

pytestmark = pytest.mark.timeout(1200)  # the first run on a machine may have to build Loki

NEIGHBOURS = 100
# All of a story goes in one request, unless it is too big for one: the end of the story closes the batch.
ONE_REQUEST = {"OTEL_BLRP_SCHEDULE_DELAY": "600000"}
ENCODINGS = [
    pytest.param(protocol, compression, id=f"{protocol.partition('/')[2]}-{compression}")
    for protocol in ("http/protobuf", "http/json")
    for compression in ("gzip", "none")
]


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Of the service; each test has its own lines."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name)


def encoding(protocol: str, compression: str) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_COMPRESSION": compression}


# ---- What a record becomes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("protocol", "compression"), ENCODINGS)
def test_a_record_is_found_as_it_was_logged(loki: Loki, name: str, protocol: str, compression: str) -> None:
    story = """
    log.info("order %s submitted", "A-1", extra={
        "symbol": "BTC-USD", "qty": 3, "price": 0.1, "is_buy": True, "none": None, "raw": b"\\x00\\xff",
        "order.id": "A-1", "tags": ["a", 1, None], "route": {"venue": "X", "hops": {"n": 2}},
        "note": "Zürich \\u2028 \\U0001f4c8 \\"q\\" \\\\ \\n tab\\t nul\\x00 esc\\x1b end",
    })
    """
    stats = run_service(
        story,
        endpoint=loki.otlp,
        OTEL_SERVICE_NAME=name,
        OTEL_RESOURCE_ATTRIBUTES="service.namespace=execution,deployment.environment.name=test,team=desk 7",
        APP_VERSION="1.2.3",
        **encoding(protocol, compression),
    )
    assert stats["export_last_status"] == 204
    (entry,) = loki.wait_for(name, 1)
    assert entry.line == "order A-1 submitted"
    assert entry.labels == {"service_name": name, "service_namespace": "execution", "deployment_environment_name": "test"}

    own = dict(entry.metadata)
    assert own.pop("observed_timestamp") == str(entry.time_ns)
    for sdk in ("telemetry_sdk_name", "telemetry_sdk_language", "telemetry_sdk_version"):
        assert own.pop(sdk)
    assert own == {
        "detected_level": "info",
        "severity_number": "9",
        "severity_text": "INFO",
        "scope_name": "trade-exec",
        "service_version": "1.2.3",
        "team": "desk 7",
        "symbol": "BTC-USD",
        "qty": "3",
        "price": "0.1",
        "is_buy": "true",
        "raw": "AP8=",
        "order_id": "A-1",
        "tags": '["a",1,null]',
        "route_venue": "X",
        "route_hops_n": "2",
        "note": 'Zürich \u2028 \U0001f4c8 "q" \\ \n tab\t nul\x00 esc\x1b end',
    }


def test_an_exception_is_found_with_its_traceback(loki: Loki, name: str) -> None:
    story = """
    try:
        {}["absent"]
    except KeyError:
        log.exception("failed")
    """
    run_service(story, endpoint=loki.otlp, OTEL_SERVICE_NAME=name)
    (entry,) = loki.wait_for(name, 1)
    assert entry.line == "failed"
    assert entry.metadata["detected_level"] == "error"
    assert entry.metadata["exception_type"] == "KeyError"
    assert entry.metadata["exception_message"] == "'absent'"
    assert entry.metadata["exception_stacktrace"].startswith("Traceback (most recent call last):\n")
    assert entry.metadata["exception_stacktrace"].rstrip().endswith("KeyError: 'absent'")


LEVELS = {
    # Python's number: Loki's level, the name that is not Loki's
    5: ("trace", "Level 5"),
    10: ("debug", None),
    20: ("info", None),
    25: ("info", "NOTICE"),
    30: ("warn", None),
    35: ("warn", "ALERT-ISH"),
    40: ("error", None),
    50: ("fatal", None),
    99: ("fatal", "Level 99"),
}


def test_every_level_is_one_that_loki_knows(loki: Loki, name: str) -> None:
    story = f"""
    logging.addLevelName(25, "NOTICE")
    logging.addLevelName(35, "ALERT-ISH")
    for level in {list(LEVELS)}:
        log.log(level, "at %d", level)
    """
    run_service(story, endpoint=loki.otlp, OTEL_SERVICE_NAME=name, LOG_LEVEL="1")
    entries = {entry.line: entry.metadata for entry in loki.wait_for(name, len(LEVELS))}
    found = {level: (entries[f"at {level}"]["detected_level"], entries[f"at {level}"].get("level_name")) for level in LEVELS}
    assert found == LEVELS


# ---- Nothing is refused ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hard:
    """One record that Loki would refuse, hijack or garble if it were sent as it was logged."""

    what: str
    call: str
    line: str | None = "hard"
    # Structured metadata that has to be there, and how much of the rest.
    metadata: dict[str, str] = field(default_factory=dict)
    repair: str | None = None
    request_count: int | None = 1


HARD = [
    Hard("key-empty", 'log.info("hard", extra={"": "v"})', metadata={"key_empty": "v"}, repair="key"),
    Hard("key-underscore", 'log.info("hard", extra={"_": "v"})', metadata={"key_5f": "v"}, repair="key"),
    Hard("key-chinese", 'log.info("hard", extra={"数量": "v"})', metadata={"key_e695b0e9878f": "v"}, repair="key"),
    Hard("key-marks", 'log.info("hard", extra={"!!": "v"})', metadata={"key_2121": "v"}, repair="key"),
    Hard("key-dunder", 'log.info("hard", extra={"__": "v"})', repair="key"),
    Hard("key-digit", 'log.info("hard", extra={"1st": "v"})', metadata={"key_1st": "v"}),
    Hard("key-nested", 'log.info("hard", extra={"m": {"": 1, "_": 2, "数量": {"!!": 3}}})', repair="key"),
    Hard("key-in-array", 'log.info("hard", extra={"m": [{"": 1, "_": 2}]})'),
    Hard("key-long", 'log.info("hard", extra={"k" * 5000: "v"})', repair="key"),
    Hard("key-surrogate", 'log.info("hard", extra={"\\ud800": "v"})', repair="key"),
    Hard("keys-that-collide", 'log.info("hard", extra={"a.b": 1, "a-b": 2, "a__b": 3, "a_b": 4, "a": {"b": 5}})'),
    Hard("attributes-130", 'log.info("hard", extra={f"k{i}": i for i in range(130)})', metadata={"k0": "0"}),
    Hard("attributes-300", 'log.info("hard", extra={f"k{i}": i for i in range(300)})', metadata={"k0": "0"}),
    Hard("attribute-70kB", 'log.info("hard", extra={"big": "x" * 70_000, "small": "s"})', metadata={"small": "s"}, repair="truncated"),
    Hard("attribute-bytes", 'log.info("hard", extra={"big": b"x" * 70_000, "small": "s"})', metadata={"small": "s"}, repair="truncated"),
    Hard("attribute-quotes", """log.info("hard", extra={"big": ['"<>&\\u2028' * 20_000], "small": "s"})""", metadata={"small": "s"}, repair="truncated"),
    Hard("attribute-array", 'log.info("hard", extra={"big": list(range(20_000)), "small": "s"})', metadata={"small": "s"}, repair="truncated"),
    Hard("attributes-128-big", 'log.info("hard", extra={f"k{i}": "x" * 1000 for i in range(128)})', repair="truncated"),
    Hard("message-300kB", 'log.info("m" * 300_000)', line=None, repair="truncated"),
    Hard("message-multibyte", 'log.info("€" * 100_000)', line=None, repair="truncated"),
    Hard("message-and-attribute", 'log.info("m" * 300_000, extra={"big": "x" * 300_000})', line=None, repair="truncated"),
    Hard("message-empty", 'log.info("")', line=""),
    Hard("map-200-leaves", 'log.info("hard", extra={"m": {f"k{i}": i for i in range(200)}})', metadata={"m_k0": "0"}, repair="truncated"),
    Hard("map-200-deep", 'log.info("hard", extra={"m": {f"k{i}": {"a": {"b": i}} for i in range(200)}})', repair="truncated"),
    Hard("deep-maps", 'v = "end"\nfor _ in range(100): v = {"d": v}\nlog.info("hard", extra={"deep": v})'),
    Hard("deep-lists", 'v = "end"\nfor _ in range(100): v = [v]\nlog.info("hard", extra={"deep": v})'),
    Hard("deep-long-keys", 'v = "end"\nfor _ in range(60): v = {"k" * 900: v}\nlog.info("hard", extra={"deep": v})'),
    Hard("wide-and-deep", 'v = 1\nfor _ in range(7): v = {"aaaaaaaaaaaaaaaaaaaaaaaa": v, "b": v}\nlog.info("hard", extra={"m": v})', repair="truncated"),
    Hard("levels", 'log.info("hard", extra={"level": 2, "severity": "x", "detected_level": "boo", "lvl": "y", "SeverityText": "z"})',
         metadata={"extra_level": "2", "extra_severity": "x", "extra_detected_level": "boo", "extra_lvl": "y", "extra_SeverityText": "z"}),
    Hard("levels-dotted", 'log.info("hard", extra={"log.level": "x", "severity_text": "y", "severity.text": "z", "LEVEL": "w"})'),
    Hard("level-nested", 'log.info("hard", extra={"log": {"level": "boo"}, "severity": {"text": "boo"}, "detected": {"level": "boo"}})',
         metadata={"extra_log_level": "boo", "extra_severity_text": "boo", "extra_detected_level": "boo"}),
    Hard("built-ins", 'log.info("hard", extra={"trace_id": "t", "flags": 1, "scope_name": "s", "severity_number": 99, "observed_timestamp": "o"})',
         metadata={"extra_trace_id": "t", "extra_flags": "1", "extra_scope_name": "s", "extra_severity_number": "99",
                   "extra_observed_timestamp": "o", "scope_name": "trade-exec", "severity_number": "9"}),
    Hard("service-name", 'log.info("hard", extra={"service_name": "boo", "service.name": "boo", "deployment.environment": "boo"})'),
    # We send U+FFFD; Loki keeps a space of it in structured metadata (pkg/distributor/distributor.go), not in the line.
    Hard("surrogates", 'log.info("hard", extra={"s": "a\\ud800b\\udfff"})', metadata={"s": "a b "}, repair="utf8"),
    Hard("surrogate-message", 'log.info("a\\ud800b")', line="a\ufffdb", repair="utf8"),
    Hard("nul", 'log.info("a\\0b", extra={"s": "a\\0b", "k\\0k": "v"})', line="a\0b", metadata={"s": "a\0b", "k_k": "v"}),
    Hard("numbers", 'log.info("hard", extra={"nan": float("nan"), "inf": float("inf"), "huge": 2**70, "tiny": 5e-324})',
         metadata={"huge": str(2**70)}),
    Hard("logger-name", 'logging.getLogger("n" * 70_000).info("hard")'),
    Hard("logger-name-broken", 'logging.getLogger("a\\ud800\\0").info("hard")'),
    Hard("stack-1MiB", """
class Failure(Exception):
    pass
Failure.__qualname__ = "Q" * 3000
try:
    raise Failure("m" * 2**20)
except Failure:
    log.info("hard", exc_info=True)
""", repair="truncated"),
    Hard("stack-deep", """
sys.setrecursionlimit(20_000)
def descend(n):
    if n % 2:
        return descend(n - 1)
    return 1 / n if n == 0 else descend(n - 1)
def chain(n):
    try:
        descend(50)
    except ZeroDivisionError as error:
        raise ValueError("v" * 20_000) from error if n == 0 else chain(n - 1)
try:
    chain(40)
except BaseException:
    log.info("hard", exc_info=True, extra={f"k{i}": "x" * 400 for i in range(140)})
""", repair="truncated"),
]  # fmt: skip


def neighbourly(call: str) -> str:
    """A hundred ordinary records, half before and half after the call."""
    half = NEIGHBOURS // 2
    return f"""
for n in range({half}):
    log.info("good %d", n, extra={{"n": n}})
{call}
for n in range({half}, {NEIGHBOURS}):
    log.info("good %d", n, extra={{"n": n}})
"""


def assert_neighbours(entries: list[Entry]) -> Entry:
    """All of them are there, in order and unharmed; returns the one between."""
    half = NEIGHBOURS // 2
    middle = entries[half]
    good = entries[:half] + entries[half + 1 :]
    assert [(entry.line, entry.metadata["n"]) for entry in good] == [(f"good {n}", str(n)) for n in range(NEIGHBOURS)]
    for entry in good:
        assert "log_repair" not in entry.metadata and "dropped_attributes_count" not in entry.metadata
    return middle


@pytest.mark.parametrize("hard", HARD, ids=lambda hard: hard.what)
@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"], ids=["protobuf", "json"])
def test_nothing_is_refused(loki: Loki, name: str, hard: Hard, protocol: str) -> None:
    settings = {"OTEL_SERVICE_NAME": name, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, **ONE_REQUEST}
    stats = run_service(neighbourly(hard.call), endpoint=loki.otlp, **settings)
    assert stats["accepted"] == NEIGHBOURS + 1
    assert stats["export_last_status"] == 204 and stats["export_retries"] == 0
    assert stats["export_requests"] == hard.request_count

    middle = assert_neighbours(loki.wait_for(name, NEIGHBOURS + 1))
    if hard.line is not None:
        assert middle.line == hard.line
    assert middle.metadata["detected_level"] == "info"
    assert middle.labels == {"service_name": name}
    assert hard.metadata.items() <= middle.metadata.items()
    assert hard.repair is None or hard.repair in middle.metadata["log_repair"].split(",")


@pytest.mark.parametrize("value_bytes", [10, 200, 600])
def test_a_long_resource_leaves_room_for_all_of_it(loki: Loki, name: str, value_bytes: int) -> None:
    """Loki repeats the resource on each line, so it counts within the line's limits."""
    resource = {f"resource{n}": f"{n:0{value_bytes}}" for n in range(40)}
    call = 'log.info("hard", extra={f"k{i}": "x" * 1000 for i in range(128)})'
    settings = {
        "OTEL_SERVICE_NAME": name,
        "OTEL_RESOURCE_ATTRIBUTES": ",".join(f"{key}={value}" for key, value in resource.items()),
        **ONE_REQUEST,
    }
    stats = run_service(neighbourly(call), endpoint=loki.otlp, **settings)
    assert stats["export_last_status"] == 204
    entries = loki.wait_for(name, NEIGHBOURS + 1)
    middle = assert_neighbours(entries)
    for entry in entries:
        assert resource.items() <= entry.metadata.items()
    given = [key for key in middle.metadata if key.startswith("k")]
    assert len(given) + int(middle.metadata["dropped_attributes_count"]) == 128
    assert len(given) > 64
    assert "truncated" in middle.metadata["log_repair"]


# pkg/loghttp/push/otlplabels/config.go; all but service.name.
LABELS = (
    "service.namespace service.instance.id deployment.environment deployment.environment.name cloud.region "
    "cloud.availability_zone k8s.cluster.name k8s.namespace.name k8s.pod.name k8s.container.name container.name "
    "k8s.replicaset.name k8s.deployment.name k8s.statefulset.name k8s.daemonset.name k8s.cronjob.name k8s.job.name"
).split()


@dataclass(frozen=True)
class HardResource:
    """Resource attributes that Loki would refuse with every record, or take for what the record says of itself."""

    what: str
    attributes: dict[str, str]
    warning: str
    # What becomes of them; None: left out.
    metadata: dict[str, str | None] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    is_refused_unmended: bool = True

    @property
    def setting(self) -> str:
        return ",".join(f"{key}={value}" for key, value in self.attributes.items())


HARD_RESOURCES = [
    HardResource("many", {f"r{n}": str(n) for n in range(150)}, "left out: ", {"r0": "0", "r149": None}),
    HardResource("large", {f"r{n}": "x" * 1900 for n in range(40)} | {"small": "1"}, "left out: ", {"r0": "x" * 1900, "r39": None, "small": "1"}),
    HardResource("labels", dict.fromkeys(LABELS, "x"), "left out: 2, ", labels=LABELS[:15]),
    HardResource("key-underscore", {"_": "v", "good": "g"}, "key_5f", {"key_5f": "v", "good": "g"}),
    HardResource("key-chinese", {"数量": "v", "good": "g"}, "key_e695b0e9878f", {"key_e695b0e9878f": "v", "good": "g"}),
    HardResource(
        "levels",
        {"level": "2", "detected_level": "boo", "severity.text": "x", "Lvl": "y", "log.level": "z", "severity_number": "99", "trace_id": "t"},
        "level is sent as extra_level, and 6 more",
        {"extra_level": "2", "extra_detected_level": "boo", "extra_severity_text": "x", "extra_Lvl": "y", "extra_log_level": "z",
         "extra_severity_number": "99", "severity_number": "9", "severity_text": "INFO", "extra_trace_id": "t", "trace_id": None},
        is_refused_unmended=False,
    ),
]  # fmt: skip


def push_unmended(loki: Loki, name: str, attributes: dict[str, str]) -> int:
    """The status of a request with these resource attributes as they are."""
    resource = [{"key": key, "value": {"stringValue": value}} for key, value in {"service.name": f"{name}-unmended", **attributes}.items()]
    record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": "hard"}}
    body = {"resourceLogs": [{"resource": {"attributes": resource}, "scopeLogs": [{"logRecords": [record]}]}]}
    request = urllib.request.Request(f"{loki.otlp}/v1/logs", json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=HANG_GUARD_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_labels_are_counted_without_the_name_of_the_service(loki: Loki, name: str) -> None:
    """Where we stop is where Loki stops: pkg/distributor/validator.go."""
    assert push_unmended(loki, name, dict.fromkeys(LABELS[:15], "x")) == 204
    assert push_unmended(loki, name, dict.fromkeys(LABELS[:16], "x")) == 400


@pytest.mark.parametrize("hard", HARD_RESOURCES, ids=lambda hard: hard.what)
@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"], ids=["protobuf", "json"])
def test_no_resource_has_its_records_refused(loki: Loki, name: str, hard: HardResource, protocol: str) -> None:
    assert push_unmended(loki, name, hard.attributes) == (400 if hard.is_refused_unmended else 204)

    # A record that takes all that there may be, for what is kept for it of the line.
    story = neighbourly('log.info("hard", extra={f"k{i}": "x" * 400 for i in range(64)})')
    settings = {"OTEL_SERVICE_NAME": name, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_RESOURCE_ATTRIBUTES": hard.setting, **ONE_REQUEST}
    with Service(story, endpoint=loki.otlp, **settings) as service:
        stats = service.end()
        assert_all_delivered(stats, service)
        assert stats["export_last_status"] == 204
        (warning,) = [line for line in service.stderr if "OTEL_RESOURCE_ATTRIBUTES" in line]
        assert hard.warning in warning
    entries = loki.wait_for(name, NEIGHBOURS + 1)
    middle = assert_neighbours(entries)
    assert {key: middle.metadata[key] for key in middle.metadata if key.startswith("k") and key[1:].isdigit()} == {f"k{n}": "x" * 400 for n in range(64)}
    assert "log_repair" not in middle.metadata
    for entry in entries:
        assert entry.labels.keys() == {"service_name", *(label.replace(".", "_") for label in hard.labels)}
        assert entry.metadata["detected_level"] == "info"
        assert {key: entry.metadata.get(key) for key in hard.metadata} == hard.metadata


def test_hard_records_in_a_row(loki: Loki, name: str) -> None:
    """Many requests, with records at the limits throughout: batches stay within what Loki takes at once."""
    story = """
    for n in range(60):
        log.info("m" * (n * 5000), extra={"n": n, "big": "x" * (n * 5000), "": n, **{f"k{i}": i for i in range(3 * n)}})
        if n % 3 == 2:
            flush(100)
    """
    stats = run_service(story, endpoint=loki.otlp, OTEL_SERVICE_NAME=name)
    assert stats["accepted"] == 60 and stats["export_requests"] >= 20
    assert [entry.metadata["n"] for entry in loki.wait_for(name, 60)] == [str(n) for n in range(60)]


# ---- Too fast -------------------------------------------------------------------------------------------------------


def test_what_the_rate_limit_turned_away_arrives_later_and_once(root: Path, tmp_path: Path, name: str) -> None:
    """429: nothing of the request was taken (pkg/distributor/distributor.go)."""
    story = """
    for n in range(300):
        log.info("order %d", n, extra={"n": n, "filler": "x" * 10_000})
    """
    binary = loki_binary(root)
    with (
        start_on_free_port(lambda: Loki(binary, tmp_path, rate_mb=1, burst_mb=2)) as slow,
        Service(story, endpoint=slow.otlp, OTEL_SERVICE_NAME=name, OBSV_RING_BYTES="8MiB") as running,
    ):
        assert "rate limit" in running.wait_to_say("HTTP 429")
        stats = running.end()
        assert_all_delivered(stats, running)
        assert stats["export_retries"] >= 1
        assert [entry.line for entry in slow.wait_for(name, 300)] == [f"order {n}" for n in range(300)]


# ---- The same bytes again -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("protocol", "compression"), ENCODINGS)
def test_a_resent_request_is_one_entry(loki: Loki, name: str, protocol: str, compression: str) -> None:
    """What makes it safe to send again what was not acknowledged."""
    story = """
    for n in range(10):
        log.info("order %d", n, extra={"n": n, "route": {"venue": "X"}})
    """
    with Receiver() as receiver:
        settings = {**encoding(protocol, compression), **ONE_REQUEST}
        run_service(story, endpoint=receiver.url, OTEL_SERVICE_NAME=name, **settings)
        (sent,) = receiver.requests
    headers = {key: value for key, value in sent.headers.items() if key in ("content-type", "content-encoding")}
    for _ in range(3):
        again = urllib.request.Request(f"{loki.otlp}/v1/logs", sent.body, headers)
        with urllib.request.urlopen(again, timeout=HANG_GUARD_S) as answer:
            assert answer.status == 204
    assert [entry.line for entry in loki.wait_for(name, 10)] == [f"order {n}" for n in range(10)]
