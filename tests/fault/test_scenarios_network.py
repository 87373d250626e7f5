"""How the way to the endpoint breaks, and that nothing is lost by it. `row_<number>`: the table in docs/DELIVERY.md."""

from __future__ import annotations

import random
import socket

import pytest

from fault.server import AFTER_TLS, BEFORE_TLS, HEAD, REQUEST, Exchange, Step, answer, at, bytewise, close, hang, head_of, raw, reset, stall
from fault.stage import ONE_BATCH, Stage
from integration.nginx import Authority, Paper

# Milliseconds for one request, so that one which hangs is soon given up.
IMPATIENT = {"OTEL_EXPORTER_OTLP_TIMEOUT": "150"}
ENDLESS = {"OTEL_EXPORTER_OTLP_TIMEOUT": "0"}
# More than the kernel's socket buffers hold, and gzip finds nothing in it.
LARGE = {"OTEL_EXPORTER_OTLP_COMPRESSION": "none", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "100", **ONE_BATCH}


@pytest.fixture
def paper(stage: Stage) -> Paper:
    return stage.authority().sign("server", "subjectAltName=IP:127.0.0.1,IP:::1")


def trusting(stage: Stage) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(stage.folder / "test-authority.pem")}


# ---- Nobody there -------------------------------------------------------------------------------------------------


def test_a_port_that_opens_later(stage: Stage) -> None:
    server = stage.server(is_up=False)
    service = stage.program(server)
    service.submit(100)
    service.until("s.export_requests >= 3")
    assert service.stats().export_pending == 100
    service.wait_for_stderr("cannot export to", "onnect", "records wait, next try in")
    server.up()
    service.until("s.export_delivered == 100")
    assert server.numbers == list(range(100))
    service.wait_for_stderr("exporting again")
    stage.end(service, server)


def test_a_black_hole_that_opens_later(stage: Stage) -> None:
    server = stage.server(is_up=False)
    server.black_hole()
    service = stage.program(server, **IMPATIENT)
    service.submit(100)
    service.until("s.export_requests >= 2")
    service.submit(100)
    server.up()
    service.deliver()
    assert server.numbers == list(range(200))
    stage.end(service, server)


def test_restarts_of_the_endpoint(stage: Stage) -> None:
    server = stage.server()
    service = stage.program(server)
    for n in range(0, 400, 100):
        service.submit(50)
        service.until(f"s.export_delivered == {n + 50}")
        requests = service.stats().export_requests
        server.down()
        service.submit(50)
        service.until(f"s.export_requests > {requests}")
        server.up()
        service.deliver()
    assert server.numbers == list(range(400))
    stage.end(service, server)


def test_a_name_that_does_not_resolve(stage: Stage) -> None:
    service = stage.program("http://no-such-host.invalid:4318/otlp", OTEL_EXPORTER_OTLP_HEADERS="")
    service.submit(20)
    service.until("s.export_requests >= 2")
    service.wait_for_stderr("cannot export to", "no-such-host.invalid", "20 records wait")
    quiet = stage.end(service, deadline=0.1)
    assert (quiet.export_pending, quiet.export_last_status) == (20, 0)


def test_ipv6(stage: Stage, paper: Paper) -> None:
    server = stage.server(answer(503), family=socket.AF_INET6, paper=paper)
    service = stage.program(server, **trusting(stage))
    service.submit(20)
    service.deliver()
    assert server.numbers == list(range(20))
    stage.end(service, server)


# ---- Somebody there who does not answer ---------------------------------------------------------------------------


@pytest.mark.parametrize("when", [BEFORE_TLS, AFTER_TLS, HEAD, REQUEST])
def test_row_07_a_server_that_hangs_costs_a_request_not_a_record(stage: Stage, paper: Paper, when: str) -> None:
    """The time-out of a request is none of retention: four requests in a row use it up, and nothing is lost."""
    server = stage.server(*[hang(when)] * 4, paper=paper)
    service = stage.program(server, **IMPATIENT, **trusting(stage))
    service.submit(50)
    for attempt in range(1, 5):
        server.wait_for_hanging(attempt)
        service.do("flush(0.2)")
    service.deliver()
    assert server.numbers == list(range(50))
    assert service.stats().export_retries >= 4
    stage.end(service, server)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"],
                         ids=["nothing", "a status line", "a head", "a body"])  # fmt: skip
def test_a_server_that_stops_in_the_middle_of_its_answer(stage: Stage, said: bytes) -> None:
    server = stage.server(hang(REQUEST, said))
    service = stage.program(server, **IMPATIENT, **ONE_BATCH)
    service.submit_one_batch(50)
    service.deliver()
    assert [arrival.numbers.tolist() for arrival in server.arrivals] == [list(range(50))] * 2
    assert len({arrival.body for arrival in server.arrivals}) == 1
    stage.end(service, server)


def test_a_server_that_stops_reading(stage: Stage) -> None:
    server = stage.server(stall(HEAD))
    service = stage.program(server, **IMPATIENT, **LARGE)
    service.submit_one_batch(40, text="y" * 20000)
    service.deliver()
    assert server.numbers == list(range(40))
    stage.end(service, server)


@at(REQUEST)
def drop_by_drop(exchange: Exchange) -> None:
    """A byte whenever the client has waited for a while: an answer that never ends."""
    exchange.send(b"HTTP/1.1 200 OK\r\nX-Drops: ")
    exchange.no_delay()
    while not exchange.is_over_in(0.01):
        exchange.send(b".")


def test_an_answer_that_drips_for_ever_is_given_up(stage: Stage) -> None:
    server = stage.server(drop_by_drop)
    service = stage.program(server, **IMPATIENT)
    service.submit(20)
    service.deliver()
    assert server.numbers == list(range(20))
    stage.end(service, server)


@pytest.mark.parametrize("kind", ["refused", "black hole", "hangs before TLS", "hangs after the request"])
def test_row_19_shutdown_and_row_24_flush_end_on_time_whatever_the_endpoint_does(stage: Stage, paper: Paper, kind: str) -> None:
    """Requests may take for ever here: that flush and shutdown return at all shows that they do not wait for one."""
    server = stage.server(otherwise=hang(BEFORE_TLS if "before" in kind else REQUEST), paper=paper, is_up="hangs" in kind)
    if kind == "black hole":
        server.black_hole()
    service = stage.program(server, **ENDLESS, **trusting(stage))
    service.submit(3000)
    assert service.value("flush(0.05)") is False
    service.until("s.export_requests >= 1")
    assert service.value("flush(0.05)") is False
    quiet = stage.end(service, server, deadline=0.05)
    assert quiet.export_pending == 3000
    service.wait_for_stderr("3000 of 3000 records did not reach the endpoint", "shutdown 3000")


# ---- Connections that break ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [reset, close], ids=["reset", "close"])
@pytest.mark.parametrize("when", [BEFORE_TLS, AFTER_TLS, HEAD, REQUEST])
def test_a_connection_that_breaks(stage: Stage, paper: Paper, how: object, when: str) -> None:
    server = stage.server(how(when), how(when), paper=paper)
    service = stage.program(server, **trusting(stage), **LARGE)
    service.submit_one_batch(40, text="y" * 20000)
    service.deliver()
    assert server.numbers == list(range(40))
    assert len({arrival.body for arrival in server.arrivals}) == 1
    stage.end(service, server)


def test_a_kept_connection_that_the_server_closes_between_requests(stage: Stage) -> None:
    ok = head_of(200, {"Content-Length": "0"})
    server = stage.server()
    service = stage.program(server, **ONE_BATCH)
    for number, ending in enumerate((raw(ok, is_acknowledgement=True), answer(204, Connection="close"), answer(204))):
        server.then(ending)
        service.submit_one_batch(10)
        service.until(f"s.export_delivered == {10 * number + 10}")
    server.then(close(HEAD))  # while the client believes that it is still good
    service.submit_one_batch(10)
    service.deliver()
    assert server.numbers == list(range(40))
    stage.end(service, server)


@at(HEAD)
def too_large_already(exchange: Exchange) -> None:
    """As a proxy says it, which knows the length from the head: before it has read the body."""
    exchange.send(head_of(413, {"Content-Length": "0", "Connection": "close"}))
    exchange.wait_for_the_end()


def test_row_13_413_while_the_body_is_still_being_sent(stage: Stage) -> None:
    server = stage.server(too_large_already)
    service = stage.program(server, **LARGE)
    service.submit_one_batch(40, text="y" * 20000)
    service.deliver()
    assert sorted(arrival.numbers.tolist() for arrival in server.arrivals) == [list(range(20)), list(range(20, 40))]
    stage.end(service, server)


# ---- TLS ----------------------------------------------------------------------------------------------------------


def test_a_certificate_that_is_not_trusted_gets_no_token_until_it_is_exchanged(stage: Stage, paper: Paper) -> None:
    (stage.folder / "other").mkdir()
    stranger = Authority(stage.folder / "other", "other-authority").sign("server", "subjectAltName=IP:127.0.0.1")
    server = stage.server(paper=stranger)
    service = stage.program(server, **trusting(stage))
    service.submit(20)
    server.wait_for("a refused handshake", lambda: server.tls_errors)
    service.wait_for_stderr("cannot export to", "certificate", "records wait")
    assert server.arrivals == []
    server.show(paper)
    service.deliver()
    assert server.numbers == list(range(20))
    stage.end(service, server)


def test_a_tls_server_asked_in_the_clear(stage: Stage, paper: Paper) -> None:
    server = stage.server(paper=paper)
    service = stage.program(server.url.replace("https", "http"))
    service.submit(20)
    server.wait_for("a refused handshake", lambda: server.tls_errors)
    quiet = stage.end(service, server, deadline=0.05)
    assert quiet.export_pending == 20


def test_a_plain_server_asked_by_tls(stage: Stage) -> None:
    server = stage.server()
    service = stage.program(server.url.replace("http", "https"))
    service.submit(20)
    service.wait_for_stderr("cannot export to", "SSL", "20 records wait")
    assert server.arrivals == []
    quiet = stage.end(service, server, deadline=0.05)
    assert quiet.export_pending == 20


# ---- All of it ----------------------------------------------------------------------------------------------------

WEATHER: dict[str, Step] = {
    "429": answer(429), "502": answer(502), "503": answer(503, Retry_After="0"), "504": answer(504), "401": answer(401),
    "reset": reset(REQUEST), "reset in the body": reset(HEAD), "no answer": close(REQUEST), "half an answer": raw(b"HTTP/1.1 204 No"),
    "hangs": hang(REQUEST), "slow": bytewise(200), "slow and bad": bytewise(503), "good": answer(204), "good again": answer(200),
}  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
def test_bad_weather(stage: Stage, seed: int) -> None:
    """Forty faults in an order of their own for each seed, while four threads log."""
    weather = random.Random(seed).choices(list(WEATHER.values()), k=40)
    server = stage.server(*weather)
    service = stage.program(server, **IMPATIENT)
    service.do("""
lock = threading.Lock()
def trade():
    for _ in range(50):
        with lock:
            submit(10)
        flush(0.02)
threads = [threading.Thread(target=trade) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
""")
    service.deliver()
    server.wait_for("the end of the bad weather", lambda: server.has_played or service.do("submit(1)\nflush(1)"))
    service.deliver()
    assert server.numbers == list(range(service.value("submitted")))
    quiet = stage.end(service, server)
    assert quiet.export_delivered == quiet.accepted
