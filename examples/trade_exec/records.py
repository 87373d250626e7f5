"""How this service writes its records: one context, one counter.

Conventions, the same in every module:

* the message is the event's name, snake_case, a noun and what became of it: `order_rejected`, `feed_disconnected`;
* everything else is an attribute: numbers stay numbers, units stand in the name (`latency_ms`);
* `run_id`, `session_id`, `strategy_id`, `venue` and `component` are bound once and come along by themselves;
* one logger for each component (`trade-exec.venue`, `trade-exec.feed`, ...), so that levels can be set for each.

The counter sits in front of every logger as a filter and knows nothing of the library: what the service says it sent
is therefore an independent witness against what the library says it delivered.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, MutableMapping
from typing import Any

ROOT = "trade-exec"


class EventCounter(logging.Filter):
    """Counts the records that pass the level check of a logger, by event."""

    def __init__(self) -> None:
        super().__init__()
        self.by_event: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        self.by_event[str(record.msg)] += 1
        return True

    @property
    def total(self) -> int:
        return self.by_event.total()

    def attach(self, names: Iterable[str]) -> None:
        for name in names:
            logging.getLogger(name).addFilter(self)


class Records(logging.LoggerAdapter[logging.Logger]):
    """A logger with attributes bound to it; those of a single call come after and win."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **kwargs.get("extra", {})}
        return msg, kwargs

    def bind(self, **attributes: Any) -> Records:
        return Records(self.logger, {**(self.extra or {}), **attributes})

    def component(self, name: str) -> Records:
        """The same context under the component's own logger."""
        return Records(logging.getLogger(f"{ROOT}.{name}"), {**(self.extra or {}), "component": name})


#: Every logger that a record of this process can come from: ours, and what asyncio and `warnings` may say about us.
COMPONENTS = ("service", "heartbeat", "session", "orders", "venue", "feed", "strategy")
LOGGER_NAMES = (ROOT, *(f"{ROOT}.{name}" for name in COMPONENTS), "asyncio", "py.warnings")


def open_records(run_id: str) -> tuple[Records, EventCounter]:
    counter = EventCounter()
    counter.attach(LOGGER_NAMES)
    return Records(logging.getLogger(ROOT), {"run_id": run_id}), counter
