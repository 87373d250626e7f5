"""The service: builds the parts, runs them together, and ends them in order.

The end has an order because the records have one.  Strategies stop first, so that nothing new is submitted; sessions
close next, and each accounts for its live orders; feeds and the heartbeat go last.  A part that fails by a bug of its
own takes the service down the same way (TaskGroup), with its traceback.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from random import Random

from .activity import Activity
from .feed import MarketDataFeed
from .lag import LoopLag
from .records import Records
from .session import SessionSlot
from .strategy import STRATEGIES, Strategy
from .venue import VENUES, Venue


@dataclass(frozen=True, slots=True)
class Settings:
    run_id: str
    records_per_minute: float
    duration_s: float | None  # None: until told to stop
    seed: int


class TradingService:
    def __init__(self, settings: Settings, records: Records) -> None:
        self._settings = settings
        self._records = records
        self._log = records.component("service")
        self._stop: asyncio.Future[str] | None = None
        self.lag = LoopLag()
        self._activity = Activity.for_rate(
            settings.records_per_minute, feeds=len(VENUES), sessions=len(VENUES) * len(STRATEGIES)
        )
        self._session_numbers = count(1)
        self._slots: list[SessionSlot] = []

    def stop(self, reason: str) -> None:
        """Asks the running service to end. Only the first reason counts. Call it from the event loop's thread."""
        if self._stop is not None and not self._stop.done():
            self._stop.set_result(reason)

    async def run(self) -> None:
        self._stop = asyncio.get_running_loop().create_future()
        self._log.info("service_started", extra=self._start_attributes())
        async with asyncio.TaskGroup() as tasks:
            feeds = {venue.name: self._build_feed(venue) for venue in VENUES}
            background = [tasks.create_task(feed.run()) for feed in feeds.values()]
            background += [tasks.create_task(self.lag.run()), tasks.create_task(self._heartbeat())]
            strategies = [self._build_strategy(strategy, feeds) for strategy in STRATEGIES]
            for slot in self._slots:
                slot.open()
            traders = [tasks.create_task(slot.run()) for slot in self._slots]
            share = self._activity.orders_per_s / len(strategies)
            traders += [tasks.create_task(strategy.run(share)) for strategy in strategies]

            reason = await self._until_stopped()
            self._log.info("service_stopping", extra={"reason": reason})
            await _end(traders)
            for slot in self._slots:
                slot.close("shutdown")
            await _end(background)
        self._log.info("service_stopped", extra={"reason": reason})

    async def _until_stopped(self) -> str:
        assert self._stop is not None
        try:
            return await asyncio.wait_for(asyncio.shield(self._stop), self._settings.duration_s)
        except TimeoutError:
            return "duration_elapsed"

    async def _heartbeat(self) -> None:
        log = self._records.component("heartbeat")
        while True:
            await asyncio.sleep(self._activity.heartbeat_interval_s)
            sessions = [slot.session for slot in self._slots if slot.session is not None]
            live_orders = sum(session.live_orders for session in sessions)
            state = {"sessions": len(sessions), "live_orders": live_orders}
            log.info("heartbeat", extra={**state, "loop_lag_max_ms": round(self.lag.max_ms, 3)})

    def _build_feed(self, venue: Venue) -> MarketDataFeed:
        return MarketDataFeed(venue, self._records, self._rng("feed", venue.name), self._activity.outage_interval_s)

    def _build_strategy(self, strategy: type[Strategy], feeds: dict[str, MarketDataFeed]) -> Strategy:
        records = self._records.bind(strategy_id=strategy.strategy_id)
        slots = [
            SessionSlot(
                venue,
                records,
                self._new_session_id,
                self._rng("session", strategy.strategy_id, venue.name),
                self._activity.session_lifetime_s,
            )
            for venue in VENUES
        ]
        self._slots += slots
        return strategy(records, slots, feeds, self._rng("strategy", strategy.strategy_id))

    def _new_session_id(self) -> str:
        return f"{self._settings.run_id}-s{next(self._session_numbers):04d}"

    def _rng(self, *part: str) -> Random:
        """Each part's own generator, so that parts do not disturb one another's sequence."""
        return Random("/".join((str(self._settings.seed), *part)))

    def _start_attributes(self) -> dict[str, object]:
        return {
            "records_per_minute": self._settings.records_per_minute,
            "duration_s": self._settings.duration_s,
            "seed": self._settings.seed,
            "venues": [venue.name for venue in VENUES],
            "strategies": [strategy.strategy_id for strategy in STRATEGIES],
        }


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    pending = list(tasks)
    for task in pending:
        task.cancel()
    await asyncio.wait(pending)
