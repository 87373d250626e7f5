"""`obsv listen` as an OTLP/HTTP server: judged by the official protobuf classes on the one side, by its stdout on the other."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import http.client
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from integration import otlp
from integration.otlp import JSON, PROTOBUF
from peers import HANG_GUARD_S, Listener, Peer

LIMIT = 64 << 20
KEEP_FIXTURE = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Client:
    """One connection that is kept alive."""

    def __init__(self, listener: Peer) -> None:
        self.port = port_of(listener)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HANG_GUARD_S)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
        self.connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = self.connection.getresponse()
        return response.status, response.read(), response.headers

    def post(self, body: bytes, kind: str = PROTOBUF, **headers: str) -> tuple[int, bytes]:
        status, answer, received = self.send("POST", "/v1/logs", body, Content_Type=kind, **headers)
        assert received["Content-Type"] == kind
        return status, answer

    def deliver(self, request: ExportLogsServiceRequest) -> None:
        assert self.post(request.SerializeToString()) == (200, b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()


def port_of(listener: Peer) -> int:
    found = listener.wait_until("first line", lambda: listener.stderr and re.search(r":(\d+) \(POST", "\n".join(listener.stderr)))
    return int(found.group(1))


def start(obsv: Path, *options: str, **more: Any) -> Peer:
    return Peer([obsv, "listen", "--port", "0", *options], **more)


@pytest.fixture(scope="module")
def running(obsv: Path) -> Iterator[Listener]:
    with Listener(obsv) as listener:
        yield listener


@pytest.fixture
def client(running: Listener) -> Iterator[Client]:
    with Client(running) as client:
        yield client


def encode(request: ExportLogsServiceRequest, kind: str, encoding: str) -> tuple[bytes, dict[str, str]]:
    body = request.SerializeToString() if kind == PROTOBUF else json.dumps(otlp.to_json(request)).encode()
    return (gzip.compress(body), {"Content_Encoding": "gzip"}) if encoding == "gzip" else (body, {})


def next_lines(listener: Peer, seen: int, count: int) -> list[dict[str, Any]]:
    listener.wait_until(f"{count} records", lambda: len(listener.stdout) >= seen + count)
    return [json.loads(line) for line in listener.stdout[seen : seen + count]]


# ---- What arrives is what was sent ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@KEEP_FIXTURE
@given(sent=st.lists(otlp.records, min_size=1, max_size=3))
def test_every_record_is_printed_exactly(running: Listener, client: Client, kind: str, encoding: str, sent: list[LogRecord]) -> None:
    seen = len(running.stdout)
    body, headers = encode(otlp.request_of(*sent), kind, encoding)
    assert client.post(body, kind, **headers) == (200, b"" if kind == PROTOBUF else b"{}")
    for record, printed in zip(sent, next_lines(running, seen, len(sent)), strict=True):
        expected = otlp.expected_record(record)
        # Compared as text: 1, 1.0 and true are three different values, and the order of keys counts.
        assert json.dumps({key: printed[key] for key in expected}) == json.dumps(expected)
        assert ("duplicate_keys" in printed) == ("duplicate_keys" in expected)
        assert printed["logger"] == "trade-exec"
        assert printed["resource"] == {"service.name": "listen-test"}


def test_all_that_surrounds_a_record_is_printed(running: Listener, client: Client) -> None:
    request = otlp.simple("m")
    resource_logs = request.resource_logs[0]
    resource_logs.schema_url = "https://resource"
    resource_logs.resource.dropped_attributes_count = 2
    resource_logs.resource.attributes.add(key="service.name").value.string_value = "again"
    scope_logs = resource_logs.scope_logs[0]
    scope_logs.schema_url = "https://scope"
    scope_logs.scope.version = "1.2"
    scope_logs.scope.dropped_attributes_count = 3
    scope_logs.scope.attributes.add(key="a").value.int_value = 1
    for kind in (PROTOBUF, JSON):
        seen = len(running.stdout)
        client.post(encode(request, kind, "identity")[0], kind)
        (printed,) = next_lines(running, seen, 1)
        assert printed["timestamp"] == "1970-01-01T00:00:00.000000001Z"
        assert printed["scope_version"] == "1.2"
        assert printed["scope_attributes"] == {"a": 1}
        assert printed["scope_dropped_attributes_count"] == 3
        assert printed["scope_schema_url"] == "https://scope"
        assert printed["resource"] == {"service.name": "again"}
        assert printed["resource_duplicate_keys"] == ["service.name"]
        assert printed["resource_dropped_attributes_count"] == 2
        assert printed["resource_schema_url"] == "https://resource"


@KEEP_FIXTURE
@given(
    record=otlp.records,
    hits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=3),
    cut=st.none() | st.floats(0, 1),
)
def test_damaged_protobuf_is_judged_as_the_official_decoder_does(
    client: Client, record: LogRecord, hits: list[tuple[float, int]], cut: float | None
) -> None:
    body = bytearray(otlp.request_of(record).SerializeToString())
    for where, byte in hits:
        body[int(where * len(body))] = byte
    damaged = bytes(body[: None if cut is None else int(cut * len(body))])
    try:
        ExportLogsServiceRequest.FromString(damaged)
        expected = 200
    except DecodeError:
        expected = 400
    status, answer = client.post(damaged)
    assert status == expected
    if status == 400:
        assert Status.FromString(answer).code == 3


# ---- Answers --------------------------------------------------------------------------------------------------------


def status_of(answer: bytes, kind: str) -> Status:
    if kind == PROTOBUF:
        return Status.FromString(answer)
    fields = json.loads(answer)
    assert set(fields) == {"code", "message"}
    return Status(**fields)


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
@pytest.mark.parametrize(
    ("status", "code", "message", "request_line", "body", "headers"),
    [
        (400, 3, "malformed", "POST /v1/logs", b"\x0a\xff", {}),
        (400, 3, "gzip", "POST /v1/logs", b"no gzip", {"Content_Encoding": "gzip"}),
        (400, 3, "gzip", "POST /v1/logs", b"", {"Content_Encoding": "gzip"}),
        (404, 5, "OTEL_EXPORTER_OTLP_ENDPOINT", "POST /", b"x", {}),
        (404, 5, "logs only", "POST /v1/traces", b"x", {}),
        (404, 5, "logs only", "POST /v1/logs/", b"x", {}),
        (404, 5, "logs only", "GET /v1/metrics", None, {}),
        (405, 12, "POST", "GET /v1/logs", None, {}),
        (405, 12, "POST", "PUT /v1/logs", b"x", {}),
        (405, 12, "POST", "DELETE /otlp/v1/logs", None, {}),
        (415, 3, "Content-Encoding", "POST /v1/logs", b"x", {"Content_Encoding": "deflate"}),
        (415, 3, "Content-Encoding", "POST /v1/logs", b"x", {"Content_Encoding": "gzip2"}),
    ],
)
def test_a_refusal_carries_a_status_in_the_requests_encoding(
    client: Client, kind: str, status: int, code: int, message: str, request_line: str, body: bytes | None, headers: dict[str, str]
) -> None:
    method, path = request_line.split()
    got, answer, received = client.send(method, path, body, Content_Type=kind, **headers)
    assert (got, received["Content-Type"]) == (status, kind)
    assert received["Allow"] == ("POST" if status == 405 else None)
    told = status_of(answer, kind)
    assert told.code == code
    assert message in told.message


@pytest.mark.parametrize("kind", ["text/plain", "application/jsonp", "application/x-protobuf2", ""])
def test_other_content_types_are_refused(client: Client, kind: str) -> None:
    status, answer, _ = client.send("POST", "/v1/logs", b"{}", Content_Type=kind)
    assert (status, status_of(answer, JSON).code) == (415, 3)


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/v1/logs", "application/json; charset=utf-8", b"{}"),
        ("/v1/logs", "Application/JSON", b"{}"),
        ("/otlp/v1/logs", PROTOBUF, b""),
        ("/v1/logs?tenant=a", PROTOBUF, b""),
        ("/v1/logs", PROTOBUF, ExportLogsServiceRequest().SerializeToString()),
    ],
)
def test_an_empty_request_succeeds(client: Client, path: str, kind: str, body: bytes) -> None:
    status, answer, headers = client.send("POST", path, body, Content_Type=kind)
    assert (status, headers["Content-Type"]) == (200, PROTOBUF if kind == PROTOBUF else JSON)
    response = ExportLogsServiceResponse.FromString(answer) if kind == PROTOBUF else json.loads(answer)
    assert response == (ExportLogsServiceResponse() if kind == PROTOBUF else {})


def test_the_root_explains_itself(client: Client) -> None:
    status, answer, headers = client.send("GET", "/")
    assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert b"/v1/logs" in answer
    assert client.send("HEAD", "/")[:2] == (200, b"")


def test_one_connection_serves_all_requests_refused_ones_included(running: Listener, client: Client) -> None:
    client.deliver(otlp.simple("first"))
    address = client.connection.sock.getsockname()
    assert client.send("POST", "/v1/traces", b"x" * 100_000)[0] == 404
    assert client.post(b"\x0a")[0] == 400
    assert client.post(b"x" * (LIMIT + 1))[0] == 413
    client.deliver(otlp.simple("last"))
    assert client.connection.sock.getsockname() == address
    running.wait_until("last record", lambda: '"body":"last"' in running.stdout[-1])


def test_a_malformed_request_shows_none_of_its_records(running: Listener, client: Client) -> None:
    good = otlp.simple("must not be shown")
    assert client.post(good.SerializeToString() + b"\x0a\x05")[0] == 400
    broken = otlp.to_json(good)
    broken["resourceLogs"].append({"scopeLogs": [{"logRecords": [{"severityNumber": "INFO"}]}]})
    assert client.post(json.dumps(broken).encode(), JSON)[0] == 400
    client.deliver(otlp.simple("marker"))
    running.wait_until("marker", lambda: '"body":"marker"' in running.stdout[-1])
    assert not any("must not be shown" in line for line in running.stdout)


def test_a_chunked_body_is_read(running: Listener, client: Client) -> None:
    body = otlp.simple("in chunks").SerializeToString()
    status, _, _ = client.send("POST", "/v1/logs", iter([body[:5], body[5:]]), Content_Type=PROTOBUF)
    assert status == 200
    running.wait_until("record", lambda: '"body":"in chunks"' in running.stdout[-1])


# ---- The limit ------------------------------------------------------------------------------------------------------


def request_of_size(size: int) -> bytes:
    """A valid request of exactly `size` bytes."""
    overhead = len(otlp.simple("x" * size).SerializeToString()) - size
    body = otlp.simple("x" * (size - overhead)).SerializeToString()
    assert len(body) == size
    return body


@pytest.fixture(scope="module")
def quiet(obsv: Path) -> Iterator[Peer]:
    with start(obsv, "--quiet") as listener:
        yield listener


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413)])
def test_the_limit_is_64_mib_after_decompression(quiet: Peer, encoding: str, size: int, status: int) -> None:
    body = request_of_size(size)
    with Client(quiet) as client:
        if encoding == "gzip":
            got, answer = client.post(gzip.compress(body, 1), Content_Encoding="gzip")
        else:
            got, answer = client.post(body)
    assert got == status
    if status == 413:
        assert "64 MiB" in Status.FromString(answer).message


def test_the_limit_holds_for_chunked_bodies(quiet: Peer) -> None:
    chunks = (b"\0" * (1 << 20) for _ in range(65))
    with Client(quiet) as client:
        status, answer, _ = client.send("POST", "/v1/logs", chunks, Content_Type=PROTOBUF)
    assert (status, Status.FromString(answer).code) == (413, 8)


def test_a_client_that_asks_first_need_not_send_what_is_too_large(quiet: Peer) -> None:
    with socket.create_connection(("127.0.0.1", port_of(quiet)), HANG_GUARD_S) as s:
        head = f"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: {LIMIT + 1}\r\nExpect: 100-continue\r\n\r\n"
        s.sendall(head.encode())
        assert s.recv(1 << 16).startswith(b"HTTP/1.1 413 ")


def test_a_bomb_costs_no_more_than_the_limit(obsv: Path) -> None:
    layer = gzip.compress(b"\0" * (16 << 20))
    with start(obsv, "--quiet") as listener, Client(listener) as client:
        assert client.post(layer * 200, Content_Encoding="gzip")[0] == 413
        peak_kib = int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{listener.process.pid}/status").read_text()).group(1))
    assert peak_kib * 1024 < 8 * LIMIT


# ---- Whatever comes over the wire -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 1000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS hello
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nContent-Type: application/json\r\n\r\n{",
        b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
        b"POST /" + b"a" * 300_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /\x1b[2J%1b[2J HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_garbage_does_not_disturb_the_others(running: Listener, data: bytes) -> None:
    # The server may hang up at any point; ENOTCONN is no ConnectionError.
    with socket.create_connection(("127.0.0.1", port_of(running)), HANG_GUARD_S) as s, contextlib.suppress(OSError):
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        while s.recv(1 << 16):
            pass
    with Client(running) as client:
        client.deliver(otlp.simple("still here"))
    assert not any("\x1b" in line for line in running.stderr)


def test_many_connections_at_once(obsv: Path) -> None:
    def work(number: int) -> None:
        with Client(listener) as client:
            for i in range(25):
                client.deliver(otlp.simple(f"{number} {i}"))

    with Listener(obsv, "--count", "200") as listener:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        assert listener.wait() == 0
        for thread in threads:
            thread.join()
        bodies = [json.loads(line)["body"] for line in listener.stdout]
        assert sorted(bodies) == sorted(f"{number} {i}" for number in range(8) for i in range(25))
        assert [b for b in bodies if b.startswith("3 ")] == [f"3 {i}" for i in range(25)]
        assert listener.stderr[-1] == "200 records in 200 requests, 0 malformed"


# ---- Beginning and end ----------------------------------------------------------------------------------------------


def test_the_first_lines_say_where_and_how(obsv: Path) -> None:
    with start(obsv) as listener:
        port = port_of(listener)
        listener.wait_until("hint", lambda: len(listener.stderr) >= 2)
        assert listener.stderr == [
            f"listening on http://127.0.0.1:{port} (POST /v1/logs)",
            f"  export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{port}",
        ]


def test_count_ends_it_after_the_answer(obsv: Path) -> None:
    with Listener(obsv, "--count", "3") as listener:
        with Client(listener) as client:
            client.deliver(otlp.simple("one"))
            assert client.post(b"\x0a")[0] == 400
            client.deliver(otlp.request_of(*(LogRecord() for _ in range(5))))
        assert listener.wait() == 0
        assert len(listener.stdout) == 6
        assert listener.stderr[-1] == "6 records in 2 requests, 1 malformed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("options", "status"), [([], 0), (["--count", "1"], 0), (["--count", "2"], 1)])
def test_a_signal_ends_it_with_a_summary(obsv: Path, number: signal.Signals, options: list[str], status: int) -> None:
    with start(obsv, *options) as listener, Client(listener) as client:
        client.deliver(otlp.simple("one"))
        assert listener.stop(number) == status
        assert listener.stderr[-1] == "1 record in 1 request, 0 malformed"


def test_a_signal_ends_it_while_its_reader_is_stuck(obsv: Path) -> None:
    """A full pipe holds the answer back, so the client does not take a success for granted; a signal is still heard."""
    command = [obsv, "listen", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        port = int(re.search(r":(\d+) \(", process.stderr.readline()).group(1))
        with socket.create_connection(("127.0.0.1", port), HANG_GUARD_S) as s:
            body = otlp.request_of(*(LogRecord(body=AnyValue(string_value="x" * 1000)) for _ in range(500))).SerializeToString()
            s.sendall(f"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            capacity = fcntl.fcntl(process.stdout, fcntl.F_GETPIPE_SZ)
            held = struct.Struct("i")
            while held.unpack(fcntl.ioctl(process.stdout, termios.FIONREAD, bytes(held.size)))[0] < capacity:
                assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(HANG_GUARD_S) == 0


def test_it_ends_when_its_reader_goes_away(obsv: Path) -> None:
    command = [obsv, "listen", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        process.stderr.readline()
        process.stdout.close()
        assert process.wait(HANG_GUARD_S) == 0
        assert process.stderr.read().splitlines()[-1] == "0 records in 0 requests, 0 malformed"


def test_a_failing_stdout_is_reported(obsv: Path) -> None:
    command = [obsv, "listen", "--port", "0"]
    with open("/dev/full", "w") as full, subprocess.Popen(command, stdout=full, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        port = int(re.search(r":(\d+) \(", process.stderr.readline()).group(1))
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_GUARD_S)) as connection:
            connection.request("POST", "/v1/logs", otlp.simple("m").SerializeToString(), {"Content-Type": PROTOBUF})
            with contextlib.suppress(ConnectionError):
                connection.getresponse().close()
        assert process.wait(HANG_GUARD_S) == 1
        assert "obsv listen: cannot write to stdout: No space left on device" in process.stderr.read()


def test_a_port_in_use_is_one_clear_line(obsv: Path, running: Listener) -> None:
    port = port_of(running)
    run = subprocess.run([obsv, "listen", "--port", str(port)], capture_output=True, text=True, timeout=HANG_GUARD_S)
    assert run.returncode == 1
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert f"port {port} on 127.0.0.1 is in use" in line
    assert "--port" in line


def test_another_address_must_be_asked_for_and_is_warned_of(obsv: Path) -> None:
    with start(obsv, "--bind", "0.0.0.0") as listener:
        port_of(listener)
        assert "warning: 0.0.0.0 can be reached from other machines" in listener.stderr[0]


@pytest.mark.parametrize("address", ["127.0.0.2", "::1", "localhost"])
def test_loopback_addresses_are_not_warned_of(obsv: Path, address: str) -> None:
    family = socket.AF_INET6 if address == "::1" else socket.AF_INET
    with socket.socket(family) as s:
        try:
            s.bind((address, 0))
        except OSError:
            pytest.skip(f"this machine has no {address}")
    with start(obsv, "--bind", address) as listener:
        port_of(listener)
        assert re.fullmatch(r"listening on http://(127\.0\.0\.[12]|\[::1\]):\d+ \(POST /v1/logs\)", listener.stderr[0])


def test_the_port_file_is_there_when_connections_are_accepted(obsv: Path, tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    with start(obsv, "--port-file", str(port_file)) as listener:
        port = port_of(listener)
        assert port_file.read_text() == f"{port}\n"
        assert list(tmp_path.iterdir()) == [port_file]
    run = subprocess.run(
        [obsv, "listen", "--port", "0", "--port-file", tmp_path / "no" / "port"], capture_output=True, text=True, timeout=HANG_GUARD_S
    )
    assert run.returncode == 1
    assert "cannot write --port-file" in run.stderr


# ---- For people -----------------------------------------------------------------------------------------------------


def human_request() -> ExportLogsServiceRequest:
    record = LogRecord(time_unix_nano=1_763_829_296_789_012_345, severity_number=17, severity_text="ERROR")
    record.body.string_value = "order_rejected"
    record.attributes.add(key="symbol").value.string_value = "BTC-USD"
    record.attributes.add(key="qty").value.int_value = 3
    record.attributes.add(key="note").value.string_value = "two words"
    record.attributes.add(key="raw").value.bytes_value = b"\x00\x01"
    record.attributes.add(key="exception.type").value.string_value = "ValueError"
    record.attributes.add(key="exception.message").value.string_value = "bad"
    record.attributes.add(key="exception.stacktrace").value.string_value = "Traceback:\n  f()\nValueError: bad\n"
    return otlp.request_of(record)


HUMAN_LINES = [
    '16:34:56.789 ERROR trade-exec order_rejected  symbol=BTC-USD qty=3 note="two words" raw=base64:AAE=',
    "    Traceback:",
    "      f()",
    "    ValueError: bad",
]


def test_a_record_is_one_readable_line(obsv: Path) -> None:
    with start(obsv, "--count", "1") as listener, Client(listener) as client:
        client.deliver(human_request())
        assert listener.wait() == 0
        assert listener.stdout == HUMAN_LINES


def test_full_tells_where_it_came_from(obsv: Path) -> None:
    with start(obsv, "--count", "1", "--full") as listener, Client(listener) as client:
        client.deliver(human_request())
        assert listener.wait() == 0
        assert listener.stdout[0].startswith("2025-11-22T16:34:56.789012345Z ERROR trade-exec order_rejected  symbol=BTC-USD ")
        assert listener.stdout[0].endswith(" resource.service.name=listen-test")


def on_terminal(obsv: Path, environment: dict[str, str], *options: str) -> str:
    """What appears on a terminal."""
    master, slave = pty.openpty()
    command = [obsv, "listen", "--port", "0", "--count", "1", *options]
    with subprocess.Popen(command, stdout=slave, stderr=subprocess.PIPE, text=True, env=environment) as process:
        os.close(slave)
        assert process.stderr
        port = int(re.search(r":(\d+) \(", process.stderr.readline()).group(1))
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_GUARD_S)) as connection:
            connection.request("POST", "/v1/logs", human_request().SerializeToString(), {"Content-Type": PROTOBUF})
            assert connection.getresponse().status == 200
        shown = b""
        with contextlib.suppress(OSError):  # EIO: the other side is closed
            while chunk := os.read(master, 1 << 16):
                shown += chunk
        os.close(master)
        assert process.wait(HANG_GUARD_S) == 0
    return shown.decode()


@pytest.mark.parametrize(
    ("environment", "options", "is_colored"),
    [
        ({"TERM": "xterm"}, [], True),
        ({"TERM": "xterm", "NO_COLOR": ""}, [], True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, [], False),
        ({"TERM": "dumb"}, [], False),
        ({}, [], False),
        ({"TERM": "xterm"}, ["--color=never"], False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, ["--color=always"], True),
    ],
)
def test_colours_only_where_they_are_wanted(obsv: Path, environment: dict[str, str], options: list[str], is_colored: bool) -> None:
    shown = on_terminal(obsv, environment, *options)
    assert ("\x1b[" in shown) == is_colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r\n", "\n").splitlines() == HUMAN_LINES


def test_quiet_prints_nothing_but_the_summary(obsv: Path) -> None:
    with start(obsv, "--quiet", "--count", "1") as listener, Client(listener) as client:
        client.deliver(human_request())
        assert listener.wait() == 0
        assert listener.stdout == []
        assert listener.stderr[-1] == "1 record in 1 request, 0 malformed"
