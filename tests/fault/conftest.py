"""The scenarios' stage, and the table of their counts that ends a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fault.stage import SINKS, Stage, Stats

COUNTS = "obsv counts"


@pytest.fixture
def stage(build_dir: Path, tmp_path: Path, record_property: Callable[[str, object], None]) -> Iterator[Stage]:
    def report(quiet: Stats) -> None:
        record_property(COUNTS, json.dumps([quiet.accepted, *(quiet.counts(sink) for sink in SINKS)]))

    stage = Stage(tmp_path, report)
    yield stage
    stage.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Iterator[None]:
    yield
    stage = item.funcargs.get("stage")
    assert stage is None or stage.is_ended, "a scenario ends with stage.end"


def shown(accepted: int, counts: dict[str, int]) -> str:
    assert accepted == sum(counts.values())
    return "  ".join(f"{name} {count}" for name, count in counts.items() if count or name == "delivered")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """accepted = delivered + dropped by reason + pending, for both sinks, where each scenario left off."""
    rows = [
        (report.nodeid.rpartition("::")[2].removeprefix("test_"), *json.loads(value))
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == COUNTS
    ]
    if not rows:
        return
    terminalreporter.section("counts of each scenario")
    for scenario, accepted, stdout, export in sorted(rows):
        terminalreporter.line(f"{scenario}: accepted {accepted} = stdout: {shown(accepted, stdout)} = export: {shown(accepted, export)}")
