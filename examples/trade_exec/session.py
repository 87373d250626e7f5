"""Sessions: a strategy's connections to the venues, and the orders that live on them.

A session belongs to one strategy and one venue, and every order on it is a task of its own.  Closing the session ends
those tasks and accounts for each order that was still live.  A `SessionSlot` keeps one such connection up: sessions
end after a while, as they do, and the slot opens the next one a moment later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from .orders import OrderLife
from .records import Records
from .venue import Order, Venue

REOPEN_DELAY_S = 0.25


class Session:
    def __init__(self, session_id: str, venue: Venue, records: Records) -> None:
        self.session_id = session_id
        self.venue = venue
        self._records = records.bind(session_id=session_id, venue=venue.name)
        self._log = self._records.component("session")
        self._live: dict[asyncio.Task[None], OrderLife] = {}
        self._opened_at = asyncio.get_running_loop().time()
        self._order_count = 0
        self._log.info("session_created")

    @property
    def live_orders(self) -> int:
        return len(self._live)

    def place(self, order: Order, rng: Random) -> None:
        """Submits the order and returns; its reports are logged as the venue sends them."""
        life = OrderLife(order, self._records)
        life.log_submitted()
        self._order_count += 1
        task = asyncio.get_running_loop().create_task(life.follow(self.venue.submit(order, rng)))
        self._live[task] = life
        task.add_done_callback(self._live.pop)

    def close(self, reason: str) -> None:
        # Not a coroutine on purpose: closing cannot be interrupted half-way, and a task that is told to end does not
        # log again, so each live order is accounted for right here.
        abandoned = [life for life in self._live.values() if not life.is_final]
        for task in self._live:
            task.cancel()
        for life in abandoned:
            life.log_abandoned("session_closed")
        duration_ms = round((asyncio.get_running_loop().time() - self._opened_at) * 1000, 1)
        counts = {"orders": self._order_count, "orders_cancelled": len(abandoned)}
        self._log.info("session_closed", extra={"reason": reason, **counts, "duration_ms": duration_ms})


class SessionSlot:
    """One strategy's connection to one venue; `session` is None in the moments without one."""

    def __init__(
        self, venue: Venue, records: Records, new_id: Callable[[], str], rng: Random, mean_lifetime_s: float
    ) -> None:
        self.venue = venue
        self.session: Session | None = None
        self._records = records
        self._new_id = new_id
        self._rng = rng
        self._mean_lifetime_s = mean_lifetime_s

    def open(self) -> None:
        self.session = Session(self._new_id(), self.venue, self._records)

    async def run(self) -> None:
        """Until cancelled; the session that is open then is left to close()."""
        while True:
            if self.session is None:
                self.open()
            # Never shorter than half the mean, so that no session closes before it has traded.
            await asyncio.sleep(self._mean_lifetime_s * 0.5 + self._rng.expovariate(2 / self._mean_lifetime_s))
            self.close("venue_logout")
            await asyncio.sleep(REOPEN_DELAY_S)

    def close(self, reason: str) -> None:
        session, self.session = self.session, None
        if session is not None:
            session.close(reason)
