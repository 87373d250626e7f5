"""JSON lines the way services make them with stdlib logging alone: one dictionary, one json.dumps.

The peers without OTLP write these, so that what they pay for is the same record as ours.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone

RESERVED = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "service": "bench",
        }
        line.update((key, value) for key, value in record.__dict__.items() if key not in RESERVED)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)
