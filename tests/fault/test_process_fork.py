"""Forks of a Python service (G7): every process delivers its own records, once, over a connection of its own, and leaves
the others' alone."""

from __future__ import annotations

import signal
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from fault.ending import Program, assert_ended, by_whom, run
from fault.server import Server
from integration.nginx import Authority

QUIET = ("-W", "ignore")  # since 3.12 Python warns of every fork in a process with threads
WORKER = """
def worker(who, count, end):
    pid = os.fork()
    if pid:
        return pid
    submit(count, who)
    end()

def wait(pid, status=0):
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status
"""


def connections_by_whom(server: Server) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for arrival in server.arrivals:
        for who in by_whom(arrival.records):
            found.setdefault(who, set()).add(arrival.connection)
    return found


@pytest.fixture(params=["http", "https"])
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    paper = None
    if request.param == "https":
        paper = Authority(tmp_path, "test-authority").sign("server", "subjectAltName=IP:127.0.0.1")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(tmp_path / "test-authority.pem"))
    with Server(paper=paper) as server:
        yield server
        assert server.tls_errors == []


def test_workers_forked_ahead(server: Server) -> None:
    """As gunicorn does it: init in the parent, then workers, all of whom log, the parent as well."""
    code = WORKER + """
submit(50, "before")
assert observability.flush(60)
workers = [worker(f"worker{n}", 25, sys.exit) for n in range(4)]
submit(100)
for pid in workers:
    wait(pid)
"""
    workers = {f"worker{n}": 25 for n in range(4)}
    program = run(server, code, *QUIET)
    assert_ended(program, 0, server, before=50, main=100, **workers)
    connections = connections_by_whom(server)
    assert connections.pop("before") == connections.pop("main")  # the parent's, one and the same
    assert all(len(own) == 1 for own in connections.values())
    assert len(set.union(*connections.values())) == 4 == server.connection_count - 1


def test_the_parents_connection_outlives_its_children(server: Server) -> None:
    code = WORKER + """
for n in range(5):
    submit(10, f"main{n}")
    assert observability.flush(60)
    wait(worker(f"child{n}", 10 if n % 2 else 0, sys.exit))
"""
    mains = {f"main{n}": 10 for n in range(5)}
    children = {f"child{n}": 10 for n in range(5) if n % 2}
    assert_ended(run(server, code, *QUIET), 0, server, **mains, **children)
    connections = connections_by_whom(server)
    assert {number for who in mains for number in connections[who]} == {1}
    assert server.connection_count == 1 + len(children)  # who has nothing to say connects to nobody


def test_records_on_their_way_are_the_parents(server: Server) -> None:
    """Some in rings, some in the open batch, some in the outbox: the child has none of them."""
    code = WORKER + """
for n in range(20):
    submit(5, f"main{n}")
    wait(worker(f"child{n}", 5, sys.exit))
"""
    counts = {f"{who}{n}": 5 for n in range(20) for who in ("main", "child")}
    assert_ended(run(server, code, *QUIET), 0, server, **counts)


def test_a_fork_while_other_threads_log(server: Server) -> None:
    code = WORKER + """
def trade(who):
    n = 0
    while not done.is_set():
        log.info("order_submitted", extra={"n": n, "who": who})
        n += 1
        time.sleep(0.0002)
    counts.append((who, n))
done, counts = threading.Event(), []
threads = [threading.Thread(target=trade, args=(f"thread{n}",)) for n in range(3)]
for thread in threads:
    thread.start()
for n in range(20):
    wait(worker(f"child{n}", 10, sys.exit))
done.set()
for thread in threads:
    thread.join()
for who, n in sorted(counts):
    print(who, n)
"""
    program = run(server, code, *QUIET)
    counts = {who: int(n) for who, n in (line.split() for line in program.said)}
    assert len(counts) == 3
    assert_ended(program, 0, server, **counts, **{f"child{n}": 10 for n in range(20)})


def test_generations(server: Server) -> None:
    code = WORKER + """
def generation(n):
    submit(10, f"generation{n}")
    if n < 4:
        pid = os.fork()
        if pid == 0:
            generation(n + 1)
        wait(pid)
    sys.exit(0)
generation(0)
"""
    assert_ended(run(server, code, *QUIET), 0, server, **{f"generation{n}": 10 for n in range(5)})
    assert server.connection_count == 5


def test_a_child_that_is_replaced_by_another_program(server: Server) -> None:
    code = WORKER + """
wait(worker("child", 10, lambda: (observability.flush(60), os.execvp("true", ["true"]))))
submit(10)
"""
    assert_ended(run(server, code, *QUIET), 0, server, main=10, child=10)


def test_a_child_that_ends_without_a_goodbye(server: Server) -> None:
    code = WORKER + """
wait(worker("child", 10, lambda: (observability.flush(60), os._exit(3))), 3)
submit(10)
"""
    assert_ended(run(server, code, *QUIET), 0, server, main=10, child=10)


def test_a_child_that_is_terminated(server: Server) -> None:
    """The inherited handler serves the child as it would serve the parent, with and without a shipper."""
    code = WORKER + """
for n in range(4):
    told, tell = os.pipe()
    pid = worker(f"child{n}", 25 * n, lambda: (os.write(tell, b"x"), time.sleep(1000)))
    os.read(told, 1)
    os.kill(pid, signal.SIGTERM)
    wait(pid, -signal.SIGTERM)
submit(100)
"""
    assert_ended(run(server, code, *QUIET), 0, server, main=100, child1=25, child2=50, child3=75)


def test_nothing_is_left_open(server: Server) -> None:
    """In the parent, after many children; and a child closes what it would share with it."""
    code = WORKER + """
def sockets():
    return sum(os.readlink(f"/proc/self/fd/{fd}").startswith("socket:") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}"))
submit(10)
assert observability.flush(60)
before = sorted(os.listdir("/proc/self/fd"))
own = sockets()
assert own >= 1, own
for n in range(20):
    pid = os.fork()
    if pid == 0:
        os._exit(own - sockets())
    wait(pid, 1)
assert sorted(os.listdir("/proc/self/fd")) == before
"""
    assert_ended(run(server, code, *QUIET), 0, server, main=10)


# ---- multiprocessing ------------------------------------------------------------------------------------------------

# Children of spawn and forkserver import the main module, so it has to be a file.
MODULE = """
import logging, multiprocessing, os, sys, threading, time
from concurrent.futures import ProcessPoolExecutor
import observability

log = logging.getLogger("trade-exec")

def submit(count, who):
    for i in range(count):
        log.info("order_submitted", extra={{"n": i, "who": who}})

def work(who, starts=False):
    if starts:
        observability.init_observability()
    submit(25, who)

def fail(who):
    submit(25, who)
    raise ValueError("boom")

def leave(who):
    submit(25, who)
    sys.exit(3)

def run(context, target, *args):
    process = context.Process(target=target, args=args)
    process.start()
    process.join()
    return process.exitcode

def main(method):
    context = multiprocessing.get_context(method)
    starts = method != "fork"
{code}

if __name__ == "__main__":
    observability.init_observability()
    submit(25, "main")
    main(sys.argv[1])
"""

methods = pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])


def run_module(server: Server, folder: Path, method: str, code: str, **settings: str) -> Program:
    path = folder / "service.py"
    path.write_text(MODULE.format(code=textwrap.indent(textwrap.dedent(code), "    ")))
    return run(server, "", *QUIET, script=(path, method), **settings)


@methods
def test_processes_of_multiprocessing(method: str, tmp_path: Path) -> None:
    """They end by os._exit(), and yet their last records arrive."""
    code = """
        assert [run(context, work, f"child{n}", starts) for n in range(4)] == [0, 0, 0, 0]
        submit(25, "after")
    """
    with Server() as server:
        children = {f"child{n}": 25 for n in range(4)}
        assert_ended(run_module(server, tmp_path, method, code), 0, server, main=25, after=25, **children)


def test_processes_that_fail_or_leave(tmp_path: Path) -> None:
    code = """
        assert run(context, fail, "fails") == 1
        assert run(context, leave, "leaves") == 3
    """
    with Server() as server:
        assert_ended(run_module(server, tmp_path, "fork", code), 0, server, main=25, fails=25, leaves=25)


def test_processes_of_processes(tmp_path: Path) -> None:
    code = """
        def parent(n):
            submit(25, f"generation{n}")
            assert n == 3 or run(context, parent, n + 1) == 0
        assert run(context, parent, 0) == 0
    """
    with Server() as server:
        generations = {f"generation{n}": 25 for n in range(4)}
        assert_ended(run_module(server, tmp_path, "fork", code), 0, server, main=25, **generations)


def test_pools(tmp_path: Path) -> None:
    code = """
        with ProcessPoolExecutor(3, mp_context=context) as pool:
            list(pool.map(work, [f"task{n}" for n in range(8)]))
        pool = context.Pool(3)
        pool.map(work, [f"job{n}" for n in range(8)])
        pool.close()
        pool.join()
    """
    with Server() as server:
        tasks = {f"{kind}{n}": 25 for kind in ("task", "job") for n in range(8)}
        assert_ended(run_module(server, tmp_path, "fork", code), 0, server, main=25, **tasks)


def test_a_pool_that_is_terminated(tmp_path: Path) -> None:
    """By SIGTERM, which the workers do not handle."""
    code = """
        with context.Pool(3) as pool:
            pool.map(work, [f"job{n}" for n in range(8)])
    """
    with Server() as server:
        assert_ended(run_module(server, tmp_path, "fork", code), 0, server, main=25, **{f"job{n}": 25 for n in range(8)})


def test_a_dead_endpoint_holds_no_child(tmp_path: Path) -> None:
    code = 'assert run(context, work, "child") == 0'
    with Server(is_up=False) as server:
        server.black_hole()
        settings = {"OTEL_EXPORTER_OTLP_TIMEOUT": "3600000", "OBSV_SHUTDOWN_TIMEOUT": "200"}
        program = run_module(server, tmp_path, "fork", code, **settings)
        assert program.process.returncode == 0, program.report()
        assert by_whom(program.lines) == {"main": list(range(25)), "child": list(range(25))}


# ---- Interpreters ---------------------------------------------------------------------------------------------------

INTERPRETER = """
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
else:
    import _xxsubinterpreters as interpreters

def inside(code):
    interpreter = interpreters.create()
    failure = interpreters.run_string(interpreter, code)
    assert failure is None, failure
    interpreters.destroy(interpreter)

LOGS = '''if True:
    import logging, observability
    observability.init_observability()
    for i in range(50):
        logging.info("order_submitted", extra={"n": i, "who": "inside"})
'''
"""


def test_an_interpreter_that_ends_stops_nothing() -> None:
    with Server() as server:
        code = INTERPRETER + "submit(50)\ninside(LOGS)\nsubmit(50, 'after')"
        assert_ended(run(server, code), 0, server, main=50, inside=50, after=50)


def test_the_interpreter_that_started_it_may_end_first() -> None:
    """The engine is the process's. Started by an interpreter of some host's, it leaves the host's signals alone."""
    code = """
        def is_caught(number):
            with open("/proc/self/status") as status:
                mask = next(line for line in status if line.startswith("SigCgt:")).split()[1]
            return bool(int(mask, 16) & 1 << number - 1)
        assert not is_caught(signal.SIGTERM) and is_caught(signal.SIGINT)
        submit(50)
    """
    with Server() as server:
        assert_ended(run(server, code, before=INTERPRETER + "inside(LOGS)"), 0, server, inside=50, main=50)
