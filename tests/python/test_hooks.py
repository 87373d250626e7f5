"""Unhandled exceptions are logged with their traceback, and then go on as they did before."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

from python.conftest import PROLOGUE, Program


def test_main_thread(program: Program) -> None:
    run = program.logs("""
        def strategy():
            raise ValueError("no price")
        log.info("before")
        strategy()
    """, status=1)
    line, record = run.both()[1]
    assert (line["level"], line["logger"]) == ("CRITICAL", "root")
    assert record.severity == 21
    assert line["exception"]["type"] == "ValueError"
    assert "in strategy" in line["exception"]["stacktrace"]
    assert run.stderr.endswith("ValueError: no price\n")


def test_thread(program: Program) -> None:
    run = program.logs("""
        def feed():
            raise ConnectionError("feed lost")
        thread = threading.Thread(target=feed, name="feed-1")
        thread.start()
        thread.join()
        log.info("goes on")
        quiet = threading.Thread(target=sys.exit)
        quiet.start()
        quiet.join()
    """)
    first, second = run.lines
    assert (first["level"], first["message"]) == ("ERROR", "unhandled exception in thread feed-1")
    assert first["exception"]["type"] == "ConnectionError"
    assert second["message"] == "goes on"
    assert "Exception in thread feed-1" in run.stderr


def test_asyncio_task(program: Program) -> None:
    run = program.logs("""
        import asyncio, gc
        async def venue():
            raise TimeoutError("no ack")
        async def main():
            task = asyncio.create_task(venue())
            await asyncio.wait([task])
            del task
            gc.collect()
            asyncio.get_running_loop().call_soon(lambda: 1 / 0)
            await asyncio.sleep(0)
            log.info("goes on")
        asyncio.run(main())
    """)
    task, callback, last = run.lines
    assert (task["level"], task["logger"]) == ("ERROR", "asyncio")
    assert task["message"].startswith("Task exception was never retrieved")
    assert task["exception"]["type"] == "TimeoutError"
    assert "in venue" in task["exception"]["stacktrace"]
    assert callback["exception"]["type"] == "ZeroDivisionError"
    assert last["message"] == "goes on"


def test_asyncio_main(program: Program) -> None:
    run = program.logs("""
        import asyncio
        async def main():
            raise RuntimeError("loop ends")
        asyncio.run(main())
    """, status=1)
    line, _ = run.one()
    assert (line["level"], line["exception"]["type"]) == ("CRITICAL", "RuntimeError")


def test_where_nothing_can_be_raised(program: Program) -> None:
    run = program.logs("""
        class Order:
            def __del__(self):
                raise ValueError("in a destructor")
        Order()
        log.info("goes on")
    """)
    first, second = run.lines
    assert first["level"] == "ERROR"
    assert first["exception"]["message"] == "in a destructor"
    assert second["message"] == "goes on"
    assert "Exception ignored in" in run.stderr


def test_hooks_that_were_there_are_called(program: Program) -> None:
    run = program("""
        sys.excepthook = lambda kind, error, traceback: print("mine:", error)
        threading.excepthook = lambda args: print("mine, thread:", args.exc_value)
        init_observability()
        init_observability()
        def fail():
            raise ValueError("t")
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        sys.stdout.flush()
        raise ValueError("m")
    """, status=1)
    assert run.said == ["mine, thread: t", "mine: m"]
    assert [line["exception"]["message"] for line in run.lines] == ["t", "m"]


def test_how_programs_end_is_no_error(program: Program) -> None:
    assert program.logs("raise SystemExit(3)", status=3).lines == []
    run = program.logs("raise KeyboardInterrupt", status=-signal.SIGINT)
    assert "KeyboardInterrupt" in run.stderr


def test_ctrl_c_ends_a_flush(program: Program) -> None:
    """Nobody answers, so the flush waits; the signal that would end it comes while it does."""
    code = PROLOGUE + """
import signal, socket
hole = socket.socket()
hole.bind(("127.0.0.1", 0))
hole.listen()
init_observability(endpoint=f"http://127.0.0.1:{hole.getsockname()[1]}", shutdown_timeout=0)
logging.info("m")
connection, _ = hole.accept()
signal.setitimer(signal.ITIMER_REAL, 0.05)
signal.signal(signal.SIGALRM, signal.default_int_handler)
try:
    observability.flush(10_000)
except KeyboardInterrupt:
    print("interrupted")
"""
    run = subprocess.run([sys.executable, "-c", code], env=program.environment(), capture_output=True, text=True, timeout=120)
    assert re.search("^interrupted$", run.stdout, re.MULTILINE), run.stderr
