"""What one log call costs the thread that makes it.

Calls come in groups of ten with pauses of about 2.5 ms in between, some 3,500 a second: as in a service, and unlike a
tight loop, the caches have been used by others meanwhile, and the peer's background work has its turn (if it takes the
interpreter lock, the calls pay).  Each call is timed by itself; the cost of reading the clock is subtracted.  The
garbage collector stays on, because services leave it on.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.sample import describe, percentile

TITLE = "Cost of one logger.info(..., extra=...) on the calling thread"
UNIT = "ns"
DEFAULT_CALLS = 10_000
#: Columns: (figure, heading).
COLUMNS = (("p50", "median"), ("p99", "p99"), ("p999", "p99.9"))
#: The figure whose ratio to the yardstick is shown.
RATIO_OF = "p50"

GROUP = 10
PAUSE_S = 0.0025


def measure(log: Callable[[int], None], calls: int) -> dict[str, float]:
    for i in range(max(50, calls // 10)):
        log(i)
    clock_ns = _clock_cost_ns()
    samples: list[float] = []
    now = time.perf_counter_ns
    for first in range(0, calls, GROUP):
        time.sleep(PAUSE_S)
        for i in range(first, min(first + GROUP, calls)):
            before = now()
            log(i)
            samples.append(now() - before - clock_ns)
    return describe(samples, {"p50": 0.5, "p99": 0.99, "p999": 0.999})


def _clock_cost_ns() -> float:
    now = time.perf_counter_ns
    return percentile(sorted(-(now() - now()) for _ in range(2_000)), 0.5)
