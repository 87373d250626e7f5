"""stdlib StreamHandler with a JSON formatter: formats and writes on the calling thread. stdout is /dev/null here; a
real pipe or terminal makes each call wait for its reader as well."""

from __future__ import annotations

import logging
import sys

from bench.json_formatter import JsonFormatter
from bench.record import order_submitted

LABEL = "StreamHandler, JSON"
EXPORTS = False

logger = logging.getLogger("bench.orders")


def set_up(sink_url: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)


def log(i: int) -> None:
    order_submitted(logger, i)


def tear_down() -> dict[str, int]:
    return {}
