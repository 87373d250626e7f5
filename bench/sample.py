"""From samples to figures.

A run (one peer, one round) is reduced to percentiles in the process that measured it; the rounds are then summarised
by their median and their range.  Ratios are formed inside a round and only then summarised, so that a machine that is
slow for one round is slow in both terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest sample that at least `share` of all samples do not exceed."""
    rank = -(-len(ordered) * round(share * 1_000_000) // 1_000_000)
    return ordered[max(0, int(rank) - 1)]


def describe(samples: list[float], shares: dict[str, float]) -> dict[str, float]:
    ordered = sorted(samples)
    figures = {name: percentile(ordered, share) for name, share in shares.items()}
    return {**figures, "max": ordered[-1], "mean": sum(ordered) / len(ordered), "samples": float(len(ordered))}


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, and their range."""

    mid: float
    low: float
    high: float

    @classmethod
    def of(cls, rounds: Sequence[float]) -> Spread:
        return cls(median(rounds), min(rounds), max(rounds))

    def text(self, form: str) -> str:
        return f"{self.mid:{form}} [{self.low:{form}}–{self.high:{form}}]"
