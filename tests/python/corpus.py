"""Generated records, and what each must become on either sink: the rules, written down a second time."""

from __future__ import annotations

import base64
import datetime
import decimal
import math
import pathlib
import re
import string
import traceback
import uuid
from dataclasses import dataclass, field
from typing import Any

import numpy
from hypothesis import strategies as st

from python.nasty import Doubly, Exploding, Flag, Kind, NotText, Price, Quantity, Side, Symbol, Venue


@dataclass(frozen=True)
class Logged:
    """The arguments of one log call."""

    logger: str
    level: int
    msg: Any
    args: tuple[Any, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    exception: Exception | None = None


# ---- Rules ----------------------------------------------------------------------------------------------------------

EXPLOSIVE = (Exploding, Doubly, NotText)


def text(s: str) -> str:
    """Lone surrogates become U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", s)


def explodes(value: Any) -> bool:
    if isinstance(value, dict):
        return any(explodes(part) for pair in value.items() for part in pair)
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(map(explodes, value))
    return isinstance(value, EXPLOSIVE)


def string_of(value: Any) -> str:
    return f"<unprintable {type(value).__name__}>" if isinstance(value, EXPLOSIVE) else text(str(value))


def in_otlp(value: Any) -> Any:
    """The attribute as the official decoder gives it back."""
    kind = type(value)
    if value is None or kind in (bool, float):
        return value
    if isinstance(value, (Side, Venue, Kind, Flag)) or kind.__module__ == "numpy":
        return string_of(value)
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else str(int(value))
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return text(str.__str__(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [in_otlp(item) for item in value]
    if isinstance(value, dict):
        return {string_of(key): in_otlp(item) for key, item in value.items()}
    return string_of(value)


def in_json(value: Any) -> Any:
    """The same attribute as json.loads gives it back from the stdout line."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if isinstance(value, list):
        return [in_json(item) for item in value]
    if isinstance(value, dict):
        return {key: in_json(item) for key, item in value.items()}
    return value


def same(a: Any, b: Any) -> bool:
    """Equal in value and in type, NaN and the sign of zero included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return math.isnan(a) and math.isnan(b) or a == b and math.copysign(1, a) == math.copysign(1, b)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(same, a.values(), b.values()))
    return bool(a == b)


def body_of(record: Logged) -> tuple[str, bool]:
    """The message, and whether it is only the raw one."""
    try:
        message = str(record.msg)
        return text(message % record.args if record.args else message), False
    except Exception:
        return string_of(record.msg), True


SEVERITIES = [(10, 1), (20, 5), (30, 9), (40, 13), (50, 17)]


def severity_of(level: int) -> int:
    """FIELD: ten of Python's levels are four of OTLP's, the first three and the rest."""
    if level < 10:
        return 1
    if level >= 53:
        return 24
    return 1 + level // 10 * 4 + min(level % 10, 3)


def severity_text(severity: int) -> str:
    return ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")[(severity - 1) // 4]


def exception_of(exception: Exception) -> dict[str, str]:
    kind = type(exception)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        message = text(str(exception))
    except Exception:
        message = f"<unprintable {kind.__name__}>"
    last_line = text("".join(traceback.format_exception_only(exception))).rstrip("\n")
    return {"type": name, "message": message, "stacktrace": last_line}


# ---- Generating -------------------------------------------------------------------------------------------------------

# All of Unicode, lone surrogates included.
anything = st.text(st.characters(exclude_categories=()), max_size=40)
names = st.text(string.ascii_lowercase, min_size=1, max_size=8)

numpy_scalars = st.one_of(
    st.floats(width=32).map(numpy.float32),
    st.floats().map(numpy.float64),
    st.integers(-(2**63), 2**63 - 1).map(numpy.int64),
    st.integers(0, 255).map(numpy.uint8),
    st.booleans().map(numpy.bool_),
    st.text(string.ascii_letters, max_size=5).map(numpy.str_),
    st.datetimes(datetime.datetime(1980, 1, 1), datetime.datetime(2100, 1, 1)).map(numpy.datetime64),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**200), 2**200),
    st.floats(),
    anything,
    st.binary(max_size=40),
)
objects = st.one_of(
    st.decimals(),
    st.datetimes(timezones=st.sampled_from([None, datetime.UTC])),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.fractions(),
    st.complex_numbers(),
    st.uuids(),
    st.sampled_from([*Side, *Venue, *Kind, Flag.POST_ONLY | Flag.REDUCE]),
    names.map(lambda name: pathlib.PurePosixPath("/var/log") / name),
    st.binary(max_size=20).map(bytearray),
    st.floats(allow_nan=False).map(Price),
    st.integers().map(Quantity),
    anything.map(Symbol),
    numpy_scalars,
    st.builds(Exploding),
    st.builds(Doubly),
    st.builds(NotText),
    st.sampled_from([Exploding, len, ..., NotImplemented]),
)
keys = st.one_of(
    names.map("k".__add__),
    st.integers(),
    st.booleans(),
    st.none(),
    st.uuids(),
    st.tuples(names, st.integers()),
)


def distinct(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Keys that differ as Python objects can have the same str()."""
    return {key: value for key, value in {str(key): (key, value) for key, value in pairs}.values()}


values = st.recursive(
    st.one_of(scalars, objects),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.lists(st.tuples(keys, inner), max_size=5).map(distinct),
    ),
    max_leaves=12,
) | st.frozensets(st.one_of(st.integers(), st.uuids(), st.binary(max_size=5)), max_size=1)

# A prefix, because the keys that are renamed and repaired are another test's.
extras = st.dictionaries(names.map("a_".__add__), values, max_size=8)

exceptions = st.one_of(
    st.none(),
    st.none(),
    st.builds(ValueError, anything),
    st.builds(KeyError, names),
    st.builds(OSError, st.integers(1, 100), names),
    st.builds(decimal.InvalidOperation, names),
    st.just(Doubly.Error()),
)
messages = st.one_of(
    st.tuples(anything, st.just(())),
    st.tuples(st.just("%s at %.2f"), st.tuples(st.one_of(anything, st.uuids()), st.floats())),
    st.tuples(st.just("%d lots"), st.tuples(st.integers() | anything)),
    st.tuples(st.just("too few %s %s"), st.tuples(names)),
    st.tuples(st.builds(Exploding), st.just(())),
    st.tuples(st.sampled_from([42, {"px": decimal.Decimal("1.1")}, None, uuid.UUID(int=7)]), st.just(())),
)
records = st.builds(
    lambda logger, level, message, extra, exception: Logged(logger, level, message[0], message[1], extra, exception),
    st.sampled_from(["trade-exec", "trade-exec.orders", "root2", "Zürich"]),
    st.one_of(st.sampled_from([10, 20, 30, 40, 50]), st.integers(1, 70)),
    messages,
    extras,
    exceptions,
)
