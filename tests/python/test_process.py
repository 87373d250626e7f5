"""A process is more than a thread: interpreters, threads, forks, development mode, and nothing left behind."""

from __future__ import annotations

import sys

import pytest

from python.conftest import Program


def test_many_threads(program: Program) -> None:
    run = program.logs("""
        def trade(n):
            for i in range(500):
                log.info("order %d", i, extra={"thread_no": n, "i": i})
        threads = [threading.Thread(target=trade, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert observability.flush(60)
        s = observability.stats()
        print(s.accepted, s.stdout_delivered, s.export_delivered)
    """)
    assert run.said == ["8000 8000 8000"]
    for seen in ([line for line in run.lines], [record.attributes for record in run.records]):
        for n in range(16):
            assert [entry["i"] for entry in seen if entry["thread_no"] == n] == list(range(500))


def test_forked_children_log_too(program: Program) -> None:
    run = program.logs("""
        log.info("parent before")
        assert observability.flush(60)
        for n in range(3):
            if not os.fork():
                log.info("child %d", n)
                assert observability.flush(60)
                os._exit(0)
        for _ in range(3):
            assert os.wait()[1] == 0
        log.info("parent after")
    """, "-W", "ignore")
    expected = ["child 0", "child 1", "child 2", "parent after", "parent before"]
    assert sorted(line["message"] for line in run.lines) == expected
    assert sorted(record.body for record in run.records) == expected


def test_development_mode_has_nothing_to_say(program: Program) -> None:
    run = program.logs("""
        class Surrogate:
            def __str__(self):
                return "\\ud800"
        for i in range(100):
            log.info("m %s", i, extra={"v": Exploding(), "w": Surrogate(), "x": cycle(), "y": {1: [b"", 2**80]}})
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("failed")
        handler = observability.Handler()
        handler.close()
        del handler
        import gc
        gc.collect()
        assert observability.shutdown(60)
    """, "-X", "dev", "-W", "error")
    assert len(run.records) == 101
    assert [line for line in run.stderr.splitlines() if not line.startswith("obsv: ")] == []


def test_nothing_is_left_behind(program: Program) -> None:
    """Of anything that a log call touches: reference counts, objects, memory."""
    run = program.logs("""
        import gc, tracemalloc
        class Value:
            def __str__(self):
                return "\\N{EURO SIGN}" * 50
        key, text, value, exploding = "k" + str(id(log)), "t\\N{EURO SIGN}" + str(id(log)), Value(), Exploding()
        many = {f"k{i}": i for i in range(100)}
        nested_value = {"a": [value, text, {"b": exploding}], (1, 2): (3.5, None)}
        handler, = logging.getLogger().handlers
        handler.addFilter(lambda record: True)
        def everything():
            log.info("m %s", text, extra={key: text, "v": value, "n": nested_value, "s": {text}, "h": 2**5000, "c": cycle(), 7: b"x"})
            log.info("%d", text, extra=many)
            log.info(exploding)
            log.info("m", extra={"trace_id": "0af7651916cd43dd8448eb211c80319c", "event.name": text}, stack_info=True)
            try:
                raise ValueError(text)
            except ValueError:
                log.exception("failed")
            observability.stats()
        def counts():
            gc.collect()
            return [sys.getrefcount(x) for x in (key, text, value, exploding, many, nested_value, Value, Exploding, ValueError, None, log)], len(gc.get_objects())
        rounds = 1000
        for _ in range(100):
            everything()
        tracemalloc.start()
        before, size_before = counts(), tracemalloc.get_traced_memory()[0]
        for _ in range(rounds):
            everything()
        after, size_after = counts(), tracemalloc.get_traced_memory()[0]
        for a, b in zip(before[0], after[0]):
            assert abs(a - b) < rounds, (before, after)  # one a round would be a leak; the interpreter has caches of its own
        assert abs(before[1] - after[1]) < rounds, (before, after)
        assert size_after - size_before < 50 * rounds, (size_before, size_after)
        print("same")
    """, OBSV_STDOUT="off", OTEL_EXPORTER_OTLP_ENDPOINT="")
    assert run.said == ["same"]


needs_interpreters = pytest.mark.skipif(sys.version_info < (3, 12), reason="interpreters with a GIL of their own: 3.12")


@needs_interpreters
def test_interpreters_with_a_gil_of_their_own(program: Program) -> None:
    run = program.logs("""
        if sys.version_info >= (3, 13):
            import _interpreters as interpreters
        else:
            import _xxsubinterpreters as interpreters
        code = '''if True:
            import logging, observability
            observability.init_observability()
            for i in range(200):
                logging.info("inside", extra={"i": i, "v": [1, "x", {}]})
        '''
        def inside():
            interpreter = interpreters.create()
            failure = interpreters.run_string(interpreter, code)
            assert failure is None, failure
            interpreters.destroy(interpreter)
        threads = [threading.Thread(target=inside) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(200):
            log.info("main")
        for thread in threads:
            thread.join()
        log.info("goes on")
    """)
    messages = [line["message"] for line in run.lines]
    assert (messages.count("inside"), messages.count("main"), messages[-1]) == (600, 200, "goes on")
    assert len(run.records) == 801


def test_a_reloaded_module_has_a_state_of_its_own(program: Program) -> None:
    run = program.logs("""
        import importlib, gc
        old = observability.Handler
        for name in [name for name in sys.modules if name.startswith("observability")]:
            del sys.modules[name]
        again = importlib.import_module("observability")
        assert again.Handler is not old
        logger = logging.getLogger("second")
        logger.propagate = False
        logger.addHandler(again.Handler())
        logger.warning("through the second")
        log.info("through the first")
        del again, logger.handlers[:]
        gc.collect()
        log.info("still")
    """)
    assert [line["message"] for line in run.lines] == ["through the second", "through the first", "still"]
