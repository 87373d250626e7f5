"""The application's own logging while the endpoint misbehaves, and one bad record among a hundred at a strict endpoint.

`row_<number>`: the table in docs/DELIVERY.md.
"""

from __future__ import annotations

import pytest

from fault.server import HTML, REQUEST, Server, answer, close, partial_body, status_body
from fault.stage import ONE_BATCH, TOKEN, Program, Stage
from fault.strict import STRICT, fault_of
from python.test_nasty import EXPLODING, VALUES

# ---- Never feeds on itself ----------------------------------------------------------------------------------------


def test_row_01_a_failing_export_logs_nothing_through_logging(stage: Stage) -> None:
    """Every kind of complaint the library has, with the root logger at its lowest level: not a record more than logged."""
    server = stage.server(
        answer(503), close(REQUEST), answer(401), answer(413), answer(400, status_body("bad")), answer(200, partial_body(0, "careful"))
    )
    service = stage.program(server, LOG_LEVEL="NOTSET")
    service.do("seen = []\nlogging.getLogger().addFilter(lambda record: seen.append(record) or True)")
    for _ in range(12):
        service.submit(1)
        service.deliver()
    assert server.has_played
    quiet = stage.end(service, server)
    assert quiet.accepted == 12
    assert {record.scope for record in server.records} == {"trade-exec"}


def test_row_05_a_silent_application_sends_nothing(stage: Stage) -> None:
    """With the root logger at its lowest level: between two records there is no request at all."""
    server = stage.server()
    service = stage.program(server, LOG_LEVEL="NOTSET")
    service.submit(1)
    service.until("s.export_delivered == 1")
    passes = 300  # of the shipper, each of which would send what there is
    service.do(f"for _ in range({passes}):\n    flush(0)\n    time.sleep(0)\nwhile not flush(1):\n    pass")
    assert len(server.arrivals) == 1
    quiet = stage.end(service, server)
    assert (quiet.accepted, quiet.export_requests) == (1, 1)


def test_row_02_after_shutdown_log_calls_are_silent_and_counted(stage: Stage) -> None:
    server = stage.server()
    service = stage.program(server)
    service.submit(5)
    service.do("shutdown()")
    said = service.stderr
    service.submit(5, "ERROR")
    assert service.value("flush(1)") in (True, False)
    s = service.stats()
    assert s.dropped == {"stdout": {"shutdown": {"ERROR": 5}}, "export": {"shutdown": {"ERROR": 5}}}
    assert service.stderr == said
    service.do("init_observability()")
    service.submit(5)
    service.deliver()
    assert server.numbers == [*range(5), *range(10, 15)]
    stage.end(service, server)


def test_row_04_no_lock_of_logging_is_needed_to_deliver(stage: Stage) -> None:
    """As logging.config holds it while it clears handlers; one thread flushes with it, another logs meanwhile."""
    server = stage.server(answer(503))
    service = stage.program(server)
    service.do("""
with logging._lock:
    for handler in logging.getLogger().handlers:
        handler.acquire()
    other = threading.Thread(target=log.info, args=("from elsewhere",), kwargs={"extra": {"n": 1000}})
    submit(10)
    while not flush(1):
        pass
    for handler in logging.getLogger().handlers:
        handler.release()
    other.start()
    other.join()
""")
    service.deliver()
    assert server.numbers == [*range(10), 1000]
    stage.end(service, server)


# ---- Credentials --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [f"Authorization=Basic {TOKEN}", f"authorization=Basic%20{TOKEN}", f" Authorization = Basic {TOKEN} ", f'"Authorization=Basic {TOKEN}"',
     f"Authorization=Basic%20{TOKEN.replace('=', '%3D')}"],
    ids=["with a space", "with %20", "with spaces around", "in quotes", "encoded"],
)  # fmt: skip
def test_row_15_a_token_arrives_however_it_was_written(stage: Stage, written: str) -> None:
    """And at an endpoint that refuses it, it is in no message; stage.end looks."""
    server = stage.server(answer(401, status_body("invalid token")))
    service = stage.program(server, OTEL_EXPORTER_OTLP_HEADERS=written)
    service.submit(3)
    service.deliver()
    service.wait_for_stderr("HTTP 401")
    assert {arrival.request.headers["authorization"] for arrival in server.arrivals} == {f"Basic {TOKEN}"}
    stage.end(service, server)


REPEATED = {
    "status": answer(400, status_body(f"no such user: Basic {TOKEN}, is it {TOKEN}?")),
    "page": answer(400, f"<pre>POST /otlp/v1/logs\nAuthorization: Basic {TOKEN}</pre>".encode(), kind=HTML),
    "text": answer(400, f"authorization=Basic {TOKEN}".encode(), kind="text/plain"),
    "cut": answer(400, status_body("x" * 500 + TOKEN)),
    "partial success": answer(200, partial_body(0, f"{TOKEN} will expire")),
    "redirect": answer(302, Location=f"http://elsewhere.invalid/?token={TOKEN}"),
}


def test_a_token_that_the_endpoint_repeats_is_not_repeated_by_us(stage: Stage) -> None:
    server = stage.server()
    service = stage.program(server)
    for kind, repeated in REPEATED.items():
        server.then(repeated)
        service.submit(3)
        service.deliver()
        assert TOKEN[:8] not in service.stats().last_error, kind
    assert TOKEN[:8] not in service.stderr
    stage.end(service, server)


# ---- One bad record -----------------------------------------------------------------------------------------------

NEIGHBOURS = 100


def assert_harms_only_itself(stage: Stage, server: Server, service: Program, bad: dict[str, str]) -> None:
    """Each of these log calls in the middle of a hundred others, and all of it in one request."""
    service.do("from python.nasty import *\nnp = None")
    for count, (name, call) in enumerate(bad.items(), 1):
        service.do(f"submit({NEIGHBOURS // 2})\nn = submitted\nsubmitted += 1\n{call}\nsubmit({NEIGHBOURS // 2})\nflush(0)")
        s = service.until(f"s.export_delivered + s.export_dropped_rejected == {count * (NEIGHBOURS + 1)}")
        assert s.export_dropped_rejected == 0, f"{name}: {s.last_error}"
        assert s.export_requests == count, name
    assert server.numbers == list(range(len(bad) * (NEIGHBOURS + 1)))
    said = [line for line in service.stderr.splitlines() if not line.startswith("obsv: service ")]
    assert said == [], "nothing to complain of"
    quiet = stage.end(service, server)
    assert quiet.stdout_delivered == quiet.accepted


def test_row_09_and_row_11_no_value_harms_its_neighbours_or_is_worth_a_warning(stage: Stage) -> None:
    server = stage.server(otherwise=STRICT)
    service = stage.program(server, **ONE_BATCH)
    calls = {name: f"log.info('nasty', extra={{'n': n, 'before': 1, 'v': {source}, 'after': 2}})" for name, (source, _) in VALUES.items()}
    assert_harms_only_itself(stage, server, service, calls)
    bad = {record.attributes["n"]: record for record in server.records if record.body == "nasty"}
    assert len(bad) == len(VALUES)
    marked = {name for name, record in zip(VALUES, bad.values(), strict=True) if "log_error" in record.attributes}
    assert marked == EXPLODING


KEYS = ["_", "", "数量", "!!", "__", ".", "9lives", "a b", "k" * 5000, "\ud800", "\0", "service.name", "service_name", "level", "trace_id", "n.", "a.b", "a_b"]


def test_row_09_no_key_harms_its_neighbours(stage: Stage) -> None:
    server = stage.server(otherwise=STRICT)
    service = stage.program(server, **ONE_BATCH)
    calls = {repr(key): f"log.info('nasty', extra={{{key!r}: 1, 'n': n}})" for key in KEYS}
    calls["all of them"] = f"log.info('nasty', extra={{**dict.fromkeys({KEYS!r}, 1), 'n': n}})"
    calls["nested"] = f"log.info('nasty', extra={{'n': n, 'v': {{'_': {{'': {{'!!': 1}}}}}}, '_': {{'_': 1}}}})"
    assert_harms_only_itself(stage, server, service, calls)


SIZES = {
    "attributes by the hundreds": "log.info('nasty', extra={'n': n, **{f'k{i}': i for i in range(300)}})",
    "leaves by the hundreds": "log.info('nasty', extra={'n': n, 'v': {f'k{i}': {'a': i, 'b': i} for i in range(300)}})",
    "an attribute of 70 kB": "log.info('nasty', extra={'n': n, 'v': 'x' * 70_000})",
    "many large attributes": "log.info('nasty', extra={'n': n, **{f'k{i}': 'x' * 5_000 for i in range(40)}})",
    "an array of 100,000": "log.info('nasty', extra={'n': n, 'v': list(range(100_000))})",
    "a message of 300 kB": "log.info('x' * 300_000, extra={'n': n})",
    "a message that triples": "log.info('\\ud800' * 300_000, extra={'n': n})",
    "a trace of a mebibyte": """
try:
    raise ValueError('y' * 2**20)
except ValueError:
    log.info('nasty', exc_info=True, extra={'n': n})
""",
    "a key of 100 kB": "log.info('nasty', extra={'n': n, 'k' * 100_000: 1})",
    "a logger of 100 kB": "logging.getLogger('l' * 100_000).info('nasty', extra={'n': n})",
    "an event of 100 kB": "log.info('nasty', extra={'n': n, 'event': 'e' * 100_000})",
}


def test_row_30_no_size_harms_its_neighbours(stage: Stage) -> None:
    server = stage.server(otherwise=STRICT)
    service = stage.program(server, **ONE_BATCH)
    assert_harms_only_itself(stage, server, service, SIZES)


def test_the_strict_endpoint_refuses_what_it_should(stage: Stage) -> None:
    """Or the three before this one could not fail."""
    server = stage.server()
    service = stage.program(server)
    service.submit(1)
    service.deliver()
    stage.end(service, server)
    (record,) = server.records
    assert fault_of(record) == ""
    for wrong in ({"_": 1}, {"": {"!!": 1}}, {f"k{i}": i for i in range(130)}, {"v": "x" * 70_000}):
        record.attributes.clear()
        record.attributes.update(wrong)
        assert fault_of(record) != ""
