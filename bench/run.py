"""Entry point: `./dev bench` (bench/run.py --help tells the options).

For each scenario, rounds; in each round every peer once, in random order, each in a process of its own, so that what
the machine does meanwhile meets all peers alike.  A scenario that has a run() of its own is run by that instead, and only
when it is named, for it takes minutes.  Progress goes to stderr, tables to stdout.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.harness import BenchError, Run, measure  # noqa: E402
from bench.machine import describe_machine  # noqa: E402
from bench.plot import plot  # noqa: E402
from bench.sink import running_sink  # noqa: E402
from bench.table import Table  # noqa: E402


class Report(Protocol):
    """What a scenario's own run() returns; as a string, its table."""

    def as_json(self) -> dict[str, Any]: ...


def main() -> int:
    arguments = parse()
    machine = describe_machine()
    runs: dict[str, list[Run]] = {}
    reports: dict[str, Report] = {}
    try:
        for name in filter(runs_itself, arguments.scenarios):
            reports[name] = module_of(name).run(arguments)
        with running_sink() as sink:
            for name in arguments.scenarios:
                if name in reports:
                    continue
                order = random.Random(arguments.seed)
                runs[name] = measure(name, arguments.peers, arguments.rounds, arguments.calls, order, sink)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1

    tables = [Table.of(module_of(name), done) for name, done in runs.items()]
    print(machine)
    if tables:
        print(f"{arguments.rounds} rounds; median of the rounds [lowest–highest round]")
    for table in (*tables, *reports.values()):
        print(f"\n{table}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(as_json(arguments, machine, {**runs, **reports}), indent=1) + "\n", encoding="utf-8")
    if arguments.plot is not None and tables:
        plot(tables, machine, arguments.plot)
    return 0


def parse() -> argparse.Namespace:
    peers, scenarios = modules("peers"), modules("scenarios")
    usual = [name for name in scenarios if not runs_itself(name)]
    parser = argparse.ArgumentParser(prog="bench", description="What logging costs the thread that logs, side by side.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(scenarios)} ({', '.join(usual)})")
    parser.add_argument("--peers", type=names, default=peers, metavar="LIST", help=f"of {','.join(peers)} (all)")
    parser.add_argument("--rounds", type=positive, default=5, metavar="N", help="(5)")
    parser.add_argument("--calls", type=positive, metavar="N", help="log calls in one run (the scenario's default)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the order of the peers in a round (1)")
    parser.add_argument("--quick", action="store_true", help="outage: the shortest outage alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of every run")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the tables, as .svg or .png")
    arguments = parser.parse_args()
    arguments.scenarios = arguments.scenarios or usual
    for given, known in ((arguments.scenarios, scenarios), (arguments.peers, peers)):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"unknown: {', '.join(unknown)}; there are: {', '.join(known)}")
    return arguments


def modules(folder: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / "bench" / folder).glob("*.py") if path.stem != "__init__")


def module_of(scenario: str) -> ModuleType:
    return import_module(f"bench.scenarios.{scenario}")


def runs_itself(scenario: str) -> bool:
    return hasattr(module_of(scenario), "run")


def names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return value


def as_json(arguments: argparse.Namespace, machine: str, done: dict[str, list[Run] | Report]) -> dict[str, object]:
    scenarios = {name: [run.as_json() for run in each] if isinstance(each, list) else each.as_json() for name, each in done.items()}
    return {"machine": machine, "rounds": arguments.rounds, "seed": arguments.seed, "scenarios": scenarios}


if __name__ == "__main__":
    sys.exit(main())
