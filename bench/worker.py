"""One run: one peer in one scenario, in a process of its own.

A fresh process for each run keeps peers from sharing handlers, threads, caches or garbage.  stdout belongs to the peer
(the harness connects it to /dev/null); the result goes as JSON to a descriptor of its own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import time

# The exit status that says: this peer is not installed here.
NOT_INSTALLED = 77


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", required=True)
    parser.add_argument("--scenario", required=True)
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--sink", required=True)
    parser.add_argument("--result-fd", type=int, required=True)
    arguments = parser.parse_args()

    scenario = importlib.import_module(f"bench.scenarios.{arguments.scenario}")
    try:
        peer = importlib.import_module(f"bench.peers.{arguments.peer}")
        peer.set_up(arguments.sink)
    except ModuleNotFoundError as error:
        write(arguments.result_fd, {"missing": error.name})
        return NOT_INSTALLED

    cpu_before_s = time.process_time()
    figures = scenario.measure(peer.log, arguments.calls)
    counts = peer.tear_down()
    # All threads, delivery included; the scenario's own work is in it, too, the same for everybody.
    figures["cpu_us"] = (time.process_time() - cpu_before_s) / arguments.calls * 1e6
    result = {"label": peer.LABEL, "exports": peer.EXPORTS, "figures": figures, "counts": counts}
    write(arguments.result_fd, result)
    return 0


def write(descriptor: int, result: dict[str, object]) -> None:
    with os.fdopen(descriptor, "w") as stream:
        json.dump(result, stream)


if __name__ == "__main__":
    raise SystemExit(main())
