"""A service under test: a Python program that logs through `observability` and tells its statistics as it goes.

A story is the program's code. It finds the package initialised, a logger `log`, and `tell(name)`, which notes the
counters under that name. At its end the service flushes, shuts down and notes them once more, as `end`. Whatever the
story, each note is held to the conservation law, and no secret may appear in anything the service said (DESIGN.md,
laws 2 and 5).
"""

from __future__ import annotations

import base64
import json
import os
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from peers import Peer

BEGIN = """
import json, logging, os, sys
import observability
from observability import flush, init_observability, shutdown, stats
init_observability()
log = logging.getLogger("trade-exec")

def tell(name):
    s = stats()
    print("stats", json.dumps({"name": name} | {field: getattr(s, field) for field in s.__match_args__}), flush=True)
"""
END = """
flush(100)
shutdown()
tell("end")
"""

Stats = Mapping[str, int]


def assert_conserved(stats: Stats) -> None:
    """accepted = delivered + Σ dropped + pending, for each sink."""
    for sink in ("stdout", "export"):
        parts = [value for name, value in stats.items() if name.startswith((f"{sink}_delivered", f"{sink}_dropped", f"{sink}_pending"))]
        assert stats["accepted"] == sum(parts), stats


def forms_of(secret: str) -> list[str]:
    """How a secret could show: as it is, as an HTTP header's value, percent-encoded, within Basic credentials."""
    forms = [secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("=")]
    return forms + [quote(form, safe="") for form in forms]


class Service(Peer):
    def __init__(self, story: str, *arguments: str, endpoint: str, secrets: tuple[str, ...] = (), begin: str = BEGIN, **settings: str) -> None:
        self.secrets = secrets
        environment = {
            **os.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OBSV_STDOUT": "off",
            **settings,
        }
        super().__init__([sys.executable, "-c", begin + textwrap.dedent(story) + END, *arguments], env=environment)

    def told(self, name: str) -> Stats | None:
        for line in self.stdout:
            if line.startswith("stats "):
                stats: dict[str, int] = json.loads(line.removeprefix("stats "))
                if stats["name"] == name:
                    del stats["name"]
                    assert_conserved(stats)
                    return stats
        return None

    def wait_for_stats(self, name: str) -> Stats:
        return self.wait_until(f"statistics named {name}", lambda: self.told(name))

    def wait_to_say(self, text: str) -> str:
        """The first line on stderr that has this text."""
        return self.wait_until(f"word of {text!r}", lambda: next((line for line in self.stderr if text in line), None))

    def end(self) -> Stats:
        """Its last statistics, after it has ended by itself and well."""
        assert self.wait() == 0, self.report()
        stats = self.told("end")
        assert stats is not None, self.report()
        self.assert_secrets_are_kept()
        return stats

    def assert_secrets_are_kept(self) -> None:
        said = "\n".join([*self.stdout, *self.stderr])
        for secret in self.secrets:
            for form in forms_of(secret):
                assert form not in said, "a secret was printed"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        super().__exit__(kind, error, where)
        self.assert_secrets_are_kept()


def run_service(story: str, *arguments: str, endpoint: str, **settings: str) -> Stats:
    """Runs it to its end; everything it logged must have arrived, and nothing may have been complained of."""
    with Service(story, *arguments, endpoint=endpoint, **settings) as service:
        stats = service.end()
        assert_all_delivered(stats, service)
        return stats


def assert_all_delivered(stats: Stats, service: Peer) -> None:
    dropped = {name: value for name, value in stats.items() if name.startswith("export_dropped") and value}
    assert dropped == {} and stats["export_pending"] == 0, service.report()
    assert stats["export_delivered"] == stats["accepted"] > 0, service.report()


