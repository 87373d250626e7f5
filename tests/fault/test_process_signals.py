"""A Python service that is told to go (G12): what it logged arrives, and it goes as it would have gone."""

from __future__ import annotations

import signal

import pytest

from fault.ending import Program, assert_ended, by_whom, run, sent
from fault.server import Server

SLEEPING = "time.sleep(1000)"
WAITS = {
    "sleep": SLEEPING,
    "busy": "while True: pass",
    "event": "threading.Event().wait()",
    "read": "os.read(os.pipe()[0], 1)",
    "child": "subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait()",
    "asyncio": "asyncio.run(asyncio.sleep(1000))",
    "thread": "threading.Thread(target=time.sleep, args=(1000,)).start()",
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS.keys())
def test_sigterm_by_default_kills_after_a_flush(wait: str) -> None:
    with Server() as server:
        program = run(server, f"submit(100)\nready()\n{wait}", then=sent(signal.SIGTERM))
        assert_ended(program, -signal.SIGTERM, server, main=100)


def test_sighup_by_default_kills_after_a_flush() -> None:
    with Server() as server:
        program = run(server, f"submit(100)\nready()\n{SLEEPING}", then=sent(signal.SIGHUP))
        assert_ended(program, -signal.SIGHUP, server, main=100)


def test_sigint_is_a_keyboard_interrupt_that_kills_after_a_flush() -> None:
    with Server() as server:
        program = run(server, f"submit(100)\nready()\n{SLEEPING}", then=sent(signal.SIGINT))
        assert_ended(program, -signal.SIGINT, server, main=100)
        assert "KeyboardInterrupt" in "\n".join(program.stderr)


def test_sigint_that_is_caught() -> None:
    code = """
        submit(50)
        try:
            ready()
            time.sleep(1000)
        except KeyboardInterrupt:
            submit(100, "after")
            sys.exit(6)
    """
    with Server() as server:
        assert_ended(run(server, code, then=sent(signal.SIGINT)), 6, server, main=50, after=100)


def test_python_knows_nothing_of_it() -> None:
    code = """
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        submit(100)
    """
    with Server() as server:
        assert_ended(run(server, code), 0, server, main=100)


OWN_HANDLER = """
def stop(number, frame):
    submit(100, "handler")
    sys.exit(4)
"""


@pytest.mark.parametrize("is_first", [True, False], ids=["before init", "after init"])
def test_a_handler_of_the_program_is_the_only_one(is_first: bool) -> None:
    own = OWN_HANDLER + "\nsignal.signal(signal.SIGTERM, stop)\n"
    code = ("" if is_first else own) + f"submit(100)\nready()\n{SLEEPING}"
    with Server() as server:
        program = run(server, code, then=sent(signal.SIGTERM), before=own if is_first else "")
        assert_ended(program, 4, server, main=100, handler=100)


def test_an_ignored_signal_stays_ignored() -> None:
    code = """
        submit(100)
        os.kill(os.getpid(), signal.SIGTERM)
        submit(100, "after")
        assert observability.shutdown(60)
        os.kill(os.getpid(), signal.SIGTERM)
        sys.exit(5)
    """
    with Server() as server:
        program = run(server, code, before="signal.signal(signal.SIGTERM, signal.SIG_IGN)")
        assert_ended(program, 5, server, main=100, after=100)


def test_asyncio_with_a_handler_of_its_own() -> None:
    code = """
        async def trade():
            stopping = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
            submit(100)
            ready()
            await stopping.wait()
            submit(100, "after")
            return 7
        sys.exit(asyncio.run(trade()))
    """
    with Server() as server:
        assert_ended(run(server, code, then=sent(signal.SIGTERM)), 7, server, main=100, after=100)


def test_other_threads_may_log_to_the_last_moment() -> None:
    """Which of their records are the last is nobody's choice; but there is no hole before them."""
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
        ready()
        time.sleep(1000)
    """
    with Server() as server:
        program = run(server, code, then=sent(signal.SIGTERM))
        assert program.process.returncode == -signal.SIGTERM
        for seen in (by_whom(program.lines), by_whom(sorted(server.records, key=lambda record: record.time_ns))):
            assert sorted(seen) == ["t0", "t1", "t2", "t3"]
            for numbers in seen.values():
                assert len(numbers) > 100 and numbers == list(range(len(numbers)))


def test_an_endpoint_that_refuses_costs_the_deadline_at_most() -> None:
    with Server(is_up=False) as server:
        program = run(server, f"submit(100)\nready()\n{SLEEPING}", then=sent(signal.SIGTERM), OBSV_SHUTDOWN_TIMEOUT="300")
        assert program.process.returncode == -signal.SIGTERM
        assert len(program.lines) == 100
        assert "undelivered 100" in "\n".join(program.stderr)


def test_an_endpoint_that_is_a_black_hole_costs_the_deadline_at_most() -> None:
    with Server(is_up=False) as server:
        server.black_hole()
        program = run(server, f"submit(100)\nready()\n{SLEEPING}", then=sent(signal.SIGTERM), OBSV_SHUTDOWN_TIMEOUT="300")
        assert program.process.returncode == -signal.SIGTERM
        assert len(program.lines) == 100


def test_a_second_sigterm_does_not_wait() -> None:
    """The first would be served for ten minutes; that it is being served shows in the request that comes at once."""
    with Server(is_up=False) as server:
        server.black_hole()
        code = f"submit(100)\nready()\n{SLEEPING}"
        settings = {"OBSV_SHUTDOWN_TIMEOUT": "600000", "OTEL_EXPORTER_OTLP_TIMEOUT": "600000"}
        with Program(server, code, **settings) as program:
            program.wait_ready()
            program.wait_until("all lines", lambda: len(program.lines) == 100)
            for _ in range(2):
                program.process.send_signal(signal.SIGTERM)
                # The kernel merges two of the same kind that are both pending.
                while is_pending(program.process.pid, signal.SIGTERM):
                    pass
            assert program.wait() == -signal.SIGTERM


def is_pending(pid: int, number: signal.Signals) -> bool:
    try:
        with open(f"/proc/{pid}/status") as status:
            mask = int(next(line for line in status if line.startswith("ShdPnd:")).split()[1], 16)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return bool(mask & 1 << number - 1)


def test_switched_off() -> None:
    """Nothing of ours is in the way: the program dies at once, though its endpoint would be waited for."""
    with Server(is_up=False) as server:
        server.black_hole()
        settings = {"OBSV_SHUTDOWN_TIMEOUT": "600000", "OBSV_SIGNALS": "off"}
        program = run(server, f"submit(100)\nready()\n{SLEEPING}", then=sent(signal.SIGTERM), **settings)
        assert program.process.returncode == -signal.SIGTERM


def test_children_of_subprocess_are_not_concerned() -> None:
    code = """
        for options in ({}, {"preexec_fn": int}, {"close_fds": False}):
            child = subprocess.run(["sh", "-c", "kill -TERM $$; echo alive"], stdout=subprocess.PIPE, **options)
            assert (child.returncode, child.stdout) == (-signal.SIGTERM, b""), child
        assert os.waitpid(os.posix_spawnp("true", ["true"], os.environ), 0)[1] == 0
        assert os.system("kill -TERM $$") == signal.SIGTERM
        submit(100)
        ready()
        time.sleep(1000)
    """
    with Server() as server:
        assert_ended(run(server, code, "-W", "ignore", then=sent(signal.SIGTERM)), -signal.SIGTERM, server, main=100)
