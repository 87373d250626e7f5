"""The result as a reader sees it: one table for each scenario, sorted, with ratios to the yardstick.

The yardstick is the `null` peer; without it there are no ratios.  A ratio is formed between two runs of the same round
and summarised afterwards (sample.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from bench.harness import Run
from bench.sample import Spread

YARDSTICK = "null"


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    figures: tuple[Spread, ...]
    ratio: Spread | None
    cpu_us: Spread
    counts: str


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    unit: str
    headings: tuple[str, ...]
    ratio_heading: str
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, scenario: ModuleType, runs: Sequence[Run]) -> Table:
        names = tuple(name for name, _ in scenario.COLUMNS)
        headings = dict(scenario.COLUMNS)
        yardstick = {run.round: run.figures[scenario.RATIO_OF] for run in runs if run.peer == YARDSTICK}
        peers = {run.peer: [other for other in runs if other.peer == run.peer] for run in runs}
        rows = [_row(of_peer, names, scenario.RATIO_OF, yardstick) for of_peer in peers.values()]
        rows.sort(key=lambda row: row.figures[names.index(scenario.RATIO_OF)].mid)
        ratio_heading = f"× NullHandler ({headings[scenario.RATIO_OF]})"
        return cls(scenario.TITLE, scenario.UNIT, tuple(headings.values()), ratio_heading, tuple(rows))

    def __str__(self) -> str:
        columns = [f"{heading}, {self.unit}" for heading in self.headings]
        head = ["", *columns, self.ratio_heading, "CPU µs a record, all threads", "records"]
        lines = [head, *([*_cells(row)] for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
        return "\n".join([self.title, *text])


def _row(runs: list[Run], names: tuple[str, ...], ratio_of: str, yardstick: dict[int, float]) -> Row:
    ratios = [run.figures[ratio_of] / yardstick[run.round] for run in runs if yardstick.get(run.round, 0.0) > 0.0]
    return Row(
        label=runs[0].label,
        figures=tuple(Spread.of([run.figures[name] for run in runs]) for name in names),
        ratio=Spread.of(ratios) if ratios else None,
        cpu_us=Spread.of([run.figures["cpu_us"] for run in runs]),
        counts=_counts(runs),
    )


def _counts(runs: list[Run]) -> str:
    """What the peers that count say became of their records, over all rounds."""
    totals: dict[str, int] = {}
    for run in runs:
        for name, value in run.counts.items():
            totals[name] = totals.get(name, 0) + value
    return ", ".join(f"{value:,} {name}" for name, value in totals.items()) or "-"


def _cells(row: Row) -> list[str]:
    ratio = row.ratio.text(".2f") if row.ratio is not None else "-"
    return [row.label, *(figure.text(",.0f") for figure in row.figures), ratio, row.cpu_us.text(".1f"), row.counts]
