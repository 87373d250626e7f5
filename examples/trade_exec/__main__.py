"""Entry point: the three lines with which a service logs through the library, and the command line around them.

Ctrl-C and SIGTERM end the run in order; a second one ends the process at once.  The engine's last duty, delivering what
is still on its way, happens after the event loop is gone, so it can hold nothing up.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import uuid
from pathlib import Path

from observability import init_observability
import logging

import observability

from .records import open_records
from .service import Settings, TradingService
from .summary import Summary

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    init_observability()

    settings = Settings(f"run-{uuid.uuid4().hex[:8]}", arguments.rate, arguments.duration, arguments.seed)
    records, counter = open_records(settings.run_id)
    service = TradingService(settings, records)
    try:
        asyncio.run(run_until_signalled(service))
    finally:
        observability.shutdown()
        summary = Summary.collect(counter, observability.stats(), service.lag.summary())
        print(summary, file=sys.stderr)
        if arguments.summary is not None:
            summary.write(arguments.summary)
    return 0


async def run_until_signalled(service: TradingService) -> None:
    loop = asyncio.get_running_loop()

    def on_signal(received: signal.Signals) -> None:
        for stop_signal in STOP_SIGNALS:
            loop.remove_signal_handler(stop_signal)
        service.stop(received.name)

    for stop_signal in STOP_SIGNALS:
        loop.add_signal_handler(stop_signal, on_signal, stop_signal)
    await service.run()


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="trade_exec", description="A simulated trading service that logs.")
    parser.add_argument("--rate", type=positive, default=60.0, metavar="N", help="records per minute, about (60)")
    parser.add_argument("--duration", type=positive, metavar="S", help="seconds to run (until Ctrl-C or SIGTERM)")
    parser.add_argument("--seed", type=int, default=35, metavar="N", help="of the simulation (35)")
    parser.add_argument("--summary", type=Path, metavar="FILE", help="write what the run came to as JSON")
    return parser.parse_args(argv)


def positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return value


if __name__ == "__main__":
    sys.exit(main())
