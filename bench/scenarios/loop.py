"""How late an asyncio event loop gets when its tasks log 1,000 records a second.

One task logs one record each millisecond; another sleeps for 5 ms, again and again, and notes how much later than
asked it woke up.  Lateness is what every other task of the service would have suffered: from the log calls themselves,
and from background threads that hold the interpreter lock.

The loop runs on select(), whose time-out is exact to a microsecond.  asyncio's default, epoll, rounds it up to a whole
millisecond, which would hide all differences below that.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable

from bench.sample import describe

TITLE = "Lateness of an asyncio event loop at 1,000 records a second"
UNIT = "µs"
DEFAULT_CALLS = 3_000
COLUMNS = (("p50", "median"), ("p99", "p99"), ("max", "max"))
RATIO_OF = "p99"

RECORD_INTERVAL_S = 0.001
PROBE_INTERVAL_S = 0.005


def measure(log: Callable[[int], None], calls: int) -> dict[str, float]:
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    try:
        late_us = loop.run_until_complete(_run(log, calls))
    finally:
        loop.close()
    return describe(late_us, {"p50": 0.5, "p99": 0.99})


async def _run(log: Callable[[int], None], calls: int) -> list[float]:
    for i in range(50):
        log(i)
    late_us: list[float] = []
    probe = asyncio.create_task(_probe(late_us))
    loop = asyncio.get_running_loop()
    due = loop.time()
    for i in range(calls):
        due += RECORD_INTERVAL_S
        await asyncio.sleep(due - loop.time())
        log(i)
    # A short run may end before the first sample.
    while not late_us:
        await asyncio.sleep(PROBE_INTERVAL_S)
    probe.cancel()
    return late_us


async def _probe(late_us: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + PROBE_INTERVAL_S
        await asyncio.sleep(PROBE_INTERVAL_S)
        late_us.append((loop.time() - due) * 1e6)
