"""What can be traded.

One table that feed, strategies and venue share, so that a price is always a multiple of its tick and a quantity a
multiple of its lot.  A symbol that a strategy knows and this table does not is one of the faults that the service
shows (see strategy.py): new listings reach the desks before they reach the reference data.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instrument:
    symbol: str
    opening_price: float
    tick_decimals: int  # a tick is 10 ** -tick_decimals
    lot: int
    volatility: float  # standard deviation of one feed tick, as a share of the price

    def to_tick(self, price: float) -> float:
        return round(price, self.tick_decimals)

    @property
    def tick(self) -> float:
        return 10.0**-self.tick_decimals


INSTRUMENTS: dict[str, Instrument] = {
    instrument.symbol: instrument
    for instrument in (
        Instrument("BTC-USD", 67_250.00, 2, 1, 0.00006),
        Instrument("ETH-USD", 3_480.50, 2, 5, 0.00008),
        Instrument("SOL-USD", 172.340, 3, 50, 0.00012),
        Instrument("XRP-USD", 0.52350, 5, 1_000, 0.00010),
    )
}

SYMBOLS: tuple[str, ...] = tuple(INSTRUMENTS)
