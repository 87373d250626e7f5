"""All of the standard library's logging behaves."""

from __future__ import annotations

import re

import pytest

from python.conftest import Program

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


def test_the_five_lines(program: Program) -> None:
    run = program(
        """
        from observability import init_observability
        import logging

        init_observability()

        logger = logging.getLogger("trade-exec")
        logger.info("service_started", extra={"component": "startup"})
        """,
        prologue="",
        OTEL_SERVICE_NAME="trade-exec",
    )
    line, record = run.one()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", line.pop("timestamp"))
    assert line == {
        "level": "INFO",
        "logger": "trade-exec",
        "message": "service_started",
        "service": "trade-exec",
        "component": "startup",
    }
    assert (record.severity, record.severity_text, record.body) == (9, "INFO", "service_started")
    assert (record.scope, record.attributes) == ("trade-exec", {"component": "startup"})
    assert record.resource["telemetry.sdk.name"] == "obsv"
    assert record.resource["telemetry.sdk.language"] == "python"


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("log.info('%s %d %.1f%%', 'a', 2, 3.25)", "a 2 3.2%"),
        ("log.info('%(side)s %(qty)d', {'side': 'BUY', 'qty': 3})", "BUY 3"),
        ("log.info('100%')", "100%"),
        ("log.info('%r', ('a', 1))", "('a', 1)"),
        ("log.info({'px': 1.5})", "{'px': 1.5}"),
        ("log.info(None)", "None"),
        ("log.info('')", ""),
        ("log.info(ValueError('as message'))", "as message"),
        ("log.info(Symbol('BTC'))", "not the text itself"),
        ("log.info('%s', Symbol('BTC'))", "not the text itself"),
    ],
)
def test_message(program: Program, call: str, body: str) -> None:
    line, record = program.logs(call).one()
    assert line["message"] == record.body == body
    assert not record.attributes


def test_a_wrong_format_gives_the_raw_message(program: Program) -> None:
    run = program.logs("log.info('price %d', 'abc'); log.info('%s %s', 1, extra={'k': 1}); log.info('fine')")
    (first, _), (second, record), (third, _) = run.both()
    assert first["message"] == "price %d"
    assert first["log_error"] == "TypeError: %d format: a real number is required, not str"
    assert first["log_args"] == "('abc',)"
    assert second["message"] == record.body == "%s %s"
    assert record.attributes == {"k": 1, "log_error": "TypeError: not enough arguments for format string", "log_args": "(1,)"}
    assert third["message"] == "fine"


EXCEPTION_CALLS = [
    "log.exception('failed')",
    "log.error('failed', exc_info=True)",
    "log.error('failed', exc_info=sys.exc_info())",
    "log.error('failed', exc_info=error)",
]


@pytest.mark.parametrize("call", EXCEPTION_CALLS)
def test_exc_info(program: Program, call: str) -> None:
    run = program.logs(f"""
        def place():
            raise LookupError("no such venue", 7)
        try:
            place()
        except LookupError as error:
            {call}
    """)
    line, record = run.one()
    stack = record.attributes.pop("exception.stacktrace")
    assert stack.startswith("Traceback (most recent call last):\n")
    assert "in place" in stack
    assert stack.endswith("\nLookupError: ('no such venue', 7)")
    assert record.attributes == {"exception.type": "LookupError", "exception.message": "('no such venue', 7)"}
    assert line["exception"] == {"type": "LookupError", "message": "('no such venue', 7)", "stacktrace": stack}


def test_exc_info_without_an_exception(program: Program) -> None:
    line, record = program.logs("log.error('nothing', exc_info=True)").one()
    assert "exception" not in line and not record.attributes


def test_exception_of_a_class_of_its_own_with_a_cause(program: Program) -> None:
    run = program.logs("""
        class Venue:
            class Rejected(Exception):
                pass
        try:
            try:
                1 / 0
            except ZeroDivisionError as e:
                raise Venue.Rejected("risk limit") from e
        except Venue.Rejected:
            log.exception("rejected")
        import decimal
        log.error("other", exc_info=decimal.InvalidOperation("never raised"))
    """)
    (first, _), (second, _) = run.both()
    assert first["exception"]["type"] == "__main__.Venue.Rejected"
    assert "ZeroDivisionError: division by zero\n\nThe above exception was the direct cause" in first["exception"]["stacktrace"]
    assert second["exception"] == {
        "type": "decimal.InvalidOperation",
        "message": "never raised",
        "stacktrace": "decimal.InvalidOperation: never raised",
    }


def test_exc_text_of_a_formatter_is_not_made_twice(program: Program) -> None:
    run = program.logs("""
        class Short(logging.Formatter):
            def formatException(self, info):
                return "one line"
        handler = logging.FileHandler(os.devnull)
        handler.setFormatter(Short())
        logging.getLogger().handlers.insert(0, handler)
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("failed")
    """)
    assert run.one()[0]["exception"] == {"type": "ZeroDivisionError", "message": "division by zero", "stacktrace": "one line"}


def test_stack_info(program: Program) -> None:
    line, record = program.logs("log.info('here', stack_info=True)").one()
    assert line["code.stacktrace"].startswith("Stack (most recent call last):\n")
    assert record.attributes == {"code.stacktrace": line["code.stacktrace"]}


def test_extra_keeps_its_order(program: Program) -> None:
    line, _ = program.logs("log.info('m', extra={'zeta': 1, 'alpha': 2, 'order.id': 3, 'mid': 4})").one()
    assert list(line)[-4:] == ["zeta", "alpha", "order.id", "mid"]


def test_standard_fields_are_no_attributes(program: Program) -> None:
    run = program.logs("""
        seen = logging.Formatter("%(asctime)s %(message)s")
        class Before(logging.Handler):
            def emit(self, record):
                seen.format(record)
        logging.getLogger().handlers.insert(0, Before())
        log.info("m %s", 1)
        import json, asyncio
        received = json.loads('{"msg": "from json", "name": "n", "levelno": 20, "levelname": "INFO", "taskName": "t", "message": "x", "own.key": 1}')
        logging.getLogger().handle(logging.makeLogRecord(received))
        async def in_task():
            log.info("in task")
        asyncio.run(in_task())
    """)
    assert [record.attributes for record in run.records] == [{}, {"own.key": 1}, {}]


def test_keys_that_are_no_strings(program: Program) -> None:
    _, record = program.logs("log.info('m', extra={1: 'one', None: 'none', (1, 'x'): 'pair'})").one()
    assert record.attributes == {"1": "one", "None": "none", "(1, 'x')": "pair"}


def test_logger_adapter(program: Program) -> None:
    run = program.logs("""
        adapter = logging.LoggerAdapter(log, {"run_id": "r1"})
        adapter.info("with %s", "context")
    """)
    line, record = run.one()
    assert record.body == "with context" and record.attributes == {"run_id": "r1"}
    assert line["run_id"] == "r1"


def test_filters(program: Program) -> None:
    run = program.logs("""
        handler, = logging.getLogger().handlers
        handler.addFilter(lambda record: "drop" not in record.msg)
        def enrich(record):
            record.session_id = "s1"
            return True
        log.addFilter(enrich)
        log.info("drop me")
        log.info("keep me")
        handler.addFilter(lambda record: 1 / 0)
        log.info("the filter fails")
        handler.filters.clear()
        handler.addFilter(logging.Filter("other"))
        log.info("dropped by name")
        logging.getLogger("other.child").info("kept by name")
    """)
    assert [line["message"] for line in run.lines] == ["keep me", "the filter fails", "kept by name"]
    assert run.lines[0]["session_id"] == "s1"
    assert run.lines[1]["log_error"] == "ZeroDivisionError: division by zero"
    assert len(run.records) == 3


def test_a_filter_may_give_another_record(program: Program) -> None:
    run = program.logs("""
        if sys.version_info >= (3, 12):
            handler, = logging.getLogger().handlers
            handler.addFilter(lambda record: logging.makeLogRecord({**record.__dict__, "msg": "masked"}))
        log.info("masked" if sys.version_info < (3, 12) else "secret")
    """)
    assert run.one()[0]["message"] == "masked"


def test_child_loggers_and_levels(program: Program) -> None:
    run = program.logs("""
        logging.getLogger("a").setLevel(logging.DEBUG)
        logging.getLogger("a.b.c").debug("from the grandchild")
        logging.getLogger("z").debug("below the root's level")
        quiet = logging.getLogger("quiet")
        quiet.propagate = False
        quiet.info("does not propagate")
        logging.disable(logging.INFO)
        log.info("disabled")
        logging.disable(logging.NOTSET)
        handler, = logging.getLogger().handlers
        handler.setLevel(logging.ERROR)
        log.warning("below the handler's level")
        log.error("above")
    """)
    assert [(line["logger"], line["level"], line["message"]) for line in run.lines] == [
        ("a.b.c", "DEBUG", "from the grandchild"),
        ("trade-exec", "ERROR", "above"),
    ]


def test_custom_levels(program: Program) -> None:
    run = program.logs("""
        logging.addLevelName(5, "TRACE")
        logging.addLevelName(25, "NOTICE")
        for level in (1, 5, 10, 12, 19, 20, 21, 25, 30, 39, 40, 50, 52, 99):
            log.log(level, "m")
    """, LOG_LEVEL="1")
    assert [record.severity for record in run.records] == [1, 1, 5, 7, 8, 9, 10, 12, 13, 16, 17, 21, 23, 24]
    assert [record.severity_text for record in run.records] == (
        ["TRACE"] * 2 + ["DEBUG"] * 3 + ["INFO"] * 3 + ["WARN"] * 2 + ["ERROR"] + ["FATAL"] * 3
    )


def test_capture_warnings(program: Program) -> None:
    run = program.logs("logging.captureWarnings(True); import warnings; warnings.warn('old API')")
    line, _ = run.one()
    assert (line["level"], line["logger"]) == ("WARNING", "py.warnings")
    assert "UserWarning: old API" in line["message"]


def test_other_ways_to_make_a_message(program: Program) -> None:
    run = program.logs("""
        class Braces(logging.LogRecord):
            def getMessage(self):
                return self.msg.format(*self.args)
        logging.setLogRecordFactory(Braces)
        log.info("{} at {}", "BUY", 7)
        log.info("{} {}", 1)
        logging.setLogRecordFactory(logging.LogRecord)
        log.info("%s", "plain")
        logging.LogRecord.getMessage = lambda self: "patched " + self.msg
        log.info("m")
    """)
    assert [line["message"] for line in run.lines] == ["BUY at 7", "{} {}", "plain", "patched m"]
    assert run.lines[1]["log_error"].startswith("IndexError: ")


def test_subclass_with_its_own_emit(program: Program) -> None:
    run = program.logs("""
        class Tagged(observability.Handler):
            def emit(self, record):
                if record.msg == "fail":
                    raise RuntimeError("own emit")
                record.tag = "t"
                super().emit(record)
        own = logging.getLogger("own")
        own.propagate = False
        own.addHandler(Tagged(level=logging.WARNING))
        own.warning("tagged")
        own.warning("fail")
        own.info("below")
    """)
    assert [(line["message"], line.get("tag"), line.get("log_error")) for line in run.lines] == [
        ("tagged", "t", None),
        ("fail", None, "RuntimeError: own emit"),
    ]


def test_a_record_that_waited_keeps_its_time(program: Program) -> None:
    run = program.logs("""
        import logging.handlers, queue
        q = queue.SimpleQueue()
        handler, = logging.getLogger().handlers
        record = logging.makeLogRecord({"msg": "waited %s", "args": ("long",), "name": "q", "levelno": 20, "levelname": "INFO", "created": 1700000000.25})
        logging.handlers.QueueHandler(q).emit(record)
        listener = logging.handlers.QueueListener(q, handler)
        listener.start()
        listener.stop()
        log.info("now")
    """)
    assert run.lines[0]["timestamp"] == "2023-11-14T22:13:20.250000000Z"
    assert run.lines[0]["message"] == "waited long"
    assert run.lines[1]["timestamp"] > "2024"


def test_code_attributes(program: Program) -> None:
    code = """
        def submit():
            log.info("m", extra={"k": 1})
        submit()
    """
    _, record = program.logs(code, OBSV_CODE_ATTRIBUTES="true").one()
    assert list(record.attributes)[0] == "k"
    assert record.attributes["code.file.path"] == "<string>"
    assert record.attributes["code.function.name"] == "submit"
    assert record.attributes["code.line.number"] > 1
    assert program.logs(code).one()[1].attributes == {"k": 1}


def test_event_name(program: Program) -> None:
    run = program.logs("""
        log.info("m", extra={"event.name": "order_submitted", "k": 1})
        log.info("m", extra={"otel.event.name": "order_rejected"})
        log.info("m", extra={"event.name": 7})
    """)
    first, second, third = run.records
    assert (first.event, first.attributes) == ("order_submitted", {"k": 1})
    assert (second.event, second.attributes) == ("order_rejected", {})
    assert third.event == ""
    assert list(third.attributes.values()) == [7]


def test_trace_ids_given_with_the_record(program: Program) -> None:
    run = program.logs(f"""
        log.info("both", extra={{"trace_id": "{TRACE}", "span_id": "{SPAN.upper()}", "k": 1}})
        log.info("trace alone", extra={{"trace_id": "{TRACE}"}})
        log.info("malformed", extra={{"trace_id": "my-trace", "span_id": 7}})
        log.info("zero", extra={{"trace_id": "{"0" * 32}"}})
    """)
    both, alone, malformed, zero = run.records
    assert (both.trace_id, both.span_id, both.attributes) == (TRACE, SPAN, {"k": 1})
    assert run.lines[0]["trace_id"] == TRACE and run.lines[0]["span_id"] == SPAN
    assert (alone.trace_id, alone.span_id, alone.attributes) == (TRACE, "", {})
    assert "span_id" not in run.lines[1]
    assert (malformed.trace_id, malformed.attributes) == ("", {"extra_trace_id": "my-trace", "extra_span_id": 7})
    assert (zero.trace_id, zero.attributes) == ("", {"extra_trace_id": "0" * 32})


def test_the_current_span_of_opentelemetry(program: Program) -> None:
    """The API is taken from sys.modules if it is there, here a double of it, and never imported."""
    run = program.logs(f"""
        import types
        log.info("not imported")
        assert not [name for name in sys.modules if name.startswith("opentelemetry")]
        api = sys.modules["opentelemetry.trace"] = types.ModuleType("opentelemetry.trace")
        log.info("half imported")
        class Span:
            trace_id, span_id, trace_flags = 0x{TRACE}, 0x{SPAN}, 1
            def get_span_context(self):
                return self
        api.get_current_span = lambda: span
        span = Span()
        log.info("in a span")
        log.info("in a span, told otherwise", extra={{"trace_id": "{"a" * 32}"}})
        span.trace_id = span.span_id = 0
        log.info("no span")
        api.get_current_span = span = None
        log.info("broken")
    """)
    ids = [(record.trace_id, record.span_id, record.flags) for record in run.records]
    none = ("", "", 0)
    assert ids == [none, none, (TRACE, SPAN, 1), ("a" * 32, "", 0), none, none]
    assert not any(record.attributes for record in run.records)


def test_colliding_keys_are_renamed(program: Program) -> None:
    _, record = program.logs("log.info('m', extra={'level': 2, 'service': 's', 'severity': 'x', 'timestamp': 1})").one()
    assert record.attributes == {"extra_level": 2, "extra_service": "s", "extra_severity": "x", "extra_timestamp": 1}


def test_what_no_handler_should_ever_see(program: Program) -> None:
    run = program.logs("""
        handler, = logging.getLogger().handlers
        for thing in (None, 42, object(), type("Empty", (), {})()):
            handler.handle(thing)
        log.info("after")
        assert observability.flush(60)
        print(observability.stats().stdout_dropped_internal)
    """)
    assert run.lines[-1]["message"] == "after"
    assert run.said == ["3"]
