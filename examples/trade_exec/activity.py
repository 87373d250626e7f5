"""How busy the simulation is.

`--rate` says how many records a minute the service should write.  What a busier day changes is *how often* things
happen, never how long a venue takes to answer, so the rate is spread over the sources of records and only their
frequency is scaled.  Sources that cannot go faster than their own life (a feed needs time to reconnect, a session
should trade before it closes) are capped, and order flow, which has no such bound, makes up the difference.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Average records of one order's life, the submission included. tests/e2e holds it against venue.draw_fate.
RECORDS_PER_ORDER = 3.5
#: Disconnected, a failed attempt now and then, reconnected, a decode error in every third outage.
RECORDS_PER_OUTAGE = 2.8


@dataclass(frozen=True, slots=True)
class Activity:
    """Frequencies of a service with `feeds` feeds and `sessions` concurrent sessions."""

    heartbeat_interval_s: float
    session_lifetime_s: float  # mean
    outage_interval_s: float  # mean, of one feed
    orders_per_s: float  # of all strategies together

    @classmethod
    def for_rate(cls, records_per_minute: float, *, feeds: int, sessions: int) -> Activity:
        per_s = records_per_minute / 60.0
        heartbeat_s = max(2.5, min(30.0, 10.0 / per_s))
        lifetime_s = max(3.0, sessions * 2 / (0.04 * per_s))
        outage_s = max(2.0, feeds * RECORDS_PER_OUTAGE / (0.10 * per_s))
        routine_per_s = 1 / heartbeat_s + sessions * 2 / lifetime_s + feeds * RECORDS_PER_OUTAGE / outage_s
        return cls(heartbeat_s, lifetime_s, outage_s, max(0.1 * per_s, per_s - routine_per_s) / RECORDS_PER_ORDER)
