"""A peer's process: attaches it, waits for a line on stdin, logs as asked, ends, and writes its result to a descriptor.

    --rate R --seconds S   logs R records a second for S seconds, then delivers what is left
    --burst N              logs N records at once, then delivers; the result tells how long that took
    --burst N --stay       logs N records at once, says so, and waits to be killed
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time

from bench.worker import NOT_INSTALLED

TICK_S = 0.005


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", required=True)
    parser.add_argument("--sink", required=True)
    parser.add_argument("--result-fd", type=int, required=True)
    parser.add_argument("--rate", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--burst", type=int)
    parser.add_argument("--stay", action="store_true")
    arguments = parser.parse_args()
    results = os.fdopen(arguments.result_fd, "w", buffering=1)

    def say(result: dict[str, object]) -> None:
        results.write(json.dumps(result) + "\n")

    try:
        peer = importlib.import_module(f"bench.peers.{arguments.peer}")
        peer.set_up(arguments.sink)
    except ModuleNotFoundError as error:
        say({"missing": error.name})
        return NOT_INSTALLED
    say({"label": peer.LABEL})
    sys.stdin.readline()

    if arguments.burst:
        for i in range(arguments.burst):
            peer.log(i)
        emitted = arguments.burst
    else:
        emitted = emit(peer.log, arguments.rate, arguments.seconds)
    if arguments.stay:
        say({"emitted": emitted})
        while True:
            time.sleep(60)
    before = time.monotonic()
    peer.tear_down()
    say({"emitted": emitted, "tear_down_s": time.monotonic() - before})
    return 0


def emit(log, rate: int, seconds: float) -> int:  # type: ignore[no-untyped-def]  # Callable[[int], None]
    """At an even pace, in groups of what falls due within a tick."""
    start = time.monotonic()
    done, total = 0, round(rate * seconds)
    while done < total:
        due = min(total, int((time.monotonic() - start) * rate) + 1)
        for i in range(done, due):
            log(i)
        done = due
        time.sleep(max(TICK_S, start + done / rate - time.monotonic()))
    return total


if __name__ == "__main__":
    raise SystemExit(main())
