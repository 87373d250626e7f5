"""This library, as a service uses it: JSON on stdout and OTLP over HTTP, gzip, all defaults."""

from __future__ import annotations

import logging
import os

from bench.record import order_submitted

LABEL = "obsv"
EXPORTS = True

logger = logging.getLogger("bench.orders")


def set_up(sink_url: str) -> None:
    os.environ["OTEL_SERVICE_NAME"] = "bench"
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = sink_url
    os.environ["OTEL_LOG_LEVEL"] = "warn"  # no start-up line amid the progress
    from observability import init_observability

    init_observability()


def log(i: int) -> None:
    order_submitted(logger, i)


def tear_down() -> dict[str, int]:
    import observability

    observability.shutdown()
    stats = observability.stats()
    return {"accepted": stats.accepted, "delivered": stats.export_delivered}
