"""opentelemetry-python: its logging handler, BatchLogRecordProcessor and OTLP/HTTP exporter, defaults but for gzip, which
ours uses, too. It writes nothing to stdout, so it does half of the work."""

from __future__ import annotations

import logging

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from bench.record import order_submitted

LABEL = "opentelemetry-python"
EXPORTS = True

logger = logging.getLogger("bench.orders")
provider: LoggerProvider


def set_up(sink_url: str) -> None:
    global provider
    provider = LoggerProvider(Resource.create({"service.name": "bench"}))
    exporter = OTLPLogExporter(endpoint=f"{sink_url}/v1/logs", compression=Compression.Gzip)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    root = logging.getLogger()
    root.addHandler(LoggingHandler(logger_provider=provider))
    root.setLevel(logging.INFO)


def log(i: int) -> None:
    order_submitted(logger, i)


def tear_down() -> dict[str, int]:
    provider.shutdown()
    return {}
