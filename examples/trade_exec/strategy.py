"""Strategies: who decides to trade.

Three of them, different enough that their orders look different in the log:

* `market-maker` rests a limit order on one side of the book;
* `momentum` takes liquidity, and crosses the spread the further the more the mid has moved;
* `twap` works one parent order in equal slices.

Each draws from its own seeded generator, and how often it draws does not depend on quotes or timing: a seed therefore
fixes the sequence of sizes, sides and fates.  Two of them have a fault each, the kind that gets past review:
momentum divides by the spread, and real books lock; the market-maker trades a new listing that the reference data
does not have yet.  A fault costs one decision, never the strategy.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from random import Random

from .feed import MarketDataFeed, Quote
from .instruments import INSTRUMENTS, SYMBOLS, Instrument
from .records import Records
from .session import SessionSlot
from .venue import Order, Side


class PricingError(Exception):
    """No price could be made for an order."""


@dataclass(frozen=True, slots=True)
class Intent:
    symbol: str
    side: Side
    lots: int
    order_type: str
    limit_ticks: int  # away from the touch; negative crosses the spread


class Strategy:
    """The loop that all strategies share. A subclass says what it wants (`wants`) and may refine it (`price`)."""

    strategy_id: str
    code: str  # the prefix of its order ids

    def __init__(self, records: Records, slots: list[SessionSlot], feeds: dict[str, MarketDataFeed], rng: Random) -> None:
        self._log = records.component("strategy")
        self._slots = slots
        self._feeds = feeds
        self._rng = rng
        self._decisions = 0

    async def run(self, orders_per_s: float) -> None:
        """Decides at random (Poisson) moments until cancelled.

        The moments are planned ahead on a fixed time line, so a late wake-up is made up for and the rate holds.
        """
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += self._rng.expovariate(orders_per_s)
            # Also when already late: at high rates, decisions must not starve the orders.
            await asyncio.sleep(max(0.0, due - loop.time()))
            self._decide_safely()

    def wants(self) -> Intent:
        raise NotImplementedError

    def price(self, intent: Intent, quote: Quote) -> float:
        instrument = reference_data(intent.symbol)
        touch = quote.bid if intent.side is Side.BUY else quote.ask
        away = -intent.limit_ticks if intent.side is Side.BUY else intent.limit_ticks
        return instrument.to_tick(touch + away * instrument.tick)

    def _decide_safely(self) -> None:
        self._decisions += 1
        intent = self.wants()
        order_rng = Random(self._rng.getrandbits(64))
        try:
            self._trade(intent, order_rng)
        except Exception:
            self._log.exception("strategy_error", extra={"symbol": intent.symbol, "decision": self._decisions})

    def _trade(self, intent: Intent, order_rng: Random) -> None:
        slot = self._route(intent.symbol, order_rng)
        if slot is None or slot.session is None:
            self._log.warning("order_suppressed", extra={"symbol": intent.symbol, "reason": "no_venue_available"})
            return
        slot.session.place(self._build_order(intent, self._feeds[slot.venue.name]), order_rng)

    def _route(self, symbol: str, order_rng: Random) -> SessionSlot | None:
        """A venue at random among those with a session and a live feed."""
        open_slots = [s for s in self._slots if s.session is not None and self._feeds[s.venue.name].is_connected]
        pick = order_rng.random()
        return open_slots[int(pick * len(open_slots))] if open_slots else None

    def _build_order(self, intent: Intent, feed: MarketDataFeed) -> Order:
        instrument = reference_data(intent.symbol)
        quote = feed.quote(intent.symbol)
        if quote is None:
            raise PricingError(f"{feed.venue.name} quotes no {intent.symbol}")
        price = self.price(intent, quote)
        order_id = f"{self.code}-{self._decisions:06d}"
        return Order(order_id, intent.symbol, intent.side, intent.lots * instrument.lot, price, intent.order_type)


class MarketMaker(Strategy):
    strategy_id = "market-maker"
    code = "MM"

    def wants(self) -> Intent:
        rng = self._rng
        symbol = "DOGE-USD" if rng.random() < 0.03 else rng.choice(SYMBOLS)
        return Intent(symbol, rng.choice((Side.BUY, Side.SELL)), rng.randint(1, 12), "limit", rng.randrange(3))


class Momentum(Strategy):
    strategy_id = "momentum"
    code = "MO"

    def __init__(self, records: Records, slots: list[SessionSlot], feeds: dict[str, MarketDataFeed], rng: Random) -> None:
        super().__init__(records, slots, feeds, rng)
        self._last_mid: dict[str, float] = {}

    def wants(self) -> Intent:
        rng = self._rng
        return Intent(rng.choice(SYMBOLS), rng.choice((Side.BUY, Side.SELL)), rng.randint(2, 20), "ioc", -2)

    def price(self, intent: Intent, quote: Quote) -> float:
        eagerness = min(4, round(abs(self._signal(intent.symbol, quote))))
        return super().price(replace(intent, limit_ticks=intent.limit_ticks - eagerness), quote)

    def _signal(self, symbol: str, quote: Quote) -> float:
        """The move since the last look, in spreads."""
        move = quote.mid - self._last_mid.get(symbol, quote.mid)
        self._last_mid[symbol] = quote.mid
        return move / quote.spread


class Twap(Strategy):
    strategy_id = "twap"
    code = "TW"
    slices = 10

    def __init__(self, records: Records, slots: list[SessionSlot], feeds: dict[str, MarketDataFeed], rng: Random) -> None:
        super().__init__(records, slots, feeds, rng)
        self._slices_left = 0
        self._parent = Intent(SYMBOLS[0], Side.BUY, 1, "limit", 0)

    def wants(self) -> Intent:
        if self._slices_left == 0:
            self._slices_left = self.slices
            side = self._rng.choice((Side.BUY, Side.SELL))
            self._parent = Intent(self._rng.choice(SYMBOLS), side, self._rng.randint(3, 8), "limit", 0)
        self._slices_left -= 1
        return self._parent


def reference_data(symbol: str) -> Instrument:
    try:
        return INSTRUMENTS[symbol]
    except KeyError as error:
        raise PricingError(f"no reference data for {symbol}") from error


STRATEGIES: tuple[type[Strategy], ...] = (MarketMaker, Momentum, Twap)
