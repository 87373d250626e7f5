"""Market data: one feed for each venue, with everything that goes wrong with feeds.

A feed receives frames as bytes, decodes them and keeps the last quote of each symbol.  Its connection drops now and
then (reset, silence, or a truncated frame, which is also a decode error with a traceback) and is taken up again with
exponential back-off and jitter.  While it is down the venue's quotes are not offered to anybody: trading on a
stale price is the costliest thing a service can do quietly.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from random import Random

from .instruments import INSTRUMENTS
from .records import Records
from .venue import Venue

TICK_INTERVAL_S = 0.1
BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0
RECONNECT_SUCCESS_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class Quote:
    bid: float
    ask: float

    @property
    def mid(self) -> float:
        return (self.bid + self.ask) / 2

    @property
    def spread(self) -> float:
        return self.ask - self.bid


class FeedDecodeError(Exception):
    """A frame that is not what the venue's specification says."""


class ConnectionDropped(Exception):
    """The transport is gone; the text is the reason as it is logged."""


class MarketDataFeed:
    def __init__(self, venue: Venue, records: Records, rng: Random, outage_interval_s: float) -> None:
        self.venue = venue
        self._log = records.component("feed").bind(venue=venue.name, feed=f"{venue.name.lower()}-l1")
        self._rng = rng
        self._outage_interval_s = outage_interval_s
        self._simulator = _FrameSource(venue.symbols, rng)
        self._quotes: dict[str, Quote] = {}
        self.is_connected = False

    def quote(self, symbol: str) -> Quote | None:
        """The last quote; None when the feed is down or the symbol has not traded yet."""
        return self._quotes.get(symbol) if self.is_connected else None

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        self._connect()
        self._log.info("feed_connected", extra={"symbols": list(self.venue.symbols)})
        try:
            while True:
                try:
                    await self._receive()
                except ConnectionDropped as dropped:
                    lost_at = loop.time()
                    self._disconnect()
                    self._log.warning("feed_disconnected", extra={"reason": str(dropped)})
                    attempts = await self._reconnect()
                    downtime_ms = round((loop.time() - lost_at) * 1000, 1)
                    self._log.info("feed_reconnected", extra={"attempt": attempts, "downtime_ms": downtime_ms})
        finally:
            if self.is_connected:
                self._disconnect()
                self._log.info("feed_disconnected", extra={"reason": "shutdown"})

    def _connect(self) -> None:
        for frame in self._simulator.snapshot():
            self._on_frame(frame)
        self.is_connected = True

    def _disconnect(self) -> None:
        self.is_connected = False
        self._quotes.clear()

    async def _receive(self) -> None:
        """Takes frames until the connection drops."""
        frames_left = round(self._rng.uniform(0.5, 1.5) * self._outage_interval_s / TICK_INTERVAL_S)
        reason = self._rng.choice(("connection_reset", "heartbeat_timeout", "decode_error"))
        for _ in range(frames_left):
            await asyncio.sleep(TICK_INTERVAL_S)
            self._on_frame(self._simulator.tick())
        if reason == "decode_error":
            try:
                self._on_frame(self._simulator.tick()[:-7])
            except FeedDecodeError:
                self._log.exception("feed_error", extra={"reason": reason})
        raise ConnectionDropped(reason)

    async def _reconnect(self) -> int:
        """Exponential back-off with jitter (half of it fixed, so that it does grow). Returns the number of attempts that it took."""
        attempt = 0
        while True:
            ceiling_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2**attempt)
            attempt += 1
            await asyncio.sleep(self._rng.uniform(0.5, 1.0) * ceiling_s)
            if self._rng.random() < RECONNECT_SUCCESS_SHARE:
                self._connect()
                return attempt
            self._log.warning("feed_reconnect_failed", extra={"attempt": attempt, "reason": "connection_refused"})

    def _on_frame(self, frame: bytes) -> None:
        symbol, quote = decode_frame(frame)
        self._quotes[symbol] = quote


def decode_frame(frame: bytes) -> tuple[str, Quote]:
    try:
        fields = json.loads(frame)
        return fields["s"], Quote(bid=fields["b"], ask=fields["a"])
    except (ValueError, KeyError) as error:
        raise FeedDecodeError(f"bad frame of {len(frame)} bytes") from error


class _FrameSource:
    """The venue's side of the feed: a random walk for each symbol, as frames.

    About every fiftieth quote is locked (bid = ask).  Real books lock, too; strategy.py shows who forgot.
    """

    def __init__(self, symbols: tuple[str, ...], rng: Random) -> None:
        self._mids = {symbol: INSTRUMENTS[symbol].opening_price for symbol in symbols}
        self._rng = rng

    def snapshot(self) -> list[bytes]:
        return [self._frame(symbol) for symbol in self._mids]

    def tick(self) -> bytes:
        symbol = self._rng.choice(tuple(self._mids))
        self._mids[symbol] *= 1 + self._rng.gauss(0.0, INSTRUMENTS[symbol].volatility)
        return self._frame(symbol)

    def _frame(self, symbol: str) -> bytes:
        instrument = INSTRUMENTS[symbol]
        half_spread = 0.0 if self._rng.random() < 0.02 else instrument.tick * self._rng.randint(1, 4)
        mid = self._mids[symbol]
        bid, ask = instrument.to_tick(mid - half_spread), instrument.to_tick(mid + half_spread)
        return json.dumps({"s": symbol, "b": bid, "a": ask}).encode()
