"""stdlib QueueHandler and QueueListener, the documented way to log from asyncio: the calling thread prepares the record
and enqueues it, a thread of the same interpreter formats it as JSON and writes it to stdout."""

from __future__ import annotations

import logging
import logging.handlers
import queue
import sys

from bench.json_formatter import JsonFormatter
from bench.record import order_submitted

LABEL = "QueueHandler + QueueListener, JSON"
EXPORTS = False

logger = logging.getLogger("bench.orders")
listener: logging.handlers.QueueListener


def set_up(sink_url: str) -> None:
    global listener
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(records, handler)
    listener.start()
    root = logging.getLogger()
    root.addHandler(logging.handlers.QueueHandler(records))
    root.setLevel(logging.INFO)


def log(i: int) -> None:
    order_submitted(logger, i)


def tear_down() -> dict[str, int]:
    listener.stop()
    return {}
