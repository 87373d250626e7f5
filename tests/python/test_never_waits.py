"""A log call never waits: it makes no system call, whatever state the network and stdout are in.

Counted, not timed. strace writes down the system calls of each thread; the calling thread marks where its log calls
begin and end with getppid(). Before the first mark it logs until the allocator and the caches are warm, the endpoint
accepts connections and never answers, and stdout is a pipe that is full and that nobody reads.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from python.conftest import HANG_GUARD_S, PROLOGUE, Program

CALLS = 1000
CODE = """
import fcntl, socket, time
hole = socket.socket()
hole.bind(("127.0.0.1", 0))
hole.listen(1)

# Full up to the last byte, and the reader never reads.
fcntl.fcntl(1, fcntl.F_SETFL, fcntl.fcntl(1, fcntl.F_GETFL) | os.O_NONBLOCK)
try:
    while True:
        os.write(1, b" ")
except BlockingIOError:
    pass
fcntl.fcntl(1, fcntl.F_SETFL, fcntl.fcntl(1, fcntl.F_GETFL) & ~os.O_NONBLOCK)

init_observability(endpoint=f"http://127.0.0.1:{hole.getsockname()[1]}", stdout_buffer_bytes="64KiB", ring_bytes="512KiB",
                   outbox_bytes="64KiB", schedule_delay=0, shutdown_timeout=0)
log = logging.getLogger("trade-exec")
logging.logProcesses = False  # or each LogRecord of the standard library asks for os.getpid()
extra = {"symbol": "BTC-USD", "qty": 3, "px": 1.5, "nested": {"a": [1, 2, None, "\\N{EURO SIGN}", b"x"]}, "huge": 2**70}

def submit(count):
    for i in range(count):
        log.info("order %d %s", i, "BUY", extra=extra)

connection = None
submit(3000)
connection, _ = hole.accept()  # so the request is on its way, and nobody will ever answer it
import gc
gc.collect()
gc.disable()
submit(10)
os.getppid()
submit(CALLS)
os.getppid()
s = observability.stats()
assert s.accepted >= CALLS + 3010, s
assert s.stdout_delivered < s.accepted and s.export_delivered == 0, s
os._exit(0)
"""


def trace_of(code: str, program: Program, folder: Path) -> list[str]:
    """The system calls of the thread that makes the marks, between them."""
    reader, writer = os.pipe()
    try:
        run = subprocess.run(
            ["strace", "-ff", "-o", str(folder / "trace"), sys.executable, "-c", PROLOGUE + code],
            env=program.environment(), stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE, timeout=HANG_GUARD_S,
        )
    finally:
        os.close(reader)
        os.close(writer)
    assert run.returncode == 0, run.stderr.decode()
    traces = [path.read_text(errors="replace").splitlines() for path in folder.glob("trace.*")]
    assert len(traces) >= 2, "the engine has a thread of its own"
    (calls,) = [calls for calls in traces if any(call.startswith("getppid(") for call in calls)]
    first, last = (i for i, call in enumerate(calls) if call.startswith("getppid("))
    return calls[first + 1 : last]


@pytest.fixture(autouse=True)
def _strace_works() -> None:
    run = subprocess.run(["strace", "-f", "-o", os.devnull, "true"], capture_output=True, check=False)
    if run.returncode != 0:
        pytest.skip(f"strace may not trace here: {run.stderr.decode().strip()}")


def test_log_calls_make_no_system_call(program: Program, tmp_path: Path) -> None:
    assert trace_of(CODE.replace("CALLS", str(CALLS)), program, tmp_path) == []


def test_the_count_would_see_one(program: Program, tmp_path: Path) -> None:
    """The same with a handler beside ours that writes to a file."""
    code = CODE.replace("CALLS", "3").replace(
        'log = logging.getLogger("trade-exec")\n',
        'log = logging.getLogger("trade-exec")\nlog.addHandler(logging.FileHandler(os.devnull))\n',
    )
    calls = trace_of(code, program, tmp_path)
    assert [call for call in calls if call.startswith("write(")]
