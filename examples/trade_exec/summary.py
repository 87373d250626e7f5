"""What a run comes to: what was sent, by our own count, against what the library says became of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from observability import Stats

from .lag import LagSummary
from .records import EventCounter


@dataclass(frozen=True, slots=True)
class Summary:
    sent: int
    delivered: int
    dropped: int
    not_exported: int  # because no endpoint is configured, or export is off: by intent, so not "dropped"
    stdout_delivered: int
    lag: LagSummary
    records_by_event: dict[str, int]

    @classmethod
    def collect(cls, counter: EventCounter, stats: Stats, lag: LagSummary) -> Summary:
        dropped = {name: getattr(stats, name) for name in dir(stats) if name.startswith("export_dropped_")}
        not_exported = dropped.pop("export_dropped_off")
        return cls(
            sent=counter.total,
            delivered=stats.export_delivered,
            dropped=sum(dropped.values()),
            not_exported=not_exported,
            stdout_delivered=stats.stdout_delivered,
            lag=lag,
            records_by_event=dict(sorted(counter.by_event.items())),
        )

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self._as_json(), indent=2) + "\n", encoding="utf-8")

    def __str__(self) -> str:
        export = f"delivered {self.delivered}, dropped {self.dropped}"
        if self.not_exported:
            export += f", not exported {self.not_exported} (no endpoint)"
        return f"trade_exec: sent {self.sent}, {export}\ntrade_exec: event-loop lag {self.lag}"

    def _as_json(self) -> dict[str, Any]:
        return {
            "sent": self.sent,
            "delivered": self.delivered,
            "dropped": self.dropped,
            "not_exported": self.not_exported,
            "stdout_delivered": self.stdout_delivered,
            "loop_lag_p50_ms": round(self.lag.p50_ms, 3),
            "loop_lag_p99_ms": round(self.lag.p99_ms, 3),
            "loop_lag_max_ms": round(self.lag.max_ms, 3),
            "loop_lag_samples": self.lag.samples,
            "records_by_event": self.records_by_event,
        }
