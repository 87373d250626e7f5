"""stdlib logging with a handler that does nothing: what a log call costs before any logger library gets it.

The yardstick: every other figure is given as a multiple of this one, from the same round.
"""

from __future__ import annotations

import logging

from bench.record import order_submitted

LABEL = "logging.NullHandler"
EXPORTS = False

logger = logging.getLogger("bench.orders")


def set_up(sink_url: str) -> None:
    root = logging.getLogger()
    root.addHandler(logging.NullHandler())
    root.setLevel(logging.INFO)


def log(i: int) -> None:
    order_submitted(logger, i)


def tear_down() -> dict[str, int]:
    return {}
