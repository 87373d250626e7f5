"""Logs what it is told, in a process of its own: pickled lists of records on stdin, one after the other."""

from __future__ import annotations

import logging
import pickle
import sys
from typing import Any

from python.corpus import Logged

from observability import init_observability


def log(record: Logged) -> None:
    exc_info: Any = None
    if record.exception is not None:
        try:
            raise record.exception
        except Exception:
            exc_info = sys.exc_info()
    logging.getLogger(record.logger).log(record.level, record.msg, *record.args, exc_info=exc_info, extra=record.extra)


def main() -> None:
    init_observability(level=1)
    stdin = open(sys.stdin.fileno(), "rb", closefd=False)
    while stdin.peek(1):
        for record in pickle.load(stdin):
            log(record)


main()
