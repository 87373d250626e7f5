"""The benchmarks still run. Their figures are nobody's business here: no figure is compared with anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
PEERS = ["null", "obsv", "stdlib_queue"]


@pytest.fixture(scope="module")
def bench_on_path() -> None:
    sys.path.insert(0, str(ROOT))


def test_every_peer_in_every_scenario(tmp_path: Path, build_dir: Path) -> None:
    report = tmp_path / "bench.json"
    command = [sys.executable, ROOT / "bench" / "run.py", "--rounds", "1", "--calls", "50", "--peers", ",".join(PEERS)]
    run = subprocess.run([*command, "--json", report], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr

    scenarios = json.loads(report.read_text(encoding="utf-8"))["scenarios"]
    assert set(scenarios) == {"call", "loop"}
    for runs in scenarios.values():
        assert sorted(done["peer"] for done in runs) == PEERS
        for done in runs:
            assert done["label"] in run.stdout
            assert done["figures"]["p50"] <= done["figures"]["p99"] <= done["figures"]["max"]
        # 50 calls and 50 to warm up, each acknowledged by the sink.
        ours = next(done for done in runs if done["peer"] == "obsv")
        assert ours["counts"] == {"accepted": 100, "delivered": 100} and ours["requests"] >= 1


def test_a_peer_that_exports_nothing_does_not_win(bench_on_path: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from random import Random

    from bench import harness

    result = {"label": "silent", "exports": True, "figures": {"p50": 1.0}, "counts": {}}
    monkeypatch.setattr(harness, "_work", lambda *_: (0, result))
    sink = SimpleNamespace(request_count=lambda: 7, url="")
    with pytest.raises(harness.BenchError, match="exported nothing"):
        harness.measure("call", ["silent"], 1, 1, Random(1), sink)


def test_a_peer_that_is_not_installed_is_left_out(
    bench_on_path: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from random import Random

    from bench import harness
    from bench.worker import NOT_INSTALLED

    answers = {
        "absent": (NOT_INSTALLED, {"missing": "rival"}),
        "present": (0, {"label": "p", "exports": False, "figures": {"p50": 1.0}, "counts": {}}),
    }
    monkeypatch.setattr(harness, "_work", lambda peer, *_: answers[peer])
    sink = SimpleNamespace(request_count=lambda: 0, url="")
    runs = harness.measure("call", ["absent", "present"], 3, 1, Random(1), sink)
    assert [(run.round, run.peer) for run in runs] == [(1, "present"), (2, "present"), (3, "present")]
    assert "rival" in capsys.readouterr().err


def test_ratios_are_formed_inside_a_round(bench_on_path: None) -> None:
    """A machine that is ten times slower for one round must not move the ratio."""
    from bench.harness import Run
    from bench.scenarios import call
    from bench.table import Table

    def run(number: int, peer: str, cost: float) -> Run:
        figures = {"p50": cost, "p99": cost, "p999": cost, "cpu_us": 1.0}
        return Run(number, peer, peer, figures, {}, 0)

    rounds = [run(1, "null", 100), run(1, "other", 300), run(2, "other", 3000), run(2, "null", 1000), run(3, "null", 90), run(3, "other", 270)]
    fastest, other = Table.of(call, rounds).rows
    assert (fastest.label, other.label) == ("null", "other")
    assert other.ratio is not None and (other.ratio.mid, other.ratio.low, other.ratio.high) == (3.0, 3.0, 3.0)
    assert (other.figures[0].mid, other.figures[0].low, other.figures[0].high) == (300, 270, 3000)


def test_an_outage_is_run_and_what_it_cost_is_counted(bench_on_path: None, build_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.scenarios import outage

    monkeypatch.setattr(outage, "HEALTHY_BEFORE_S", 0.2)
    monkeypatch.setattr(outage, "HEALTHY_AFTER_S", 0.2)
    for failure in outage.FAILURES:
        run = outage._outage("obsv", failure, 100, 0.2)
        assert (run.emitted, run.lost) == (60, 0)
    assert outage._outage("null", "503", 100, 0.2).lost == 60  # it exports nothing: the server counts, not the peer
    assert outage._sigterm("null").delivered == 0


def test_the_outage_report_has_a_cell_for_each_run(bench_on_path: None) -> None:
    from bench.scenarios.outage import End, Report, Run

    runs = [Run("a", "refused", 1000, 3, 11_000, 1_359, 0.1), Run("a", "hang", 1, 30, 38, 13, 0.1)]
    report = Report({"a": "peer a"}, runs, [End("a", "hang", 0, 10.04), End("a", "SIGTERM", 7, 0.1)])
    first, second, *_, ends = [line.split() for line in str(report).splitlines() if line.startswith("peer a")]
    assert first == ["peer", "a", "3", "s", "-", "1,359/11,000", *"------"]
    assert second == ["peer", "a", "30", "s", *"------", "13/38", "-"]
    assert ends == ["peer", "a", "-", "-", "-", "10.0", "s", "7", "of", "100"]


@pytest.mark.parametrize(
    ("count", "share", "expected"), [(1, 0.5, 1), (4, 0.5, 2), (100, 0.99, 99), (1000, 0.999, 999), (100, 0.999, 100), (10, 1.0, 10)]
)
def test_percentiles(bench_on_path: None, count: int, share: float, expected: int) -> None:
    from bench.sample import percentile

    assert percentile(list(range(1, count + 1)), share) == expected
