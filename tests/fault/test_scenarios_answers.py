"""What the endpoint answers, and what becomes of the records then. `row_<number>`: the table in docs/DELIVERY.md."""

from __future__ import annotations

import gzip
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from fault.server import HTML, JSON, OK, Arrival, Exchange, answer, at, at_most, judge, Step, partial_body, raw, status_body, bytewise, head_of, REQUEST
from fault.stage import ONE_BATCH, TOKEN, Program, Stage

LONG_AFTER = str(10**12)  # seconds
WORDS = "stream limit of tenant prod-7 is reached"


def least_gap(arrivals: list[Arrival]) -> float:
    """Seconds from an answer to the next request, the least. Held against a lower bound alone: no slow machine undercuts it."""
    return min(later.at - (earlier.answered_at or later.at) for earlier, later in zip(arrivals, arrivals[1:], strict=False))


# ---- Worth another try --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_row_06_a_retryable_status_is_resent_byte_for_byte(stage: Stage, status: int) -> None:
    server = stage.server(answer(status))
    service = stage.program(server, **ONE_BATCH)
    service.submit_one_batch(10)
    s = service.until("s.export_delivered == 10")
    assert (s.export_requests, s.export_retries) == (2, 1)
    assert len({arrival.body for arrival in server.arrivals}) == 1
    assert len({str(arrival.request.headers) for arrival in server.arrivals}) == 1
    stage.end(service, server)


@pytest.mark.parametrize("status", [429, 503])
def test_row_06_retry_after_in_seconds_is_waited_for(stage: Stage, status: int) -> None:
    server = stage.server(answer(status, Retry_After="1"))
    service = stage.program(server, **ONE_BATCH)
    service.submit_one_batch(5)
    server.wait_for_arrivals(1)
    assert not service.value("flush(0)"), "nor does a flush cut it short"
    service.until("s.export_delivered == 5")
    assert least_gap(server.arrivals) >= 1
    stage.end(service, server)


def test_row_06_retry_after_as_a_date_is_waited_for(stage: Stage) -> None:
    date = int(time.time()) + 2
    server = stage.server(answer(503, Retry_After=formatdate(date, usegmt=True)))
    service = stage.program(server, **ONE_BATCH)
    service.submit_one_batch(5)
    service.until("s.export_delivered == 5")
    first, second = server.arrivals
    assert first.wall < date <= second.wall
    stage.end(service, server)


def test_row_06_retry_after_that_is_over_or_unreadable_does_no_harm(stage: Stage) -> None:
    server = stage.server()
    service = stage.program(server)
    for after in ("0", "Sun, 06 Nov 1994 08:49:37 GMT", "-5", "soon", "", "1e9", "Infinity", "-" + LONG_AFTER, "\x80" * 300):
        server.then(answer(429, Retry_After=after))
        service.submit(3)
        service.deliver()
    quiet = stage.end(service, server)
    assert quiet.export_retries == 9


@pytest.mark.parametrize("after", [LONG_AFTER, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_row_06_retry_after_longer_than_anything_is_obeyed(stage: Stage, after: str) -> None:
    """Held, told, and given up only by the shutdown, which is on time: it does not wait for it."""
    server = stage.server(otherwise=answer(429, Retry_After=after))
    service = stage.program(server)
    service.submit(10)
    server.wait_for_arrivals(1)
    service.submit(10)
    service.wait_for_stderr("HTTP 429", "next try in")
    assert not service.value("flush(0.05)") and not service.value("flush(0.05)")
    quiet = stage.end(service, server, deadline=0.05)
    assert (quiet.export_pending, quiet.export_requests) == (20, 1)


# ---- Held: somebody has to mend something -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "cure"),
    [(401, "OTEL_EXPORTER_OTLP_HEADERS"), (403, "logs:write"), (404, "ends in /otlp")],
)
def test_row_31_what_can_be_mended_is_held_and_the_cure_is_told(stage: Stage, status: int, cure: str) -> None:
    server = stage.server(otherwise=answer(status, status_body(WORDS)))
    service = stage.program(server, **ONE_BATCH)
    service.submit_one_batch(20)
    server.wait_for_arrivals(2)
    service.wait_for_stderr(f"HTTP {status}", WORDS, cure, "20 records are kept")
    s = service.stats()
    assert (s.export_pending, s.export_delivered, s.export_last_status) == (20, 0, status)
    server.otherwise = OK
    service.deliver()
    assert server.numbers == list(range(20))
    assert len({arrival.body for arrival in server.arrivals}) == 1
    stage.end(service, server)


def token_of(arrival: Arrival) -> str:
    return arrival.request.headers.get("authorization", "").removeprefix("Basic ")


def only(token: str) -> Step:
    return judge(lambda arrival: (200, "") if token_of(arrival) == token else (401, "invalid token"))


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_was_exchanged_heals_without_a_restart(stage: Stage, tmp_path: Path, status: int) -> None:
    secret = tmp_path / "headers"
    secret.write_text(f"Authorization=Basic {TOKEN}old")
    server = stage.server(otherwise=judge(lambda arrival: (200, "") if token_of(arrival) == f"{TOKEN}new" else (status, "invalid token")))
    service = stage.program(server, OBSV_OTLP_HEADERS_FILE=str(secret))
    service.submit(20)
    server.wait_for_arrivals(2)
    (tmp_path / "fresh").write_text(f"Authorization=Basic {TOKEN}new\n")
    (tmp_path / "fresh").rename(secret)  # as Kubernetes does it
    service.submit(20)
    service.until("s.export_delivered == 40")
    assert {token_of(arrival) for arrival in server.arrivals} == {f"{TOKEN}old", f"{TOKEN}new"}
    assert server.numbers == list(range(40))
    stage.end(service, server)


def test_a_headers_file_that_is_half_written_or_gone_meanwhile_loses_nothing(stage: Stage, tmp_path: Path) -> None:
    secret = tmp_path / "headers"
    secret.write_text(f"Authorization=Basic {TOKEN}1\nX-Scope-OrgID=desk\n")
    server = stage.server(otherwise=only(f"{TOKEN}2"))
    service = stage.program(server, OBSV_OTLP_HEADERS_FILE=str(secret))
    service.submit(10)
    server.wait_for_arrivals(1)
    seen = 1
    for content in ("", "Authori", f"Authorization=Basic {TOKEN[:5]}", None, "\0\0\0", "=,=,\n\n=", "x" * 200000):
        secret.unlink(missing_ok=True)
        if content is not None:
            secret.write_text(content)
        service.do("flush(0)")
        seen = len(server.wait_for_arrivals(seen + 1))
    secret.write_text(f"Authorization=Basic {TOKEN}2\nX-Scope-OrgID=desk\n")
    service.deliver()
    assert server.acknowledged[0].request.headers["x-scope-orgid"] == "desk"
    stage.end(service, server)


# ---- Refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 405, 408, 415, 422, 500, 501, 505])
def test_row_06_any_other_status_is_final_and_harms_only_its_batch(stage: Stage, status: int) -> None:
    server = stage.server(answer(status, status_body(WORDS)))
    service = stage.program(server, **ONE_BATCH)
    service.submit_one_batch(10)
    service.until("s.export_dropped_rejected == 10")
    service.submit_one_batch(10)
    s = service.until("s.export_delivered >= 10")
    assert (s.export_retries, s.export_pending) == (0, 0)
    assert server.numbers == list(range(10, 20))
    service.wait_for_stderr(f"HTTP {status}", WORDS, "10 records dropped")
    stage.end(service, server)


@pytest.mark.parametrize(
    ("protocol", "body", "kind"),
    [
        ("http/protobuf", status_body(WORDS), "application/x-protobuf"),
        ("http/json", status_body(WORDS, JSON), JSON),
        ("http/protobuf", b"<html><body><h1>%s</h1></body></html>" % WORDS.encode(), HTML),
        ("http/protobuf", WORDS.encode(), "text/plain; charset=utf-8"),
    ],
    ids=["protobuf", "JSON", "HTML", "text"],
)
def test_row_31_the_reason_of_a_400_is_told_once_and_the_batch_is_not_resent(stage: Stage, protocol: str, body: bytes, kind: str) -> None:
    """Loki keeps the good records of such a request, so a resend would be wrong."""
    server = stage.server(otherwise=answer(400, body, kind=kind))
    service = stage.program(server, OTEL_EXPORTER_OTLP_PROTOCOL=protocol, **ONE_BATCH)
    for batch in range(1, 6):
        service.submit_one_batch(10)
        service.until(f"s.export_dropped_rejected == {batch * 10}")
    assert service.stderr.count(WORDS) == 1
    quiet = stage.end(service, server)
    assert (quiet.export_dropped_rejected, quiet.export_requests, quiet.export_retries) == (50, 5, 0)


HOSTILE = (b"\x1b[2J\x1b]0;owned\x07\r\nobsv: all is well", b"\xff\xfe\x00\x01" * 50, b"", b"{" * 4000, b"\x12\xff\xff\xff\xff\x7f")


def test_a_hostile_reason_is_one_printable_line(stage: Stage) -> None:
    server = stage.server()
    service = stage.program(server)
    for kind in ("application/x-protobuf", JSON, HTML, ""):
        for body in HOSTILE:
            server.then(answer(400, body, kind=kind))
            service.submit(1)
            service.deliver()
            assert "HTTP 400" in service.stats().last_error
            assert service.stats().last_error.isprintable(), (kind, body)
    assert all(line.isprintable() and line.startswith("obsv: ") for line in service.stderr.splitlines())
    quiet = stage.end(service, server)
    assert quiet.export_dropped_rejected == quiet.accepted


def test_row_12_partial_success_is_read(stage: Stage) -> None:
    """Which records were rejected the answer does not say: the least important are assumed."""
    server = stage.server()
    service = stage.program(server, OTEL_BLRP_SCHEDULE_DELAY="3600000")
    for protobuf, rejected in ((partial_body(4, "timestamp too old"), 4), (partial_body(99, "more than there were"), 10)):
        server.then(answer(200, protobuf, rejected=rejected))
        service.submit_one_batch(10)
        service.deliver()
    service.wait_for_stderr("4 of 10", "timestamp too old")
    quiet = stage.end(service, server)
    assert (quiet.export_delivered, quiet.export_dropped_rejected, quiet.export_retries) == (6, 14, 0)


def test_row_12_partial_success_with_words_alone_is_delivery(stage: Stage) -> None:
    server = stage.server(answer(200, partial_body(0, "structured metadata is deprecated")))
    service = stage.program(server)
    service.submit(10)
    service.deliver()
    service.wait_for_stderr("structured metadata is deprecated")
    assert stage.end(service, server).export_delivered == 10


def test_row_12_partial_success_in_json_is_read(stage: Stage) -> None:
    body = b'{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}'
    server = stage.server(answer(200, body, kind=JSON, rejected=3))
    service = stage.program(server, OTEL_EXPORTER_OTLP_PROTOCOL="http/json", **ONE_BATCH)
    service.submit_one_batch(10)
    service.deliver()
    service.wait_for_stderr("3 of 10", "too old")
    assert stage.end(service, server).export_dropped_rejected == 3


def test_row_14_any_2xx_is_delivery_but_260_is_not(stage: Stage) -> None:
    server = stage.server(answer(204), answer(200), answer(202), answer(201, b"created", kind=HTML), answer(260, status_body("ingestion is blocked")))
    service = stage.program(server, **ONE_BATCH)
    for _ in range(5):
        service.submit_one_batch(2)
        service.deliver()
    service.wait_for_stderr("HTTP 260", "ingestion is blocked")
    quiet = stage.end(service, server)
    assert (quiet.export_delivered, quiet.export_dropped_rejected, quiet.export_requests) == (8, 2, 5)


def test_row_13_413_splits_down_to_the_one_record_that_is_too_large(stage: Stage) -> None:
    """Neighbours on both sides of it are delivered; the large one alone is refused."""
    server = stage.server(otherwise=at_most(4000))
    service = stage.program(server, **ONE_BATCH)
    service.submit(50)
    service.submit(1, text="x" * 20000)
    service.submit_one_batch(49)
    service.deliver()
    service.wait_for_stderr("HTTP 413", "a single record is too large", "1 records dropped")
    assert server.numbers == [n for n in range(100) if n != 50]
    quiet = stage.end(service, server)
    assert (quiet.export_delivered, quiet.export_dropped_rejected) == (99, 1)


def test_row_13_an_endpoint_that_takes_nothing_but_single_records(stage: Stage) -> None:
    server = stage.server(otherwise=judge(lambda arrival: (413 if len(arrival.records) > 1 else 200, "")))
    service = stage.program(server, **ONE_BATCH)
    service.submit(30, "WARNING")
    service.submit_one_batch(70)
    service.deliver()
    assert server.numbers == list(range(100))
    assert stage.end(service, server).export_dropped_rejected == 0


def test_row_13_413_for_everything_ends(stage: Stage) -> None:
    server = stage.server(otherwise=answer(413))
    service = stage.program(server, **ONE_BATCH)
    service.submit_one_batch(16)
    service.until("s.export_dropped_rejected == 16")
    assert len(server.arrivals) == 31
    stage.end(service, server)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed_and_no_token_goes_elsewhere(stage: Stage, status: int) -> None:
    elsewhere = stage.server()
    server = stage.server(answer(status, Location=f"{elsewhere.url}/v1/logs"))
    service = stage.program(server, **ONE_BATCH)
    service.submit_one_batch(10)
    service.until("s.export_dropped_rejected == 10")
    service.wait_for_stderr(f"HTTP {status}", "redirects are not followed")
    service.submit(5)
    service.deliver()
    assert elsewhere.connection_count == 0
    stage.end(service, server, elsewhere)


# ---- Answers in strange forms -------------------------------------------------------------------------------------


INTERIM = {
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "continue three times": b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
}


@pytest.mark.parametrize("kind", INTERIM)
def test_interim_answers_are_no_answers(stage: Stage, kind: str) -> None:
    before = INTERIM[kind]
    server = stage.server(raw(before, head_of(200, {"Content-Length": "0"}), is_acknowledgement=True), raw(before + head_of(503, {"Content-Length": "0"})))
    service = stage.program(server, **ONE_BATCH)
    for batch in (1, 2):
        service.submit_one_batch(5)
        service.deliver()
    assert stage.end(service, server).export_retries == 1


def test_an_interim_answer_and_then_the_end_is_no_answer(stage: Stage) -> None:
    server = stage.server(raw(b"HTTP/1.1 100 Continue\r\n\r\n"))
    service = stage.program(server)
    service.submit(5)
    service.deliver()
    stage.end(service, server)
    assert server.numbers == list(range(5))


def chunks(body: bytes, size: int) -> bytes:
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


@at(REQUEST)
def chunked_partial_success(exchange: Exchange) -> None:
    body = partial_body(2, "too old")
    exchange.send(head_of(200, {"Content-Type": "application/x-protobuf", "Transfer-Encoding": "chunked"}))
    exchange.finish(chunks(body, 3) + b"0\r\nTrailer-Field: 1\r\n\r\n", True, rejected_count=2)


def test_a_chunked_answer_is_read_and_the_connection_kept(stage: Stage) -> None:
    server = stage.server(chunked_partial_success, chunked_partial_success)
    service = stage.program(server, **ONE_BATCH)
    for _ in range(2):
        service.submit_one_batch(5)
        service.deliver()
    quiet = stage.end(service, server)
    assert (quiet.export_delivered, quiet.export_dropped_rejected, server.connection_count) == (6, 4, 1)


@at(REQUEST)
def gzipped_status(exchange: Exchange) -> None:
    body = gzip.compress(status_body(WORDS))
    exchange.send(head_of(400, {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip", "Content-Length": str(len(body))}) + body)


def test_a_compressed_answer_is_read(stage: Stage) -> None:
    server = stage.server(gzipped_status)
    service = stage.program(server)
    service.submit(5)
    service.deliver()
    service.wait_for_stderr("HTTP 400", WORDS)
    assert server.arrivals[0].request.headers["accept-encoding"] == "gzip"
    assert stage.end(service, server).export_dropped_rejected == 5


def huge(status: int, is_bomb: bool) -> Step:
    """An answer of 40 MiB, as it is or in 40 kB of gzip."""

    @at(REQUEST)
    def step(exchange: Exchange) -> None:
        body = b"\0" * (40 << 20)
        extra = {}
        if is_bomb:
            body, extra = gzip.compress(body), {"Content-Encoding": "gzip"}
        exchange.finish(head_of(status, {"Content-Type": "application/x-protobuf", "Content-Length": str(len(body)), **extra}), 200 <= status < 300)
        exchange.send(body)

    return step


@pytest.mark.parametrize("is_bomb", [False, True])
def test_of_a_huge_answer_four_mebibytes_are_read(stage: Stage, is_bomb: bool) -> None:
    """The status says enough: it is judged by that, without the rest."""
    server = stage.server()
    service = stage.program(server, **ONE_BATCH)
    service.submit_one_batch(1)
    service.deliver()
    before = int(service.value("open('/proc/self/status').read().split('VmHWM:')[1].split()[0]"))
    for status, dropped, retries in ((400, 5, 0), (200, 5, 0), (503, 5, 1)):
        server.then(huge(status, is_bomb))
        service.submit_one_batch(5)
        s = service.deliver()
        assert (s.export_dropped_rejected, s.export_retries) == (dropped, retries)
    assert "larger than 4 MiB" in s.last_error
    grown = int(service.value("open('/proc/self/status').read().split('VmHWM:')[1].split()[0]")) - before
    assert grown < 20 << 10, "KiB; the buffer may double on its way to 4 MiB"
    stage.end(service, server)


def test_http_1_0_without_a_length_is_read_to_its_end(stage: Stage) -> None:
    ok = raw(b"HTTP/1.0 200 OK\r\nContent-Type: application/x-protobuf\r\n\r\n", partial_body(1, "too old"), is_acknowledgement=True, rejected=1)
    server = stage.server(ok, raw(b"HTTP/1.0 503 Busy\r\n\r\n<html>busy</html>"), raw(b"HTTP/1.0 204 No Content\r\n\r\n", is_acknowledgement=True))
    service = stage.program(server, **ONE_BATCH)
    service.submit_one_batch(5)
    service.deliver()
    service.submit_one_batch(5)
    service.deliver()
    quiet = stage.end(service, server)
    assert (quiet.export_delivered, quiet.export_dropped_rejected, server.connection_count) == (9, 1, 3)


def test_an_answer_byte_by_byte_is_an_answer(stage: Stage) -> None:
    server = stage.server(bytewise(503), bytewise(200, partial_body(0, "slowly")), bytewise(204))
    service = stage.program(server, **ONE_BATCH)
    for _ in range(2):
        service.submit_one_batch(5)
        service.deliver()
    quiet = stage.end(service, server)
    assert (quiet.export_delivered, quiet.export_retries, server.connection_count) == (10, 1, 1)


HALVES_AND_NONSENSE = {
    "of another protocol": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "of HTTP 0.9": b"<html>hello</html>",
    "without a reason": b"HTTP/1.1\r\n\r\n",
    "with a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "with two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 99\r\n\r\n",
    "with a length below zero": b"HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n",
    "cut in its status line": b"HTTP/1.1 2",
    "cut after its status line": b"HTTP/1.1 200 OK\r\n",
    "cut in its head": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Scope",
    "cut in its body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n\n\x02",
    "cut in its chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab",
    "in broken chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "in broken gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
    "of random bytes": bytes(range(256)) * 40,
    "of an endless header": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 400_000,
    "of endless headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40_000,
}


@pytest.mark.parametrize("kind", HALVES_AND_NONSENSE)
def test_half_an_answer_or_nonsense_is_no_answer(stage: Stage, kind: str) -> None:
    """The batch is kept: whatever stands there now, the endpoint may come back. Nothing of it is shown unprintable."""
    server = stage.server(raw(HALVES_AND_NONSENSE[kind]))
    service = stage.program(server, **ONE_BATCH)
    service.submit_one_batch(5)
    service.deliver()
    quiet = stage.end(service, server)
    assert (quiet.export_delivered, quiet.export_retries) == (5, 1), service.stderr
    assert all(line.isprintable() for line in service.stderr.splitlines())
