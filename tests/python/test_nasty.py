"""One bad record harms only itself: it arrives repaired and marked, and each of its hundred neighbours arrives whole."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from python import corpus
from python.conftest import Program
from python.nasty import nested

NEIGHBOURS = 100
CUT = 128 * 1024  # what a log call copies of one text

# Python source of the value, and what must arrive as the attribute.
VALUES: dict[str, tuple[str, Any]] = {
    "lone surrogate": ("'bad \\ud800 end'", "bad \ufffd end"),
    "surrogates in a row": ("'\\udfff\\ud800'", "\ufffd\ufffd"),
    "NUL and control characters": ("'a\\0b\\x1b[31m\\u2028'", "a\0b\x1b[31m\u2028"),
    "largest 64-bit int": ("2**63 - 1", 2**63 - 1),
    "smallest 64-bit int": ("-2**63", -(2**63)),
    "first int beyond": ("2**63", str(2**63)),
    "first int below": ("-2**63 - 1", str(-(2**63) - 1)),
    "int of 300 digits": ("10**300", str(10**300)),
    "int that str refuses": ("1 << 20000", f"0x{1 << 20000:x}"),
    "int without end": ("1 << 3000000", "<int of 3000001 bits>"),
    "not a number": ("float('nan')", float("nan")),
    "infinity": ("-float('inf')", float("-inf")),
    "negative zero": ("-0.0", -0.0),
    "bytes": ("bytes(range(256))", bytes(range(256))),
    "bytearray": ("bytearray(b'\\xff')", b"\xff"),
    "memoryview": ("memoryview(b'abcdef')[1:3]", b"bc"),
    "memoryview in steps": ("memoryview(b'abcdef')[::2]", b"ace"),
    "empty things": ("[[], {}, '', b'', ()]", [[], {}, "", b"", []]),
    "nested 64 deep": ("nested(64)", nested(64)),
    "nested 65 deep": ("nested(65)", nested(64, "<too deep>", start=1)),
    "nested a thousand deep": ("nested(1000)", nested(64, "<too deep>", start=936)),
    "cycle": ("cycle()", [1, {"self": "<cycle>"}]),
    "shared, not a cycle": ("(lambda x: [x, x])([1])", [[1], [1]]),
    "exploding __str__": ("Exploding()", "<unprintable Exploding>"),
    "exploding error": ("Doubly()", "<unprintable Doubly>"),
    "__str__ that gives no str": ("NotText()", "<unprintable NotText>"),
    "exploding in depth": ("{'a': [1, Exploding()], 'b': 2}", {"a": [1, "<unprintable Exploding>"], "b": 2}),
    "exploding key": ("{Exploding(): 1}", {"<unprintable Exploding>": 1}),
    "keys of other types": ("{1: 'a', None: 'b', 2.5: 'c', (1, 2): 'd'}", {"1": "a", "None": "b", "2.5": "c", "(1, 2)": "d"}),
    "set": ("{7}", [7]),
    "named tuple": ("__import__('collections').namedtuple('P', 'x y')(1, 2)", [1, 2]),
    "ordered dict": ("__import__('collections').OrderedDict(b=1, a=2)", {"b": 1, "a": 2}),
    "decimal": ("__import__('decimal').Decimal('1.10')", "1.10"),
    "datetime": ("__import__('datetime').datetime(2024, 2, 3, 4, 5, 6)", "2024-02-03 04:05:06"),
    "date": ("__import__('datetime').date(2024, 2, 3)", "2024-02-03"),
    "uuid": ("__import__('uuid').UUID(int=1)", "00000000-0000-0000-0000-000000000001"),
    "enum": ("Side.BUY", "Side.BUY"),
    "int enum": ("Venue.XETRA", "7"),
    "str enum": ("Kind.LIMIT", "limit"),
    "path": ("__import__('pathlib').PurePosixPath('/a/b')", "/a/b"),
    "numpy float": ("__import__('numpy').float64(1.5)", "1.5"),
    "numpy int": ("__import__('numpy').int32(-3)", "-3"),
    "numpy bool": ("__import__('numpy').bool_(True)", "True"),
    "class": ("Exploding", "<class 'python.nasty.Exploding'>"),
    "growing dict": ("(lambda d: [d.update(first=Growing(d), second=2), d][1])({})", {"first": "grown", "second": 2}),
    "shrinking list": ("(lambda x: [x.extend([Growing(x), 2, 3]), x][1])([])", ["grown"]),
}
EXPLODING = {name for name in VALUES if "xploding" in name or "no str" in name}


@pytest.mark.parametrize("name", VALUES)
def test_value(program: Program, name: str) -> None:
    source, expected = VALUES[name]
    run = program.logs(f"""
        for i in range({NEIGHBOURS}):
            log.info("neighbour %d", i, extra={{"i": i}})
            if i == {NEIGHBOURS // 2}:
                log.info("nasty", extra={{"before": 1, "v": {source}, "after": 2}})
    """)
    pairs = run.both()
    line, record = pairs.pop(NEIGHBOURS // 2 + 1)
    assert [(line["message"], line["i"]) for line, _ in pairs] == [(f"neighbour {i}", i) for i in range(NEIGHBOURS)]
    assert [(record.body, record.attributes) for _, record in pairs] == [(f"neighbour {i}", {"i": i}) for i in range(NEIGHBOURS)]
    assert (record.attributes["before"], record.attributes["after"]) == (1, 2)
    assert ("log_error" in record.attributes) == (name in EXPLODING)
    assert corpus.same(unfolded(record.attributes["v"]) if "deep" in name else record.attributes["v"], expected)
    assert corpus.same(line["v"], corpus.in_json(expected))


def unfolded(value: Any, depth: int = 0) -> Any:
    """Protobuf's decoders refuse messages nested more than 100 deep, so the engine writes what is deeper as JSON."""
    if isinstance(value, list):
        return [unfolded(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: unfolded(item, depth + 1) for key, item in value.items()}
    return json.loads(value) if depth >= 30 and value.startswith(("[", "{")) else value


def test_endless_text_is_cut_and_marked(program: Program) -> None:
    run = program.logs(f"""
        log.info("x" * {10 * CUT})
        log.info("\\N{{EURO SIGN}}" * {10 * CUT})
        log.info("m", extra={{"v": "y" * {10 * CUT}, "w": "\\N{{EURO SIGN}}" * {10 * CUT}, "k": 1}})
        log.info("after")
    """)
    first, second, third, fourth = run.lines
    for line, character in ((first, "x"), (second, "\N{EURO SIGN}")):
        assert line["message"].startswith(character * 1000)
        assert len(line["message"].encode()) <= CUT + 100
        assert not line["message"].endswith(character)
    assert third["k"] == 1
    assert third["v"].startswith("y" * 100) and not third["v"].endswith("y")
    assert fourth["message"] == "after"
    assert len(run.records) == 4


def test_three_hundred_attributes(program: Program) -> None:
    run = program.logs("""
        log.info("many", extra={f"k{i}": i for i in range(300)})
        log.info("absurdly many", extra={f"k{i}": i for i in range(5000)})
        log.info("after")
    """)
    many, absurd, after = run.records
    assert many.attributes["k0"] == 0 and len(many.attributes) + many.dropped_attributes >= 300
    assert len(absurd.attributes) + absurd.dropped_attributes >= 5000
    assert after.body == "after"


def test_more_than_a_record_can_hold(program: Program) -> None:
    """A tree that is small in memory and endless when written out, and a list that is just long."""
    run = program.logs("""
        tree = "leaf"
        for _ in range(60):
            tree = [tree] * 10
        log.info("tree", extra={"v": tree, "k": 1})
        log.info("long", extra={"v": list(range(10**6)), "w": set(range(10**6)), "x": dict.fromkeys(range(10**6)), "k": 2})
        log.info("after")
    """)
    tree, long, after = run.records
    assert (tree.attributes["k"], long.attributes["k"], after.body) == (1, 2, "after")
    assert tree.dropped_attributes >= 1 and long.dropped_attributes >= 1


def test_huge_stack_trace(program: Program) -> None:
    run = program.logs("""
        class Wordy(Exception):
            def __str__(self):
                return "word " * 300000
        def deeper(n):
            if n:
                deeper(n - 1)
            raise Wordy
        try:
            deeper(200)
        except Wordy:
            log.exception("failed")
        log.info("after")
    """)
    line, record = run.both()[0]
    assert record.attributes["exception.type"] == "__main__.Wordy"
    assert record.attributes["exception.message"].startswith("word word ")
    assert line["exception"]["stacktrace"].startswith("Traceback (most recent call last):\n")
    assert run.lines[1]["message"] == "after"


def test_recursion_error_is_a_record_like_others(program: Program) -> None:
    run = program.logs("""
        def endless(n):
            return endless(n + 1)
        try:
            endless(0)
        except RecursionError:
            log.exception("too deep")
    """)
    assert run.one()[1].attributes["exception.type"] == "RecursionError"


def test_logging_near_the_recursion_limit(program: Program) -> None:
    run = program.logs("""
        def down(n):
            try:
                down(n + 1)
            except RecursionError:
                pass
            log.info("at %s", n, extra={"v": Exploding()})
        sys.setrecursionlimit(200)
        try:
            down(0)
        except RecursionError:
            pass  # the standard library's part of the call ran out of stack
        sys.setrecursionlimit(1000)
        log.info("after")
    """)
    assert run.lines[-1]["message"] == "after"


def test_exploding_message_and_exception(program: Program) -> None:
    run = program.logs("""
        log.info(Exploding(), extra={"k": 1})
        log.info("%s", Exploding())
        try:
            raise Doubly.Error()
        except Doubly.Error:
            log.exception("failed")
    """)
    first, second, third = run.lines
    assert (first["message"], first["log_error"], first["k"]) == ("<unprintable Exploding>", "ValueError: no text for you", 1)
    assert (second["message"], second["log_error"]) == ("%s", "ValueError: no text for you")
    assert third["exception"]["message"] == "<unprintable Error>"
    assert third["exception"]["type"] == "python.nasty.Doubly.Error"


def test_arguments_that_cannot_even_be_shown(program: Program) -> None:
    line, record = program.logs("log.info('%d', Unprintable())").one()
    assert line["message"] == "%d"
    assert list(record.attributes) == ["log_error"]


def test_log_calls_inside_log_calls(program: Program) -> None:
    run = program.logs("""
        log.info("outer", extra={"v": Chatty(log, 3)})
        log.info("outer %s", Chatty(log, 1))
    """)
    # An inner call is complete before the one that it was made in.
    assert [(line["message"], line.get("depth")) for line in run.lines] == [
        ("inner", 1), ("inner", 2), ("inner", 3), ("outer", None), ("inner", 1), ("outer chatty 1", None),
    ]  # fmt: skip
    assert run.lines[3]["v"] == "chatty 3"


def test_log_calls_without_end_inside_log_calls(program: Program) -> None:
    run = program.logs("""
        log.info("start", extra={"v": Endless(log)})
        log.info("after")
        assert observability.flush(60)
        s = observability.stats()
        print(s.accepted == s.stdout_delivered + s.stdout_dropped_internal, s.stdout_dropped_internal > 0)
    """)
    assert run.lines[-1]["message"] == "after"
    assert run.said == ["True True"]


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit"])
def test_what_is_no_exception_goes_on_after_the_record(program: Program, error: str) -> None:
    """A Ctrl-C may arrive inside a __str__; it must not be lost, nor the record."""
    run = program.logs(f"""
        class Interrupted:
            def __str__(self):
                raise {error}
        try:
            log.info("m", extra={{"v": Interrupted(), "k": 1}})
        except {error}:
            print("went on")
    """)
    line, record = run.one()
    assert record.attributes == {"v": "<unprintable Interrupted>", "k": 1}
    assert run.said == ["went on"]


def test_bytes_in_json_are_base64(program: Program) -> None:
    line, _ = program.logs("log.info('m', extra={'v': b'\\x00\\xff'})").one()
    assert base64.b64decode(line["v"]) == b"\x00\xff"
