"""An OTLP/HTTP endpoint that fails on command and remembers which records it accepted.

A process of its own for each run, controlled by lines on stdin: `refused`, `503`, `429`, `hang`, `up`, and `count`, which
is answered with how many different records were in requests answered with 200.  A record is known by its attribute
`qty`, which bench.record numbers.  While it is refused, a second, bound socket keeps the port.  Requests that hang are
cut off when the server comes up again, as by a restart.
"""

from __future__ import annotations

import gzip
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

state = "up"
came_up = threading.Condition()
accepted: set[int] = set()


def set_state(new: str) -> None:
    global state
    with came_up:
        state = new
        came_up.notify_all()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if state == "refused":  # a connection from before: the process that had it is gone
            self.close_connection = True
        elif state == "hang":
            with came_up:
                came_up.wait_for(lambda: state != "hang")
            self.close_connection = True
        elif state == "up":
            accepted.update(numbers(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body))
            self._answer(200)
        else:
            self._answer(int(state))

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


def numbers(body: bytes) -> set[int]:
    request = ExportLogsServiceRequest.FromString(body)
    records = (record for r in request.resource_logs for s in r.scope_logs for record in s.log_records)
    return {a.value.int_value for record in records for a in record.attributes if a.key == "qty"}


def serve(port: int) -> Server:
    server = Server(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


def main() -> None:
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        port = keeper.getsockname()[1]
        server: Server | None = serve(port)
        print(f"http://127.0.0.1:{port}", flush=True)
        for line in sys.stdin:
            command = line.strip()
            if command == "count":
                print(len(accepted), flush=True)
                continue
            set_state(command)
            if server is not None and command == "refused":
                server.shutdown()
                server.server_close()
                server = None
            elif server is None and command != "refused":
                server = serve(port)
            print("done", flush=True)


if __name__ == "__main__":
    main()
