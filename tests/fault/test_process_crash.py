"""A Python service that crashes (G13): what it logged arrives with `process_crashed` behind it, and the crash is reported
and seen as without us; faulthandler plays along, whoever came first."""

from __future__ import annotations

import signal

import pytest

from fault.ending import Program, by_whom, run
from fault.server import Server

CRASHES = {
    "SIGSEGV": ("ctypes.string_at(0)", signal.SIGSEGV),
    "SIGABRT": ("os.abort()", signal.SIGABRT),
    "SIGBUS": ("os.kill(os.getpid(), signal.SIGBUS); time.sleep(1000)", signal.SIGBUS),
    "SIGFPE": ("os.kill(os.getpid(), signal.SIGFPE); time.sleep(1000)", signal.SIGFPE),
    "SIGILL": ("os.kill(os.getpid(), signal.SIGILL); time.sleep(1000)", signal.SIGILL),
}
crashes = pytest.mark.parametrize(("crash", "number"), CRASHES.values(), ids=CRASHES.keys())
PATIENT = {"OBSV_CRASH_TIMEOUT": "600000"}


def assert_crashed(program: Program, number: signal.Signals, server: Server) -> None:
    assert program.process.returncode == -number, program.report()
    expected = {"main": list(range(100))}
    assert by_whom(program.lines) == expected, program.report()
    assert by_whom(server.records) == expected, program.report()
    (line,) = [line for line in program.all_lines if line.get("event") == "process_crashed"]
    (record,) = [record for record in server.own_records if record.event == "process_crashed"]
    assert line["signal"] == record.attributes["signal"] == number.name
    assert line["signal_number"] == record.attributes["signal_number"] == number
    assert record.attributes["process.pid"] == program.process.pid
    assert (record.severity, record.body) == (21, f"process crashed: {number.name}")


@crashes
@pytest.mark.parametrize("faulthandler", ["none", "before", "after"])
def test_what_was_logged_arrives(crash: str, number: signal.Signals, faulthandler: str) -> None:
    enable = "faulthandler.enable()\n"
    before = enable if faulthandler == "before" else ""
    code = (enable if faulthandler == "after" else "") + f"submit(100)\n{crash}"
    with Server() as server:
        program = run(server, code, before=before, **PATIENT)
        assert_crashed(program, number, server)
        reported = "\n".join(program.stderr).count("Fatal Python error")
        assert reported == (faulthandler != "none")


def test_a_fatal_error_of_the_interpreter() -> None:
    """It takes faulthandler's handlers away before it aborts, which gives ours back if they were there first."""
    with Server() as server:
        code = "faulthandler.enable()\nsubmit(100)\nfaulthandler._fatal_error_c_thread()"
        program = run(server, code, **PATIENT)
        assert_crashed(program, signal.SIGABRT, server)
        assert "\n".join(program.stderr).count("Fatal Python error") == 1


def test_a_crash_in_a_thread_names_it() -> None:
    code = """
        submit(100)
        def trade():
            print(threading.get_native_id(), flush=True)
            ctypes.string_at(0)
        thread = threading.Thread(target=trade)
        thread.start()
        thread.join()
    """
    with Server() as server:
        program = run(server, code, **PATIENT)
        assert_crashed(program, signal.SIGSEGV, server)
        (record,) = [record for record in server.own_records if record.event == "process_crashed"]
        assert program.said == [str(record.attributes["thread.id"])]


def test_an_interpreter_that_is_wedged() -> None:
    """The thread that crashes holds the GIL, others wait for it: nobody of ours needs it."""
    code = """
        threading.Thread(target=lambda: [time.sleep(0) for _ in iter(int, 1)], daemon=True).start()
        submit(100)
        ctypes.PyDLL(None).abort()
    """
    with Server() as server:
        assert_crashed(run(server, code, **PATIENT), signal.SIGABRT, server)


def test_switched_off() -> None:
    with Server() as server:
        program = run(server, "submit(100)\nassert observability.flush(60)\nctypes.string_at(0)", OBSV_CRASH_HANDLER="off")
        assert program.process.returncode == -signal.SIGSEGV
        assert by_whom(server.records) == {"main": list(range(100))}
        assert server.own_records == []


def test_development_mode() -> None:
    """-X dev enables faulthandler at start."""
    with Server() as server:
        program = run(server, "submit(100)\nctypes.string_at(0)", "-X", "dev", **PATIENT)
        assert_crashed(program, signal.SIGSEGV, server)
        assert "Fatal Python error: Segmentation fault" in "\n".join(program.stderr)
