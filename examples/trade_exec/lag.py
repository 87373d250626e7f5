"""Event-loop lag: the harm that logging can do to an asyncio service, measured by the service itself.

A task asks to sleep for 10 ms, again and again, and notes how much later than asked it woke up.  Whatever holds up the
loop (a log call that waits, a long computation, a busy machine) shows as lateness here, as it does in every order that
had to wait meanwhile.  What is in the figure besides: the selector rounds its time-out up to a whole millisecond, and
the operating system adds its own wake-up delay, so an idle loop reads about 1 ms and not 0.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

PERIOD_S = 0.010
WINDOW = 60_000  # samples kept for the percentiles: the last ten minutes; the maximum is the whole run's


@dataclass(frozen=True, slots=True)
class LagSummary:
    p50_ms: float
    p99_ms: float
    max_ms: float
    samples: int

    def __str__(self) -> str:
        figures = f"p50 {self.p50_ms:.2f} ms, p99 {self.p99_ms:.2f} ms, max {self.max_ms:.2f} ms"
        return f"{figures} (lateness of {self.samples} wake-ups from a {PERIOD_S * 1000:.0f} ms sleep)"


class LoopLag:
    def __init__(self) -> None:
        self._late_s: deque[float] = deque(maxlen=WINDOW)
        self._max_s = 0.0
        self._samples = 0

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PERIOD_S
            await asyncio.sleep(PERIOD_S)
            self.note(max(0.0, loop.time() - due))

    def note(self, late_s: float) -> None:
        self._late_s.append(late_s)
        self._max_s = max(self._max_s, late_s)
        self._samples += 1

    @property
    def max_ms(self) -> float:
        return self._max_s * 1000

    def summary(self) -> LagSummary:
        ordered = sorted(self._late_s) or [0.0]
        return LagSummary(
            p50_ms=_rank(ordered, 0.50) * 1000,
            p99_ms=_rank(ordered, 0.99) * 1000,
            max_ms=self.max_ms,
            samples=self._samples,
        )


def _rank(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
