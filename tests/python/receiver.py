"""An OTLP/HTTP receiver whose decoder nobody here wrote: the official opentelemetry-proto package."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

HANG_GUARD_S = 120.0


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Exported:
    """One record as it arrived."""

    resource: dict[str, Any]
    scope: str
    time_ns: int
    observed_ns: int
    severity: int
    severity_text: str
    body: Any
    event: str
    attributes: dict[str, Any]
    dropped_attributes: int
    trace_id: str
    span_id: str
    flags: int


def plain(value: AnyValue) -> Any:
    """An AnyValue as the Python value of the same type."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return mapping(value.kvlist_value.values)
    return getattr(value, kind)


def mapping(pairs: Any) -> dict[str, Any]:
    def one(pair: KeyValue) -> tuple[str, Any]:
        return pair.key, plain(pair.value)

    out = dict(map(one, pairs))
    assert len(out) == len(pairs), f"keys that occur twice: {[pair.key for pair in pairs]}"
    return out


def _hex_ids_to_base64(document: dict[str, Any]) -> dict[str, Any]:
    """OTLP/JSON has ids in hexadecimal; protobuf's own JSON, which the decoder reads, in base64."""
    for resource in document.get("resourceLogs", []):
        for scope in resource.get("scopeLogs", []):
            for record in scope.get("logRecords", []):
                for key in ("traceId", "spanId"):
                    if record.get(key):
                        record[key] = base64.b64encode(bytes.fromhex(record[key])).decode()
    return document


def decode(request: Request) -> list[Exported]:
    body = request.body
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    message = ExportLogsServiceRequest()
    if request.headers["content-type"] == "application/json":
        json_format.ParseDict(_hex_ids_to_base64(json.loads(body)), message)
    else:
        assert request.headers["content-type"] == "application/x-protobuf"
        message.ParseFromString(body)
    return [
        Exported(
            resource=mapping(resource.resource.attributes),
            scope=scope.scope.name,
            time_ns=record.time_unix_nano,
            observed_ns=record.observed_time_unix_nano,
            severity=record.severity_number,
            severity_text=record.severity_text,
            body=plain(record.body),
            event=record.event_name,
            attributes=mapping(record.attributes),
            dropped_attributes=record.dropped_attributes_count,
            trace_id=record.trace_id.hex(),
            span_id=record.span_id.hex(),
            flags=record.flags,
        )
        for resource in message.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


class Receiver:
    """Listens on loopback while the `with` block lasts and keeps every request."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requests: list[Request] = []
        self._records: list[Exported] = []
        self._failure: Exception | None = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver._take(Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                answer = ExportLogsServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def _take(self, request: Request) -> None:
        try:
            records = decode(request)
        except Exception as error:  # told to whoever waits
            records = []
            self._failure = error
        with self._changed:
            self._requests.append(request)
            self._records += records
            self._changed.notify_all()

    @property
    def requests(self) -> list[Request]:
        return list(self._requests)

    @property
    def records(self) -> list[Exported]:
        """By time, which is the order of logging; a batch groups its records by logger."""
        self._raise_failure()
        return sorted(self._records, key=lambda record: record.time_ns)

    def _raise_failure(self) -> None:
        if self._failure:
            raise AssertionError("a request that the official decoder refuses") from self._failure

    def wait_for(self, what: str, look: Callable[[], bool]) -> None:
        deadline = time.monotonic() + HANG_GUARD_S
        with self._changed:
            while not look():
                self._raise_failure()
                assert self._changed.wait(deadline - time.monotonic()), f"no {what}: {len(self._records)} records came"

    def wait_for_records(self, count: int) -> list[Exported]:
        self.wait_for(f"{count} records", lambda: len(self._records) >= count)
        return self.records

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
