"""The tables as one figure: a panel for each scenario, a line for each peer, a dot for each figure, the range
of its rounds as a whisker. Dots and not bars: the scale is logarithmic, and a bar's length would say nothing.

matplotlib is loaded only when a plot is asked for; the tables need nothing but Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.table import Table


def plot(tables: Sequence[Table], machine: str, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "obsv"  # the same figures, the same file
    from matplotlib import pyplot

    row_count = max(len(table.rows) for table in tables)
    figure, panels = pyplot.subplots(
        len(tables), 1, squeeze=False, layout="constrained", figsize=(9.0, len(tables) * (1.2 + 0.55 * row_count))
    )
    for axes, table in zip(panels[:, 0], tables, strict=True):
        _draw(axes, table)
    figure.supxlabel(machine, fontsize=7)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def _draw(axes, table: Table) -> None:  # type: ignore[no-untyped-def]  # matplotlib's types are not a dependency
    positions = range(len(table.rows))
    for column, heading in enumerate(table.headings):
        figures = [row.figures[column] for row in table.rows]
        mids = [figure.mid for figure in figures]
        ranges = ([f.mid - f.low for f in figures], [f.high - f.mid for f in figures])
        axes.errorbar(mids, positions, xerr=ranges, fmt="o", markersize=5, elinewidth=1.2, capsize=2, label=heading)
    axes.set_yticks(positions, [row.label for row in table.rows])
    axes.set_ylim(len(table.rows) - 0.4, -0.6)
    axes.set_xscale("log")
    axes.grid(axis="both", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title(table.title, fontsize=10, loc="left")
    axes.set_xlabel(table.unit, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8, loc="lower right", ncols=len(table.headings), bbox_to_anchor=(1.0, 1.0), frameon=False)
