"""The endpoint that the peers export to: takes OTLP/HTTP requests, answers 200, keeps nothing but counters.

A process of its own, so that it takes nobody's interpreter lock.  `GET /count` answers with the number of requests so
far; the harness asks before and after each run, because a peer that exports nothing must not win.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive, as any real endpoint
    requests = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        Handler.requests += 1
        self._answer("application/x-protobuf", b"")  # an ExportLogsServiceResponse: everything accepted

    def do_GET(self) -> None:
        self._answer("application/json", json.dumps(Handler.requests).encode())

    def _answer(self, content_type: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Sink:
    def __init__(self, url: str) -> None:
        self.url = url
        # No proxy of the machine must come between.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def request_count(self) -> int:
        with self._opener.open(f"{self.url}/count") as answer:
            return int(json.load(answer))


@contextmanager
def running_sink() -> Iterator[Sink]:
    command = [sys.executable, "-m", "bench.sink"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Sink(process.stdout.readline().strip())
        finally:
            process.terminate()


def main() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
