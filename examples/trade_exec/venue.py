"""The simulated venue: what happens to an order, and how long it takes.

A venue is one function from an order to a stream of execution reports.  The order's whole fate is drawn when it is
submitted, synchronously and from the submitting strategy's own generator; the waiting comes afterwards.  So a seed
fixes what happens to every order however the event loop interleaves them, and a venue keeps no state of its own.

    submit ──► rejected
          └──► acknowledged ──► partially filled (0..3) ──► filled
                                                       └──► cancelled
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum
from random import Random

from .instruments import INSTRUMENTS


class Side(Enum):
    BUY = "buy"
    SELL = "sell"


@dataclass(frozen=True, slots=True)
class Order:
    order_id: str
    symbol: str
    side: Side
    qty: int
    price: float
    order_type: str  # "limit" rests in the book; "ioc" fills at once or is cancelled


class Outcome(Enum):
    REJECTED = "order_rejected"
    ACKNOWLEDGED = "order_acknowledged"
    PARTIALLY_FILLED = "order_partially_filled"
    FILLED = "order_filled"
    CANCELLED = "order_cancelled"


@dataclass(frozen=True, slots=True)
class Report:
    """One execution report: `delay_s` after the one before it."""

    outcome: Outcome
    delay_s: float
    fill_qty: int = 0
    fill_price: float = 0.0
    reason: str = ""


REJECT_REASONS = ("insufficient_margin", "price_outside_band", "self_trade_prevention", "venue_throttled")


@dataclass(frozen=True, slots=True)
class Venue:
    name: str
    latency_ms: float  # median of one answer
    reject_share: float
    symbols: tuple[str, ...]

    def submit(self, order: Order, rng: Random) -> AsyncIterator[Report]:
        return _play(self.draw_fate(order, rng))

    def draw_fate(self, order: Order, rng: Random) -> list[Report]:
        if rng.random() < self.reject_share:
            return [Report(Outcome.REJECTED, self._latency_s(rng), reason=rng.choice(REJECT_REASONS))]
        reports = [Report(Outcome.ACKNOWLEDGED, self._latency_s(rng))]
        is_resting = order.order_type == "limit"
        fills_whole = rng.random() < (0.60 if is_resting else 0.85)
        pieces = _split(order.qty, INSTRUMENTS[order.symbol].lot, rng)
        for qty in pieces[:-1]:
            reports.append(self._fill(Outcome.PARTIALLY_FILLED, order, qty, is_resting, rng))
        if fills_whole:
            reports.append(self._fill(Outcome.FILLED, order, pieces[-1], is_resting, rng))
        else:
            rest_s = rng.expovariate(1 / 0.8) if is_resting else 0.0
            reason = "time_in_force_expired" if is_resting else "ioc_remainder"
            reports.append(Report(Outcome.CANCELLED, rest_s + self._latency_s(rng), reason=reason))
        return reports

    def _fill(self, outcome: Outcome, order: Order, qty: int, is_resting: bool, rng: Random) -> Report:
        instrument = INSTRUMENTS[order.symbol]
        wait_s = rng.expovariate(1 / 0.25) if is_resting else 0.0
        improvement = 0 if is_resting else rng.randrange(3)
        better = -improvement if order.side is Side.BUY else improvement
        price = instrument.to_tick(order.price + better * instrument.tick)
        return Report(outcome, wait_s + self._latency_s(rng), fill_qty=qty, fill_price=price)

    def _latency_s(self, rng: Random) -> float:
        # Log-normal: a venue's answers cluster around the median and have a long tail.
        return self.latency_ms / 1000.0 * rng.lognormvariate(0.0, 0.45)


async def _play(fate: list[Report]) -> AsyncIterator[Report]:
    for report in fate:
        await asyncio.sleep(report.delay_s)
        yield report


def _split(qty: int, lot: int, rng: Random) -> list[int]:
    """The pieces that an order is filled in: one to four, whole lots, their sum the order's quantity."""
    lots = qty // lot
    count = min(lots, rng.choices((1, 2, 3, 4), weights=(55, 28, 12, 5))[0])
    cuts = sorted(rng.sample(range(1, lots), count - 1)) if count > 1 else []
    return [(end - start) * lot for start, end in zip([0, *cuts], [*cuts, lots], strict=True)]


VENUES: tuple[Venue, ...] = (
    Venue("XSIM", latency_ms=4.0, reject_share=0.05, symbols=("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD")),
    Venue("YSIM", latency_ms=18.0, reject_share=0.09, symbols=("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD")),
)
