"""However a Python program comes to its end (G14), what it logged arrives, its exit status is its own, and a dead endpoint
costs the deadline at most."""

from __future__ import annotations

import signal
import textwrap
from pathlib import Path

import pytest

from fault.ending import Program, assert_ended, by_whom, run
from fault.server import Server
from integration.nginx import Authority

ENDS = {
    "end of main": ("", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "uncaught exception": ("raise ValueError('boom')", 1),
    "uncaught in asyncio": ("async def trade(): raise ValueError('boom')\nasyncio.run(trade())", 1),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(1000)", -signal.SIGTERM),
    "SIGINT": ("os.kill(os.getpid(), signal.SIGINT); time.sleep(1000)", -signal.SIGINT),
    "asyncio and SIGTERM": (
        """
        async def trade():
            stopping = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
            os.kill(os.getpid(), signal.SIGTERM)
            await stopping.wait()
        asyncio.run(trade())
        sys.exit(7)
        """,
        7,
    ),
    "abort": ("os.abort()", -signal.SIGABRT),
}
ends = pytest.mark.parametrize(("end", "status"), ENDS.values(), ids=ENDS.keys())


def code_with(end: str) -> str:
    return "submit(100)\n" + textwrap.dedent(end)


@ends
def test_100_of_100_arrive(end: str, status: int) -> None:
    with Server() as server:
        assert_ended(run(server, code_with(end)), status, server, main=100)


@ends
def test_over_tls_as_well(end: str, status: int, tmp_path: Path) -> None:
    """The TLS library has callbacks of its own at exit; ours comes before it is gone."""
    paper = Authority(tmp_path, "test-authority").sign("server", "subjectAltName=IP:127.0.0.1")
    certificate = str(tmp_path / "test-authority.pem")
    with Server(paper=paper) as server:
        # An hour: everything is still to be sent when the end comes.
        settings = {"OTEL_EXPORTER_OTLP_CERTIFICATE": certificate, "OTEL_BLRP_SCHEDULE_DELAY": "3600000"}
        assert_ended(run(server, code_with(end), before="import ssl", **settings), status, server, main=100)
        assert server.tls_errors == []


@ends
@pytest.mark.parametrize("is_black_hole", [False, True], ids=["refused", "black hole"])
def test_a_dead_endpoint_holds_nobody(end: str, status: int, is_black_hole: bool) -> None:
    """The end comes although the endpoint, and with it the records, would be waited for for hours."""
    settings = {"OTEL_EXPORTER_OTLP_TIMEOUT": "3600000", "OBSV_SHUTDOWN_TIMEOUT": "200", "OBSV_CRASH_TIMEOUT": "200"}
    with Server(is_up=False) as server:
        if is_black_hole:
            server.black_hole()
        program = run(server, code_with(end), **settings)
        assert program.process.returncode == status, program.report()
        assert len([line for line in program.lines if "who" in line]) == 100, program.report()
        assert server.records == []


def test_a_deadline_of_zero_does_not_wait() -> None:
    with Server(is_up=False) as server:
        server.black_hole()
        program = run(server, "submit(100)\nsys.exit(3)", OBSV_SHUTDOWN_TIMEOUT="0")
        assert program.process.returncode == 3


# ---- Late callers -------------------------------------------------------------------------------------------------


def test_callbacks_of_atexit_that_run_after_all_others() -> None:
    with Server() as server:
        before = "import atexit\natexit.register(lambda: submit(100, 'atexit'))"
        assert_ended(run(server, "submit(100)", before=before), 0, server, main=100, atexit=100)


def test_del_at_the_end_of_the_interpreter() -> None:
    code = """
        class Position:
            def __init__(self, who, count):
                self.who, self.count, self.submit = who, count, submit
            def __del__(self):
                self.submit(self.count, self.who)
        in_module = Position("module", 100)
        cycle = Position("cycle", 100)
        cycle.itself = cycle
        submit(100)
    """
    with Server() as server:
        assert_ended(run(server, code), 0, server, main=100, module=100, cycle=100)


def test_threads_that_outlive_main() -> None:
    code = """
        def trade():
            threading.main_thread().join()
            submit(100, "thread")
        threading.Thread(target=trade).start()
        submit(100)
    """
    with Server() as server:
        assert_ended(run(server, code), 0, server, main=100, thread=100)


def test_daemon_threads_that_log_at_the_end() -> None:
    """They are stopped in the middle of anything. What they logged before is whole and without a hole."""
    code = """
        def trade(who):
            while True:
                submit.n[who] = n = submit.n.get(who, -1) + 1
                log.info("order_submitted", extra={"n": n, "who": who})
                time.sleep(0.0005)
        submit.n = {}
        for i in range(4):
            threading.Thread(target=trade, args=(f"t{i}",), daemon=True).start()
        while len(submit.n) < 4 or min(submit.n.values()) < 100:
            time.sleep(0.001)
        submit(100)
    """
    with Server() as server:
        program = run(server, code)
        assert program.process.returncode == 0
        counts = {who: len(numbers) for who, numbers in by_whom(program.lines).items()}
        assert sorted(counts) == ["main", "t0", "t1", "t2", "t3"] and min(counts.values()) >= 100
        assert_ended(program, 0, server, **counts)


def test_system_exit_in_a_thread_ends_the_thread_alone() -> None:
    code = """
        def trade():
            submit(100, "thread")
            sys.exit(9)
        thread = threading.Thread(target=trade)
        thread.start()
        thread.join()
        submit(100)
    """
    with Server() as server:
        assert_ended(run(server, code), 0, server, main=100, thread=100)


def test_a_second_start_after_shutdown() -> None:
    code = """
        for i in range(5):
            submit(20, f"round{i}")
            assert observability.shutdown(60)
            init_observability()
        submit(100)
    """
    with Server() as server:
        rounds = {f"round{i}": 20 for i in range(5)}
        assert_ended(run(server, code), 0, server, **rounds, main=100)


def test_what_is_logged_after_shutdown_is_counted() -> None:
    code = """
        submit(100)
        assert observability.shutdown(60)
        submit(10, "late")
        s = observability.stats()
        print(s.accepted, s.export_delivered, s.export_dropped_shutdown, s.stdout_dropped_shutdown)
    """
    with Server() as server:
        program = run(server, code)
        assert_ended(program, 0, server, main=100)
        assert program.said == ["110 100 10 10"]


# ---- Without a goodbye --------------------------------------------------------------------------------------------

ABRUPT = {"os._exit": ("os._exit(9)", 9), "SIGKILL": ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL)}
abrupt = pytest.mark.parametrize(("end", "status"), ABRUPT.values(), ids=ABRUPT.keys())


@abrupt
def test_what_the_shipper_has_sent_is_safe(end: str, status: int) -> None:
    """Without a flush: what was logged is on its way by itself, within OTEL_BLRP_SCHEDULE_DELAY."""
    code = f"""
        submit(100)
        while observability.stats().export_delivered < 100 or observability.stats().stdout_delivered < 100:
            time.sleep(0.001)
        {end}
    """
    with Server() as server:
        assert_ended(run(server, code), status, server, main=100)


@abrupt
def test_what_may_be_lost_is_the_batch_that_is_not_sent_yet(end: str, status: int) -> None:
    """Lines are out after one pass; records are younger than the age at which a batch is sent, here an hour."""
    code = f"""
        submit(100)
        while observability.stats().stdout_delivered < 100:
            time.sleep(0.001)
        s = observability.stats()
        print(s.export_pending, flush=True)
        {end}
    """
    with Server() as server:
        program = run(server, code, OTEL_BLRP_SCHEDULE_DELAY="3600000")
        assert program.process.returncode == status
        assert (len(program.lines), program.said, server.records) == (100, ["100"], [])


@abrupt
def test_a_flush_before_makes_it_safe(end: str, status: int) -> None:
    with Server() as server:
        code = f"submit(100)\nassert observability.flush(60)\n{end}"
        assert_ended(run(server, code, OTEL_BLRP_SCHEDULE_DELAY="3600000"), status, server, main=100)


def test_killed_from_outside() -> None:
    with Server() as server, Program(server, "submit(100)\nready()\ntime.sleep(1000)") as program:
        server.wait_for("all records", lambda: len(server.records) == 100)
        program.wait_until("all lines", lambda: len(program.lines) == 100)
        program.process.kill()
        program.wait()
        assert_ended(program, -signal.SIGKILL, server, main=100)
