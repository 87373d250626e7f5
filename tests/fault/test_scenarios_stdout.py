"""Standard output in every state that it is found in: nobody waits for it, export goes on, and each line is whole.

What the reader gets is read here at the end of each scenario, all of it: every line must be JSON, and as many must be
there as the statistics say were delivered.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import socket
import threading
import tty
from collections.abc import Iterator

import pytest

from fault.server import OWN, REQUEST, answer, hang, status_body
from fault.stage import Program, Stage, lines_of
from peers import HANG_GUARD_S

# The least that is allowed: a few hundred lines.
SMALL = {"OBSV_STDOUT_BUFFER_BYTES": "64KiB"}
PIPE_BYTES = 65536


class Pipe:
    """A pipe, or whatever else has two ends, whose reader reads when it is told to."""

    def __init__(self, reader: int, writer: int) -> None:
        self.reader, self.writer = reader, writer
        self._got = bytearray()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def read_on(self, size: int = 65536) -> None:
        """From now on to the end, so much at a time."""
        self._thread = threading.Thread(target=self._read, args=(size,), daemon=True)
        self._thread.start()

    def _read(self, size: int) -> None:
        with contextlib.suppress(OSError):  # EIO: the end of a terminal
            while data := os.read(self.reader, size):
                with self._changed:
                    self._got += data
                    self._changed.notify_all()

    def wait_for(self, words: bytes) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: words in self._got, HANG_GUARD_S), f"no {words!r}"

    def all(self) -> bytes:
        assert self._thread, "nobody has read it"
        self._thread.join(HANG_GUARD_S)
        return bytes(self._got)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.reader)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe(*os.pipe())
    fcntl.fcntl(made.reader, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    yield made
    made.close()


def fill(service: Program) -> int:
    """Logs until lines are dropped, not so fast that the ring is full; returns how many log calls there were so far."""
    service.do("""
while not stats().stdout_dropped_buffer_full:
    submit(100)
    while stats().ring_bytes > 100_000:
        pass
""")
    return int(service.value("submitted"))


def announced(stdout: bytes) -> int:
    """How many dropped lines the gaps in the stream tell of."""
    return sum(line["dropped"] for line in lines_of(stdout) if line["logger"] == OWN and line["message"] == "obsv_dropped")


# ---- Nobody reads -------------------------------------------------------------------------------------------------


def test_row_32_a_full_pipe_costs_lines_and_the_gap_tells_of_itself(stage: Stage, pipe: Pipe) -> None:
    server = stage.server()
    service = stage.program(server, stdout=pipe.writer, **SMALL)
    count = fill(service)
    s = service.until(f"s.export_delivered == {count}")  # export does not care
    assert s.stdout_pending > 0
    pipe.read_on()
    pipe.wait_for(b'"obsv_dropped"')
    service.submit(10)
    quiet = stage.end(service, server, stdout=pipe.all)
    assert announced(pipe.all()) == quiet.stdout_dropped_buffer_full == s.stdout_dropped_buffer_full
    (gap,) = [line for line in lines_of(pipe.all()) if line["logger"] == OWN]
    assert gap["reasons"] == {"buffer_full": {"INFO": s.stdout_dropped_buffer_full}}
    assert (gap["level"], gap["sink"]) == ("WARN", "stdout")


def test_a_descriptor_is_left_as_it_was_found(stage: Stage, pipe: Pipe) -> None:
    """Its flags are shared with every other process that has it."""
    server = stage.server()
    service = stage.program(server, stdout=pipe.writer)
    service.do("import fcntl")
    service.submit(10)
    service.deliver()
    assert not service.value("fcntl.fcntl(1, fcntl.F_GETFL) & os.O_NONBLOCK")
    pipe.read_on()
    stage.end(service, server, stdout=pipe.all)


def test_a_pipe_of_another_user_that_is_full(stage: Stage, pipe: Pipe) -> None:
    """It cannot be opened a second time, so it stays a blocking one."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    server = stage.server()
    service = stage.program(server, stdout=pipe.writer, is_started=False, **SMALL)
    service.do("os.setuid(65534)\ntry:\n    open('/proc/self/fd/1', 'w')\nexcept PermissionError:\n    init_observability()")
    count = fill(service)
    service.until(f"s.export_delivered == {count}")
    pipe.read_on()
    pipe.wait_for(b'"obsv_dropped"')
    stage.end(service, server, stdout=pipe.all)


def test_a_slow_reader_gets_every_line_whole(stage: Stage, pipe: Pipe) -> None:
    server = stage.server()
    fcntl.fcntl(pipe.reader, fcntl.F_SETPIPE_SZ, 4096)
    service = stage.program(server, stdout=pipe.writer)
    pipe.read_on(7)
    for size in (1, 300, 3000, 5000, 20000, 100000):  # below and above PIPE_BUF and the pipe itself
        service.submit(5, text="z" * size)
    service.deliver()
    quiet = stage.end(service, server, stdout=pipe.all)
    assert quiet.stdout_delivered == 30


def test_lines_of_other_processes_are_not_torn(stage: Stage, pipe: Pipe) -> None:
    """Pieces of at most PIPE_BUF bytes go in whole or not at all."""
    server = stage.server()
    service = stage.program(server, stdout=pipe.writer)
    pipe.read_on(1000)
    service.do("""
import subprocess
other = subprocess.Popen([sys.executable, "-c", '''
import os
for i in range(3000):
    os.write(1, b'{"logger":"obsv","message":"%s"}' % (b"w" * (i % 500)) + bytes([10]))
'''])
while other.poll() is None:
    submit(20)
    while stats().stdout_pending > 200:
        pass
""")
    service.deliver()
    quiet = stage.end(service, server, stdout=pipe.all)
    assert quiet.stdout_delivered == quiet.accepted
    assert len(lines_of(pipe.all())) == quiet.accepted + 3000


def test_both_sinks_stuck_and_log_calls_return(stage: Stage, pipe: Pipe) -> None:
    """Until rings, buffer and outbox are all full, and beyond: the calls return, and each record is counted. Nothing
    ever frees them here, so a call that waited would wait for ever."""
    server = stage.server(otherwise=hang(REQUEST))
    service = stage.program(server, stdout=pipe.writer, OTEL_EXPORTER_OTLP_TIMEOUT="0", OBSV_OUTBOX_BYTES="64KiB", OBSV_RING_BYTES="512KiB", **SMALL)
    service.do("""
import base64
def is_full(s):
    return s.stdout_dropped_buffer_full and s.export_dropped_outbox_full
while not is_full(stats()):
    submit(50, noise=base64.b64encode(os.urandom(300)).decode())
while not stats().export_dropped_ring_full:
    submit(1000, text="x" * 2000)
submit(1000, logging.ERROR)
""")
    server.wait_for_hanging(1)
    pipe.read_on()
    service.until("s.stdout_pending == 0 and s.ring_bytes == 0")
    quiet = stage.end(service, server, stdout=pipe.all, deadline=0.05)
    assert quiet.export_pending > 0 and quiet.export_delivered == 0
    assert quiet.export_dropped_ring_full == quiet.stdout_dropped_ring_full > 0


def test_a_pipe_that_is_never_read_does_not_hold_the_shutdown(stage: Stage, pipe: Pipe) -> None:
    server = stage.server()
    service = stage.program(server, stdout=pipe.writer, **SMALL)
    count = fill(service)
    quiet = stage.end(service, server, deadline=0.5)
    service.wait_for_stderr("records did not reach stdout", "shutdown")
    assert quiet.export_delivered + quiet.export_pending == count


# ---- Nothing can be written ---------------------------------------------------------------------------------------


def test_a_reader_that_leaves_is_final(stage: Stage, pipe: Pipe) -> None:
    server = stage.server()
    service = stage.program(server, stdout=pipe.writer)
    service.submit(10)
    service.until("s.stdout_delivered == 10")
    pipe.close()
    service.submit(10)
    s = service.until("s.stdout_dropped_closed == 10")
    service.submit(10, "ERROR")
    s = service.until("s.stdout_dropped_closed == 20 and s.export_delivered == 30")
    assert s.dropped["stdout"] == {"closed": {"INFO": 10, "ERROR": 10}}
    service.wait_for_stderr("cannot write JSON lines to standard output", "Broken pipe", "export goes on")
    stage.end(service, server)
    assert service.stderr.count("Broken pipe") == 1


def without(fd: int) -> tuple[str, ...]:
    return ("sh", "-c", f'exec "$@" {fd}>&-', "sh")


@pytest.mark.parametrize("fd", [1, 2], ids=["stdout", "stderr"])
def test_a_standard_stream_that_is_closed_from_the_start(stage: Stage, fd: int) -> None:
    """Its number is then given to the next file that the program opens: it is not ours to write to. Nor do we take it
    for a connection of our own, into which whoever writes to the standard stream would write."""
    server = stage.server(answer(400, status_body("so that there is something to say")))
    service = stage.program(server, wrapper=without(fd))
    victim = stage.folder / "orders.csv"
    service.submit(20)
    service.until("s.export_dropped_rejected == 20")
    service.do(f"victim = open({str(victim)!r}, 'w')")
    assert service.value("victim.fileno()") == fd
    server.then(answer(429, status_body("and more")))
    service.submit(20)
    service.until("s.export_delivered == 20 and s.export_retries == 1")
    if fd == 1:
        assert service.stats().stdout_dropped_closed == 40
        service.wait_for_stderr("standard output is closed", "export goes on")
    assert "429" in service.stats().last_error
    stage.end(service, server)
    assert victim.read_bytes() == b""


def test_a_stdout_that_was_opened_for_reading(stage: Stage) -> None:
    server = stage.server()
    service = stage.program(server, stdout=os.open(os.devnull, os.O_RDONLY), wrapper=("sh", "-c", 'exec "$@" 1</dev/null', "sh"))
    service.submit(20)
    service.deliver()
    quiet = stage.end(service, server)
    assert quiet.export_delivered == quiet.accepted


def test_a_device_that_is_full(stage: Stage) -> None:
    """Tried again with later lines: a disk may have room again."""
    server = stage.server()
    service = stage.program(server, stdout=os.open("/dev/full", os.O_WRONLY))
    service.submit(20)
    service.until("s.stdout_dropped_closed == 20 and s.export_delivered == 20")
    service.wait_for_stderr("No space left on device", "later ones tried again")
    null = os.open(os.devnull, os.O_WRONLY)
    service.do(f"os.dup2(os.open(os.devnull, os.O_WRONLY), 1)")
    os.close(null)
    service.submit(5)
    service.until("s.stdout_delivered == 5")
    stage.end(service, server)


def test_a_file_that_has_reached_its_limit(stage: Stage) -> None:
    server = stage.server()
    path = stage.folder / "lines"
    service = stage.program(server, stdout=os.open(path, os.O_WRONLY | os.O_CREAT), is_started=False)
    service.do("import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))\ninit_observability()")
    service.submit(100)
    service.until("s.export_delivered == 100")
    s = service.until("s.stdout_dropped_closed > 0 and s.stdout_pending == 0")
    service.wait_for_stderr("File too large")
    service.do("resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)")
    service.submit(100)
    service.until(f"s.stdout_delivered + s.stdout_dropped_closed == 200")
    quiet = stage.end(service, server)
    whole = [line for line in path.read_bytes().split(b"\n") if line.endswith(b"}")]
    assert quiet.stdout_delivered >= 100 and len(whole) >= quiet.stdout_delivered
    assert s.stdout_delivered < 100


# ---- Other kinds of files -----------------------------------------------------------------------------------------


def test_a_terminal_whose_screen_is_stopped(stage: Stage) -> None:
    """Ctrl-S: the terminal takes nothing until it is let go."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    terminal = Pipe(master, slave)
    server = stage.server()
    service = stage.program(server, stdout=slave, **SMALL)
    count = fill(service)
    service.until(f"s.export_delivered == {count}")
    terminal.read_on()
    terminal.wait_for(b'"obsv_dropped"')
    quiet = stage.end(service, server, stdout=terminal.all)
    assert announced(terminal.all()) == quiet.stdout_dropped_buffer_full
    terminal.close()


def test_a_terminal_that_is_closed(stage: Stage) -> None:
    master, slave = pty.openpty()
    server = stage.server()
    service = stage.program(server, stdout=slave)
    os.close(master)
    service.submit(10)
    service.until("s.stdout_dropped_closed == 10 and s.export_delivered == 10")
    stage.end(service, server)


def test_a_socket_whose_reader_is_slow_and_then_gone(stage: Stage) -> None:
    ours, theirs = socket.socketpair()
    connection = Pipe(ours.detach(), theirs.detach())
    server = stage.server()
    service = stage.program(server, stdout=connection.writer, **SMALL)
    fill(service)
    connection.read_on(100)
    connection.wait_for(b'"obsv_dropped"')
    stage.end(service, server, stdout=connection.all)
    connection.close()


def test_a_socket_that_is_closed_by_its_reader(stage: Stage) -> None:
    ours, theirs = socket.socketpair()
    server = stage.server()
    service = stage.program(server, stdout=theirs.detach())
    ours.close()
    service.submit(10)
    service.until("s.stdout_dropped_closed == 10 and s.export_delivered == 10")
    stage.end(service, server)


def test_a_file_that_others_append_to(stage: Stage) -> None:
    server = stage.server()
    path = stage.folder / "lines"
    path.write_text('{"logger":"obsv","message":"before"}\n')
    service = stage.program(server, stdout=os.open(path, os.O_WRONLY | os.O_APPEND))
    service.submit(2000, text="z" * 100)
    service.until("s.stdout_delivered == 2000")
    with path.open("a") as other:
        other.write('{"logger":"obsv","message":"other"}\n')
    service.submit(100)
    service.deliver()
    stage.end(service, server, stdout=path.read_bytes)
    assert len(lines_of(path.read_bytes())) == 2102


def test_another_file_behind_the_descriptor(stage: Stage, pipe: Pipe) -> None:
    """As a redirection, a daemon or a test runner's capture does it."""
    server = stage.server()
    service = stage.program(server, stdout=pipe.writer)
    pipe.read_on()
    service.submit(10)
    service.until("s.stdout_delivered == 10")
    path = stage.folder / "lines"
    service.do(f"os.dup2(os.open({str(path)!r}, os.O_WRONLY | os.O_CREAT), 1)")
    service.submit(10)
    service.until("s.stdout_delivered == 20")
    stage.end(service, server, stdout=lambda: pipe.all() + path.read_bytes())
    assert len(lines_of(path.read_bytes())) == 10
