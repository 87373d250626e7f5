"""Requests built with the official opentelemetry-proto classes, and what `obsv listen --json` should make of them."""

from __future__ import annotations

import base64
import math
from typing import Any

from google.protobuf import json_format
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

MARKS = ("bytes_base64", "double_nonfinite", "map_entries")


def request_of(*records: LogRecord, logger: str = "trade-exec") -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.add(key="service.name").value.string_value = "listen-test"
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = logger
    scope_logs.log_records.extend(records)
    return request


def simple(message: str) -> ExportLogsServiceRequest:
    return request_of(LogRecord(time_unix_nano=1, severity_number=9, severity_text="INFO", body=AnyValue(string_value=message)))


def to_json(request: ExportLogsServiceRequest) -> dict[str, Any]:
    """OTLP/JSON differs from proto3 JSON in two points: enums are integers, and ids are hexadecimal."""
    message: dict[str, Any] = json_format.MessageToDict(request, use_integers_for_enums=True)
    for resource_logs in message.get("resourceLogs", []):
        for scope_logs in resource_logs.get("scopeLogs", []):
            for record in scope_logs.get("logRecords", []):
                for key in ("traceId", "spanId"):
                    if key in record:
                        record[key] = base64.b64decode(record[key]).hex()
    return message


# ---- What is expected ---------------------------------------------------------------------------------------------


def expected_value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "bytes_value":
        return {"bytes_base64": base64.b64encode(value.bytes_value).decode()}
    if kind == "double_value" and not math.isfinite(value.double_value):
        number = value.double_value
        return {"double_nonfinite": "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"}
    if kind == "array_value":
        return [expected_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return expected_map(list(value.kvlist_value.values))
    return getattr(value, kind)


def expected_map(pairs: list[KeyValue]) -> Any:
    entries = [[pair.key, expected_value(pair.value)] for pair in pairs]
    plain = dict(entries)
    if len(plain) < len(entries) or is_ambiguous(plain):
        return {"map_entries": entries}
    return plain


def is_ambiguous(value: dict[str, Any]) -> bool:
    if len(value) != 1:
        return False
    ((key, inner),) = value.items()
    return key in MARKS and isinstance(inner, list if key == "map_entries" else str)


def expected_attributes(pairs: list[KeyValue]) -> tuple[dict[str, Any], list[str]]:
    found: dict[str, Any] = {}
    duplicates = []
    for pair in pairs:
        if pair.key in found:
            duplicates.append(pair.key)
        found[pair.key] = expected_value(pair.value)
    return found, duplicates


def expected_record(record: LogRecord) -> dict[str, Any]:
    attributes, duplicates = expected_attributes(list(record.attributes))
    expected = {
        "time_unix_nano": str(record.time_unix_nano),
        "observed_time_unix_nano": str(record.observed_time_unix_nano),
        "severity_number": record.severity_number,
        "severity_text": record.severity_text,
        "body": expected_value(record.body),
        "attributes": attributes,
        "dropped_attributes_count": record.dropped_attributes_count,
        "event_name": record.event_name,
        "trace_id": record.trace_id.hex(),
        "span_id": record.span_id.hex(),
        "flags": record.flags,
    }
    return expected | ({"duplicate_keys": duplicates} if duplicates else {})


# ---- What is generated --------------------------------------------------------------------------------------------

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
keys = text | st.sampled_from(["k", "exception.type", *MARKS])


def key_value(key: str, value: AnyValue | None) -> KeyValue:
    return KeyValue(key=key, value=value)


def any_array(values: list[AnyValue]) -> AnyValue:
    result = AnyValue()
    result.array_value.values.extend(values)
    if not values:
        result.array_value.SetInParent()
    return result


def any_map(pairs: list[tuple[str, AnyValue]]) -> AnyValue:
    result = AnyValue()
    result.kvlist_value.values.extend(key_value(*pair) for pair in pairs)
    if not pairs:
        result.kvlist_value.SetInParent()
    return result


scalars = st.one_of(
    st.builds(AnyValue),
    st.builds(AnyValue, string_value=text),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(AnyValue, double_value=st.floats()),
    st.builds(AnyValue, bytes_value=st.binary(max_size=20)),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4).map(any_array) | st.lists(st.tuples(keys, inner), max_size=4).map(any_map),
    max_leaves=15,
)
u64 = st.integers(0, 2**64 - 1)
u32 = st.integers(0, 2**32 - 1)
records = st.builds(
    LogRecord,
    time_unix_nano=u64,
    observed_time_unix_nano=u64,
    severity_number=st.integers(0, 24),
    severity_text=text,
    body=values,
    attributes=st.lists(st.builds(key_value, keys, values), max_size=6),
    dropped_attributes_count=u32,
    flags=u32,
    trace_id=st.sampled_from([b"", bytes(range(16))]) | st.binary(min_size=16, max_size=16),
    span_id=st.sampled_from([b"", bytes(range(8))]) | st.binary(min_size=8, max_size=8),
    event_name=text,
)
