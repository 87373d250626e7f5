"""The machine and the process around the library run out of something, or time does what it should not."""

from __future__ import annotations

import os
import signal
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from fault.server import REQUEST, answer, hang
from fault.stage import Program, Stage

YEAR_S = 365 * 86400


# ---- Descriptors and memory ---------------------------------------------------------------------------------------

EXHAUST = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
"""
RELEASE = "for fd in held:\n    os.close(fd)\nheld.clear()"


def test_no_descriptor_for_a_connection_until_others_are_closed(stage: Stage) -> None:
    server = stage.server()
    service = stage.program(server)
    service.do(EXHAUST)
    service.submit(100)
    service.until("s.export_requests >= 2 and s.stdout_delivered == 100")
    service.wait_for_stderr("cannot export to", "100 records wait")
    assert server.connection_count == 0
    service.do(RELEASE)
    service.deliver()
    assert server.numbers == list(range(100))
    stage.end(service, server)


def test_no_descriptor_at_the_start(stage: Stage) -> None:
    server = stage.server()
    service = stage.program(server, is_started=False)
    service.do(EXHAUST + "init_observability()\n")
    service.submit(10)
    service.until("s.export_requests >= 1 and s.stdout_delivered == 10")
    service.do(RELEASE)
    service.deliver()
    assert server.numbers == list(range(10))
    stage.end(service, server)


MEMORY = """
import base64, resource
texts = [base64.b64encode(os.urandom(700)).decode() for _ in range(500)]
def limit_memory(more):
    size = int(open("/proc/self/status").read().split("VmSize:")[1].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size + more, resource.RLIM_INFINITY))
def lift_limit():
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
"""


def test_no_more_memory_during_an_outage(stage: Stage) -> None:
    """Records for which there is no memory are counted; what was held before is delivered, and so is what comes after."""
    server = stage.server(is_up=False)
    service = stage.program(server, OBSV_OUTBOX_BYTES="1GiB", MALLOC_ARENA_MAX="1")
    service.do(MEMORY)
    service.submit(10)
    service.until("s.export_requests >= 1 and s.ring_bytes == 0")
    service.do("""
limit_memory(4 << 20)
while not stats().export_dropped_internal:
    submit(1, text=texts[submitted % len(texts)])
    while stats().ring_bytes > 200_000:
        time.sleep(0.001)
submit(1000)
""")
    service.do("lift_limit()\nlast = submitted\nsubmit(10)")
    server.up()
    service.deliver()
    quiet = stage.end(service, server)
    assert quiet.export_dropped_internal > 0
    assert server.numbers[:10] == list(range(10)) and server.numbers[-10:] == list(range(quiet.accepted - 10, quiet.accepted))


@pytest.mark.parametrize("more", [0, 1_000_000, 4_000_000, 16_000_000, 90_000_000])
def test_too_little_memory_to_start_with(stage: Stage, more: int) -> None:
    """init_observability raises nothing and log calls return, whatever could be had; with memory again all is well."""
    server = stage.server()
    service = stage.program(server, is_started=False)
    service.do(MEMORY)
    service.do(f"limit_memory({more})\ninit_observability()\nsubmit(10)\nlift_limit()\ninit_observability()\nsubmit(10)")
    service.deliver()
    stage.end(service, server)
    assert server.numbers[-10:] == list(range(10, 20))


# ---- Time ---------------------------------------------------------------------------------------------------------


class WallClock:
    """Off by what it is set to, for programs with these `settings`; see wall_clock.c."""

    def __init__(self, folder: Path, library: Path) -> None:
        self._path = folder / "clock"
        self._path.write_bytes(bytes(8))
        self.settings = {"LD_PRELOAD": str(library), "WALL_CLOCK": str(self._path)}

    def set_ahead(self, seconds: int) -> None:
        with self._path.open("r+b") as file:
            file.write((seconds * 10**9).to_bytes(8, "little", signed=True))


@pytest.fixture
def clock(tmp_path: Path, build_dir: Path) -> WallClock:
    return WallClock(tmp_path, build_dir / "tests" / "libwall_clock.so")


@pytest.mark.parametrize("is_up", [True, False], ids=["in traffic", "in an outage"])
def test_the_wall_clock_jumps(stage: Stage, clock: WallClock, is_up: bool) -> None:
    """Years ahead and back, as a machine's clock is set: records bear the time that it was said to be, and nothing
    waits, expires or is lost by it."""
    server = stage.server(is_up=is_up)
    service = stage.program(server, **clock.settings)
    start = service.value("time.time()")
    years = (0, 20, -20, -55, 3)  # 1971, and beyond 2038
    for count, ahead in enumerate(years, 1):
        clock.set_ahead(ahead * YEAR_S)
        assert abs(service.value("time.time()") - start - ahead * YEAR_S) < 1000
        service.submit(10)
        service.until(f"s.stdout_delivered == {count * 10}" + (f" and s.export_delivered == {count * 10}" if is_up else ""))
    assert service.stats().oldest_pending_ms < YEAR_S
    server.up()
    service.deliver()
    assert server.numbers == list(range(50))
    for record in server.records:
        ahead = years[record.attributes["n"] // 10]
        assert abs(record.time_ns / 1e9 - start - ahead * YEAR_S) < 1000
    stage.end(service, server)


def test_the_wall_clock_jumps_while_a_retry_after_date_is_waited_for(stage: Stage, clock: WallClock) -> None:
    """The date is translated once, when it comes, by the clock of that moment: here a year early."""
    server = stage.server(answer(503, Retry_After=formatdate(time.time() - 39 * YEAR_S, usegmt=True)))
    service = stage.program(server, **clock.settings)
    clock.set_ahead(-40 * YEAR_S)
    service.submit(10)
    server.wait_for_arrivals(1)
    service.until("s.export_last_status == 503")
    clock.set_ahead(0)
    quiet = stage.end(service, server, deadline=0.05)
    assert quiet.export_pending == 10


def state_of(service: Program) -> str:
    return Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def stop(service: Program) -> None:
    service.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, service.process.pid, os.WSTOPPED | os.WNOWAIT)
    assert state_of(service) == "T"


def test_the_process_is_stopped_with_a_request_on_its_way(stage: Stage) -> None:
    """As a debugger, Ctrl-Z or a machine that sleeps does it. Meanwhile the connection is reset, the endpoint restarted
    and the time-out of the request over."""
    server = stage.server(hang(REQUEST))
    service = stage.program(server, OTEL_EXPORTER_OTLP_TIMEOUT="100")
    service.submit(10)
    server.wait_for_hanging(1)
    stop(service)
    server.down()
    server.up()
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        os.sched_yield()  # it is the time itself that is waited for
    service.process.send_signal(signal.SIGCONT)
    service.submit(10)
    service.deliver()
    assert server.numbers == list(range(20))
    stage.end(service, server)


def test_the_process_is_stopped_while_its_connection_is_idle(stage: Stage) -> None:
    server = stage.server()
    service = stage.program(server)
    for count in (10, 20, 30):
        service.submit(10)
        service.until(f"s.export_delivered == {count}")
        stop(service)
        server.down()
        server.up()
        service.process.send_signal(signal.SIGCONT)
    service.submit(10)
    service.deliver()
    assert server.numbers == list(range(40))
    stage.end(service, server)
