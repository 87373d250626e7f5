"""An OTLP/HTTP server that follows a script: it misbehaves on purpose, one step for each attempt of the client.

A step is taken from the script by each connection, at the moment that the step is about: before the TLS handshake, after
it, when a request's head has come, or when all of it has. When the script is at its end, `otherwise` is what happens.

    server = Server(hang(BEFORE_TLS), answer(503), otherwise=answer(204))

h11 reads the requests; answers are written as bytes, since most of what is tested here no proper library would send. All
that arrives is decoded by the official protobuf classes, and what was acknowledged is kept apart from what merely came:
a request counts as acknowledged when the last byte of a 2xx answer has been given to the kernel. A request that came
more than once, byte for byte, is recognised as a resend, as Loki does it.

The port stays ours while nobody listens on it: a second socket is bound to it and never listens.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import struct
import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeVar

import h11
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from integration.nginx import Paper
from peers import HANG_GUARD_S
from python.receiver import Exported, Request, decode

T = TypeVar("T")

BEFORE_TLS, AFTER_TLS, HEAD, REQUEST = "before TLS", "after TLS", "after the head", "after the request"
PROTOBUF, JSON, HTML = "application/x-protobuf", "application/json", "text/html"
OWN = "obsv"  # the logger of the library's own records


@dataclass
class Arrival:
    """A request that came as a whole. It is decoded when somebody looks, not while the client waits for its answer."""

    request: Request
    connection: int
    at: float  # seconds, by the machine's steady clock
    wall: float  # seconds since 1970
    answered_at: float | None = None
    is_acknowledged: bool = False
    rejected_count: int = 0

    @property
    def body(self) -> bytes:
        return self.request.body

    @cached_property
    def plain_size(self) -> int:
        """Bytes before compression: what a server's rate limit sees."""
        is_gzip = self.request.headers.get("content-encoding") == "gzip"
        return len(gzip.decompress(self.body)) if is_gzip else len(self.body)

    @cached_property
    def records(self) -> list[Exported]:
        return decode(self.request)

    @cached_property
    def numbers(self) -> array[int]:
        """The attribute `n` of the application's records; read without keeping the rest, for there may be many."""
        if self.request.headers["content-type"] != PROTOBUF:
            return array("q", (record.attributes["n"] for record in self.records if record.scope != OWN))
        is_gzip = self.request.headers.get("content-encoding") == "gzip"
        message = ExportLogsServiceRequest.FromString(gzip.decompress(self.body) if is_gzip else self.body)
        return array(
            "q",
            (
                next(pair.value.int_value for pair in record.attributes if pair.key == "n")
                for resource in message.resource_logs
                for scope in resource.scope_logs
                if scope.scope.name != OWN
                for record in scope.log_records
            ),
        )


# ---- Steps --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    when: str
    act: Callable[[Exchange], None]


def at(when: str) -> Callable[[Callable[[Exchange], None]], Step]:
    return lambda act: Step(when, act)


def status_body(message: str, kind: str = PROTOBUF) -> bytes:
    """The body of an error as the standard wants it."""
    if kind == JSON:
        return b'{"code":3,"message":"%s","details":[]}' % message.encode()
    return Status(message=message).SerializeToString()


def partial_body(rejected: int, message: str) -> bytes:
    answer = ExportLogsServiceResponse()
    answer.partial_success.rejected_log_records = rejected
    answer.partial_success.error_message = message
    return answer.SerializeToString()


def head_of(status: int, headers: Mapping[str, str], version: str = "1.1") -> bytes:
    lines = [f"HTTP/{version} {status} Whatever", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answer(status: int = 200, body: bytes = b"", *, kind: str = PROTOBUF, rejected: int = 0, **headers: str) -> Step:
    """A proper answer; `Retry_After="1"` is a header."""

    @at(REQUEST)
    def step(exchange: Exchange) -> None:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        whole = head_of(status, {"Content-Type": kind, "Content-Length": str(len(body)), **given}) + body
        exchange.finish(whole, 200 <= status < 300 and status != 260, rejected)

    return step


OK = answer(200)


def raw(*pieces: bytes, is_acknowledgement: bool = False, rejected: int = 0) -> Step:
    """These bytes, one write each, and then the end of the connection."""

    @at(REQUEST)
    def step(exchange: Exchange) -> None:
        for piece in pieces[:-1]:
            exchange.send(piece)
        exchange.finish(pieces[-1], is_acknowledgement, rejected)
        exchange.close()

    return step


def bytewise(status: int = 200, body: bytes = b"") -> Step:
    """A proper answer, one byte for each packet."""

    @at(REQUEST)
    def step(exchange: Exchange) -> None:
        exchange.no_delay()
        whole = head_of(status, {"Content-Type": PROTOBUF, "Content-Length": str(len(body))}) + body
        for byte in whole[:-1]:
            exchange.send(bytes([byte]))
        exchange.finish(whole[-1:], 200 <= status < 300)

    return step


def hang(when: str, said: bytes = b"") -> Step:
    """Says so much and then nothing, until the client gives up or the test is over."""

    @at(when)
    def step(exchange: Exchange) -> None:
        exchange.send(said)
        exchange.wait_for_the_end()

    return step


def stall(when: str) -> Step:
    """Reads no further, and says nothing, until the test is over: the client's bytes pile up in the kernel."""
    return at(when)(lambda exchange: exchange.wait_for_the_test())


def reset(when: str) -> Step:
    return at(when)(lambda exchange: exchange.reset())


def close(when: str) -> Step:
    return at(when)(lambda exchange: exchange.close())


def when_told(told: threading.Event, then: Step) -> Step:
    """That, but not before `told` is set."""

    @at(then.when)
    def step(exchange: Exchange) -> None:
        assert told.wait(HANG_GUARD_S)
        then.act(exchange)

    return step


def judge(verdict: Callable[[Arrival], tuple[int, str]]) -> Step:
    """Answers by what came: `verdict` gives the status and a message."""

    @at(REQUEST)
    def step(exchange: Exchange) -> None:
        status, message = verdict(exchange.arrival)
        answer(status, status_body(message) if message else b"").act(exchange)

    return step


def at_most(size: int) -> Step:
    """413 for every request whose plain size is above `size`."""
    return judge(lambda arrival: (413, "request body too large") if arrival.plain_size > size else (200, ""))


# ---- The server ---------------------------------------------------------------------------------------------------


class Gone(Exception):
    """The connection is at its end, by whoever's doing."""


class Exchange:
    """One connection, and the request on it that is being served."""

    arrival: Arrival

    def __init__(self, server: Server, connection: socket.socket, number: int) -> None:
        self._server = server
        self._socket = connection
        self._parser = h11.Connection(h11.SERVER)
        self.number = number

    def serve(self) -> None:
        try:
            self._begin(BEFORE_TLS)
            if self._server.tls:
                self._socket = self._server.tls.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
                self._socket.do_handshake()
            self._begin(AFTER_TLS)
            while True:
                self._serve_request()
        except ssl.SSLError as error:
            self._server.note(lambda: self._server.tls_errors.append(error))
        except (Gone, OSError, h11.RemoteProtocolError):
            pass
        except Exception as error:
            self._server.fail(error)
        finally:
            self._socket.close()
            self._server.forget(self)

    def _begin(self, when: str) -> None:
        step = self._server.take(when)
        if step:
            step.act(self)

    def _serve_request(self) -> None:
        head = self._next_event()
        if not isinstance(head, h11.Request):
            raise Gone
        self._begin(HEAD)
        body = bytearray()
        while isinstance(event := self._next_event(), h11.Data):
            body += event.data
        left, _ = self._parser.trailing_data
        self._parser = h11.Connection(h11.SERVER)
        if left:
            self._parser.receive_data(left)
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        self.arrival = self._server.arrived(Request(head.target.decode(), headers, bytes(body)), self.number)
        self._begin(REQUEST)

    def _next_event(self) -> Any:
        while (event := self._parser.next_event()) is h11.NEED_DATA:
            self._parser.receive_data(self._socket.recv(65536))
        return event

    # What steps do.

    def send(self, data: bytes) -> None:
        if data:
            self._socket.sendall(data)

    def no_delay(self) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def finish(self, data: bytes, is_acknowledged: bool, rejected_count: int = 0) -> None:
        """Sends the last part of an answer and notes it, in one for whoever looks."""

        def send_and_note() -> None:
            self.send(data)
            self.arrival.answered_at = time.monotonic()
            self.arrival.is_acknowledged = is_acknowledged
            self.arrival.rejected_count = rejected_count

        self._server.note(send_and_note)

    def wait_for_the_end(self) -> None:
        def note() -> None:
            self._server.hanging_count += 1

        self._server.note(note)
        while self._socket.recv(65536):
            pass
        raise Gone

    def wait_for_the_test(self) -> None:
        self._server.is_over.wait()
        raise Gone

    def is_over_in(self, seconds: float) -> bool:
        return self._server.is_over.wait(seconds)

    def close(self) -> None:
        raise Gone

    def reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def abort(self) -> None:
        """From another thread: the peer sees a reset."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._socket.shutdown(socket.SHUT_RDWR)


class Server:
    """Listens on a loopback port of its own while the `with` block lasts; `is_up=False`: from `up()` on."""

    def __init__(
        self, *steps: Step, otherwise: Step = OK, paper: Paper | None = None, family: int = socket.AF_INET, is_up: bool = True
    ) -> None:
        self.otherwise = otherwise
        self.arrivals: list[Arrival] = []
        self.connection_count = 0
        self.hanging_count = 0
        self.tls_errors: list[ssl.SSLError] = []
        self.tls: ssl.SSLContext | None = None
        if paper:
            self.show(paper)
        self.is_over = threading.Event()
        self._changed = threading.Condition()
        self._steps = deque(steps)
        self._failure: Exception | None = None
        self._exchanges: set[Exchange] = set()
        self._listener: socket.socket | None = None
        self._fillers: list[socket.socket] = []
        self._family = family
        self._host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self._keeper = self._bound(0)
        self.port: int = self._keeper.getsockname()[1]
        if is_up:
            self.up()

    def _bound(self, port: int) -> socket.socket:
        bound = socket.socket(self._family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((self._host, port))
        return bound

    def show(self, paper: Paper) -> None:
        """The certificate for connections from now on."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(paper.certificate, paper.key)
        self.tls = tls

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if self._family == socket.AF_INET6 else self._host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/otlp"

    # Whether anybody listens.

    def up(self) -> None:
        self.down()
        self._listener = self._bound(self.port)
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def down(self) -> None:
        """Connections are reset, new ones refused."""
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
            self._listener.close()
            self._listener = None
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        with self._changed:
            for exchange in self._exchanges:
                exchange.abort()

    def black_hole(self) -> None:
        """Nobody answers to a SYN: the queue of connections is full."""
        self.down()
        self._listener = self._bound(self.port)
        self._listener.listen(0)
        for _ in range(4):
            filler = socket.socket(self._family, socket.SOCK_STREAM)
            filler.setblocking(False)
            filler.connect_ex((self._host, self.port))
            self._fillers.append(filler)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._changed:
                self.connection_count += 1
                exchange = Exchange(self, connection, self.connection_count)
                self._exchanges.add(exchange)
                self._changed.notify_all()
            threading.Thread(target=exchange.serve, daemon=True).start()

    # For exchanges.

    def take(self, when: str) -> Step | None:
        with self._changed:
            step = self._steps[0] if self._steps else self.otherwise
            if step.when == when:
                return self._steps.popleft() if self._steps else step
            if when == REQUEST:
                raise AssertionError(f"the script wants something {step.when}, but a request came on a kept connection")
            return None

    def note(self, change: Callable[[], None]) -> None:
        with self._changed:
            change()
            self._changed.notify_all()

    def fail(self, error: Exception) -> None:
        def remember() -> None:
            self._failure = error

        self.note(remember)

    def forget(self, exchange: Exchange) -> None:
        self.note(lambda: self._exchanges.discard(exchange))

    def arrived(self, request: Request, connection: int) -> Arrival:
        assert request.path == "/otlp/v1/logs", request.path
        assert "expect" not in request.headers
        arrival = Arrival(request, connection, time.monotonic(), time.time())
        self.note(lambda: self.arrivals.append(arrival))
        return arrival

    # For tests.

    def then(self, *steps: Step) -> None:
        self.note(lambda: self._steps.extend(steps))

    @property
    def has_played(self) -> bool:
        """Whether the script is at its end."""
        return not self._steps

    @property
    def acknowledged(self) -> list[Arrival]:
        """One for each body, however often it was sent."""
        with self._changed:  # an answer is sent and noted in one
            found = {arrival.body: arrival for arrival in self.arrivals if arrival.is_acknowledged}
        return list(found.values())

    @property
    def records(self) -> list[Exported]:
        """Of the application, acknowledged, in the order of arrival."""
        return [record for arrival in self.acknowledged for record in arrival.records if record.scope != OWN]

    @property
    def own_records(self) -> list[Exported]:
        return [record for arrival in self.acknowledged for record in arrival.records if record.scope == OWN]

    @property
    def numbers(self) -> list[int]:
        """Of the application's records that were acknowledged, what they are counted by; each as often as it came."""
        return sorted(n for arrival in self.acknowledged for n in arrival.numbers)

    @property
    def delivered_count(self) -> int:
        return len(self.numbers) - sum(arrival.rejected_count for arrival in self.acknowledged)

    def wait_for(self, what: str, look: Callable[[], T]) -> T:
        """The first true result of `look`."""
        deadline = time.monotonic() + HANG_GUARD_S
        with self._changed:
            while not (found := look()):
                self.check()
                assert self._changed.wait(deadline - time.monotonic()), f"no {what}: {self}"
            return found

    def wait_for_arrivals(self, count: int) -> list[Arrival]:
        return self.wait_for(f"{count} requests", lambda: len(self.arrivals) >= count and list(self.arrivals))

    def wait_for_connections(self, count: int) -> None:
        self.wait_for(f"{count} connections", lambda: self.connection_count >= count)

    def wait_for_hanging(self, count: int) -> None:
        self.wait_for(f"{count} connections that hang", lambda: self.hanging_count >= count)

    def check(self) -> None:
        if self._failure:
            raise AssertionError("the server could not make sense of what came") from self._failure

    def __str__(self) -> str:
        return f"{self.connection_count} connections, {len(self.arrivals)} requests, {len(self.acknowledged)} acknowledged"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.down()
        self._keeper.close()
