"""One order, from submission to its final report, as records.

The invariant that readers of the log rely on: each `order_submitted` is followed by exactly one of `order_filled`,
`order_cancelled` and `order_rejected` with the same `order_id`, and on each record in between
`filled_qty + leaves_qty = qty`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from .records import Records
from .venue import Order, Outcome, Report


class OrderLife:
    def __init__(self, order: Order, records: Records) -> None:
        identity = {"order_id": order.order_id, "symbol": order.symbol, "side": order.side.value, "qty": order.qty}
        self._order = order
        self._desk = records.component("orders").bind(**identity)
        self._venue = records.component("venue").bind(**identity)
        self._filled_qty = 0
        self._asked_at = asyncio.get_running_loop().time()
        self.is_final = False

    def log_submitted(self) -> None:
        self._desk.info("order_submitted", extra={"price": self._order.price, "order_type": self._order.order_type})

    async def follow(self, reports: AsyncIterator[Report]) -> None:
        async for report in reports:
            self._log_report(report)

    def log_abandoned(self, reason: str) -> None:
        """The session is gone and the order with it."""
        self._final(Report(Outcome.CANCELLED, 0.0, reason=reason), {})

    def _log_report(self, report: Report) -> None:
        latency = {"latency_ms": self._latency_ms()}
        match report.outcome:
            case Outcome.ACKNOWLEDGED:
                self._venue.info(report.outcome.value, extra=latency)
            case Outcome.PARTIALLY_FILLED:
                self._venue.info(report.outcome.value, extra={**self._fill(report), **latency})
            case Outcome.FILLED:
                self._final(report, {**self._fill(report), **latency})
            case Outcome.CANCELLED | Outcome.REJECTED:
                self._final(report, latency)

    def _fill(self, report: Report) -> dict[str, Any]:
        self._filled_qty += report.fill_qty
        return {"fill_qty": report.fill_qty, "price": report.fill_price, **self._quantities()}

    def _final(self, report: Report, attributes: dict[str, Any]) -> None:
        self.is_final = True
        if report.outcome is Outcome.FILLED:
            self._venue.info(report.outcome.value, extra=attributes)
            return
        attributes = {"reason": report.reason, **self._quantities(), **attributes}
        if report.outcome is Outcome.REJECTED:
            self._venue.warning(report.outcome.value, extra=attributes)
        else:
            self._venue.info(report.outcome.value, extra=attributes)

    def _quantities(self) -> dict[str, int]:
        return {"filled_qty": self._filled_qty, "leaves_qty": self._order.qty - self._filled_qty}

    def _latency_ms(self) -> float:
        """Milliseconds since the venue last had something to answer."""
        now = asyncio.get_running_loop().time()
        elapsed_ms = round((now - self._asked_at) * 1000, 3)
        self._asked_at = now
        return elapsed_ms
