"""An endpoint that is as strict as Loki with all its limits, and stricter: one bad record costs the whole request.

The limits are Loki's defaults (limits_config: max_line_size, max_structured_metadata_size and _entries_count), and its
way of naming (prometheus/otlptranslator: what is no letter or digit becomes `_`; nothing may become `_` alone). Text
that is not UTF-8 the protobuf decoder refuses by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from fault.server import Arrival, Step, judge
from python.receiver import Exported

LINE_BYTES, METADATA_BYTES, METADATA_COUNT = 256 << 10, 64 << 10, 128


def loki_name(key: str) -> str:
    return re.sub("_+", "_", re.sub("[^A-Za-z0-9]", "_", key))


def flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    """As Loki stores it: maps by their leaves, everything else as text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(f"{prefix}_{key}" if prefix else key, inner)
    elif isinstance(value, (list, bytes)):
        yield prefix, json.dumps(value, default=lambda data: data.hex())
    else:
        yield prefix, str(value)


def fault_of(record: Exported) -> str:
    entries = [*flat("", record.resource), *flat("", record.attributes), ("scope_name", record.scope)]
    entries += [("severity_text", record.severity_text), ("severity_number", str(record.severity)), ("observed_timestamp", "1" * 19)]
    for key, _ in entries:
        if loki_name(key).strip("_") == "":
            return f"symbolizer lookup: normalization for label name {key!r}"
    if len(entries) > METADATA_COUNT:
        return f"too many structured metadata labels: {len(entries)}"
    if (size := sum(len(key.encode()) + len(value.encode()) for key, value in entries)) > METADATA_BYTES:
        return f"structured metadata too large: {size}"
    if len(str(record.body).encode()) > LINE_BYTES:
        return "max entry size exceeded"
    return ""


def verdict(arrival: Arrival) -> tuple[int, str]:
    faults = [fault for record in arrival.records if (fault := fault_of(record))]
    return (400, faults[0]) if faults else (204, "")


STRICT: Step = judge(verdict)
