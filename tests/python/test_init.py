"""One call at start-up: what it sets up, what it leaves alone, and what a second one does."""

from __future__ import annotations

from python.conftest import Program


def test_a_second_call_changes_nothing_and_says_so(program: Program) -> None:
    run = program("""
        init_observability(service_name="first")
        handlers = list(logging.getLogger().handlers)
        logging.getLogger().setLevel(logging.WARNING)
        init_observability(service_name="second", level="DEBUG")
        assert logging.getLogger().handlers == handlers
        assert logging.getLogger().level == logging.WARNING
        logging.warning("once")
    """)
    line, record = run.one()
    assert line["service"] == record.resource["service.name"] == "first"
    assert run.stderr.count("already initialised") == 1


def test_console_handlers_of_basic_config_go(program: Program) -> None:
    run = program("""
        logging.basicConfig(level=logging.DEBUG)
        init_observability()
        logging.info("once")
        logging.debug("below LOG_LEVEL")
        logging.basicConfig()
        logging.info("twice?")
    """)
    assert [line["message"] for line in run.lines] == ["once", "twice?"]
    assert "once" not in run.stderr and "twice?" not in run.stderr


def test_all_other_handlers_stay(program: Program) -> None:
    run = program("""
        import io
        class Own(logging.StreamHandler):
            pass
        root = logging.getLogger()
        text = io.StringIO()
        kept = [logging.FileHandler(os.devnull), Own(sys.stderr), logging.StreamHandler(text), logging.NullHandler()]
        gone = [logging.StreamHandler(), logging.StreamHandler(sys.stdout), logging.StreamHandler(sys.__stderr__)]
        for handler in [*kept, *gone]:
            root.addHandler(handler)
        elsewhere = logging.StreamHandler()
        logging.getLogger("child").addHandler(elsewhere)
        init_observability()
        assert [handler for handler in root.handlers if handler in kept + gone] == kept
        assert logging.getLogger("child").handlers == [elsewhere]
        logging.info("m")
        assert text.getvalue() == "m\\n"
    """)
    assert [line["message"] for line in run.lines] == ["m"]


def test_console_handlers_stay_where_stdout_is_off(program: Program) -> None:
    run = program("""
        logging.basicConfig()
        init_observability(stdout=False)
        logging.info("m")
    """)
    assert run.lines == []
    assert run.stderr.count("INFO:root:m") == 1
    assert [record.body for record in run.records] == ["m"]


def test_log_level(program: Program) -> None:
    code = "logging.debug('d'); logging.info('i'); logging.error('e')"
    for level, expected in (("", "ie"), ("debug", "die"), ("40", "e"), ("nonsense", "ie")):
        run = program("init_observability()\n" + code, LOG_LEVEL=level)
        assert "".join(line["message"] for line in run.lines) == expected
        assert ("LOG_LEVEL" in run.stderr) == (level == "nonsense")
    assert len(program("init_observability(level=logging.ERROR)\n" + code, LOG_LEVEL="DEBUG").lines) == 1


def test_overrides_of_every_type(program: Program) -> None:
    run = program("""
        import pathlib
        init_observability(
            service_name="trade-exec", environment="test", version=None, compression="none", code_attributes=True,
            headers={"Authorization": "Basic dXNlcjpwYXNz==", "X-Odd": "a,b=c;d %41"},
            resource_attributes={"team": "alpha, beta=gamma", "n": 3}, exporter=["otlp", "console"],
            schedule_delay=1, client_key=pathlib.Path("absent.pem"), certificate=None, outbox_bytes="1MiB",
        )
        logging.info("m")
    """, APP_VERSION="9.9", OTEL_EXPORTER_OTLP_HEADERS="x-env=1")
    line, record = run.one()
    assert (line["service"], line["env"]) == ("trade-exec", "test")
    assert "version" not in line and "service.version" not in record.resource
    assert record.resource["team"] == "alpha, beta=gamma" and record.resource["n"] == "3"
    assert record.attributes["code.function.name"] == "<module>"
    (request,) = program.receiver.requests
    assert request.path == "/v1/logs"
    assert request.headers["authorization"] == "Basic dXNlcjpwYXNz=="
    assert request.headers["x-odd"] == "a,b=c;d %41"
    assert "x-env" not in request.headers and "content-encoding" not in request.headers


def test_wrong_overrides_are_said_and_ignored(program: Program) -> None:
    run = program("""
        class Bad:
            def __str__(self):
                raise ValueError("secret-1")
        init_observability(servicename="x", schedule_delay="soon", headers=Bad(), service_name="a\\0b", app_name="\\ud800")
        logging.info("m")
    """)
    assert run.one()[0]["message"] == "m"
    warnings = run.stderr.splitlines()
    for word in ("servicename", "OTEL_BLRP_SCHEDULE_DELAY", "headers", "service_name", "app_name"):
        assert [line for line in warnings if word in line], word
    assert "did you mean service_name" in run.stderr
    assert "secret-1" not in run.stderr


def test_dict_config(program: Program) -> None:
    run = program("""
        import logging.config
        config = {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"f": {"format": "%(asctime)s %(message)s"}},
            "filters": {"only": {"name": "trade"}},
            "handlers": {
                "obsv": {"class": "observability.Handler", "level": "WARNING", "formatter": "f", "filters": ["only"]},
            },
            "root": {"handlers": ["obsv"], "level": "DEBUG"},
        }
        logging.config.dictConfig(config)
        logging.getLogger("trade").warning("before init, dropped and counted")
        init_observability(level="DEBUG")
        assert len(logging.getLogger().handlers) == 1
        logging.getLogger("trade").info("below the handler's level")
        logging.getLogger("trade.x").warning("kept")
        logging.getLogger("other").warning("filtered")
        assert observability.flush(60)
        logging.config.dictConfig(config)
        logging.getLogger("trade").error("after a second dictConfig")
        assert observability.stats().accepted == 3
    """)
    assert [line["message"] for line in run.lines] == ["kept", "after a second dictConfig"]


def test_dict_config_that_removes_the_handler(program: Program) -> None:
    run = program("""
        import logging.config
        init_observability()
        logging.info("one")
        logging.config.dictConfig({"version": 1, "root": {"handlers": [], "level": "ERROR"}})
        assert not logging.getLogger().handlers
        init_observability()
        assert logging.getLogger().level == logging.ERROR
        logging.error("two")
    """)
    assert [line["message"] for line in run.lines] == ["one", "two"]


def test_before_init_and_after_shutdown(program: Program) -> None:
    run = program("""
        handler = observability.Handler()
        root = logging.getLogger()
        root.addHandler(handler)
        assert observability.flush(1) is False
        assert observability.stats().accepted == 0
        logging.error("too early")
        init_observability()
        logging.error("in time")
        assert observability.shutdown(60) is True
        logging.error("too late")
        s = observability.stats()
        assert s.accepted == 3, s
        assert s.accepted == s.stdout_delivered + s.stdout_dropped_shutdown + s.stdout_dropped_internal, s
        assert s.accepted == s.export_delivered + s.export_dropped_shutdown + s.export_dropped_internal, s
        assert s.stdout_delivered == s.export_delivered == 1
        observability.shutdown()
        init_observability(service_name="again")
        logging.error("in time again")
        handler.flush()
        handler.close()
        logging.error("after close")
    """)
    assert [line["message"] for line in run.lines] == ["in time", "in time again", "after close"]
    assert [record.resource["service.name"] for record in run.records][1:] == ["again", "again"]


def test_callbacks_at_exit_may_log(program: Program) -> None:
    run = program("""
        import atexit
        init_observability()
        atexit.register(logging.info, "bye")
        logging.info("work")
    """)
    assert [line["message"] for line in run.lines] == ["work", "bye"]


def test_flush_and_shutdown_arguments(program: Program) -> None:
    run = program("""
        init_observability()
        logging.info("m")
        assert observability.flush(timeout=60) and observability.flush(60.5) and observability.flush()
        assert observability.flush(float("inf")) and observability.flush(-1) in (True, False)
        assert observability.flush(float("nan")) in (True, False)
        for wrong in ("x", [], object()):
            try:
                observability.flush(wrong)
            except TypeError:
                continue
            raise AssertionError(wrong)
        assert observability.stats().export_delivered == 1
        assert observability.shutdown(timeout=60)
    """)
    assert len(run.lines) == 1
