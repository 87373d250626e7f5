"""Unhandled exceptions become records, and then go on as they did before.

asyncio needs nothing: its default exception handler logs through the logger "asyncio", with the traceback. Records go
to the root logger, the one that logging.config never disables. KeyboardInterrupt and SystemExit are how programs end,
not errors.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

_is_installed = False


def install() -> None:
    """Once in an interpreter; whatever hooks are in place are called after ours."""
    global _is_installed
    if _is_installed:
        return
    _is_installed = True
    sys.excepthook = _main_hook(sys.excepthook)
    threading.excepthook = _thread_hook(threading.excepthook)
    sys.unraisablehook = _unraisable_hook(sys.unraisablehook)


def _log(
    level: int, exception: BaseException | None, traceback: TracebackType | None, message: str, *args: object
) -> None:
    try:
        info = (type(exception), exception, traceback) if exception is not None else None
        logging.getLogger().log(level, message, *args, exc_info=info)
    except Exception:
        pass  # another handler, a filter; the hook that was there before still reports the exception itself


def _main_hook(before: Callable[..., Any]) -> Callable[..., Any]:
    def excepthook(kind: type[BaseException], exception: BaseException, traceback: TracebackType | None) -> None:
        if isinstance(exception, Exception):
            _log(logging.CRITICAL, exception, traceback, "unhandled exception")
        before(kind, exception, traceback)

    return excepthook


def _thread_hook(before: Callable[..., Any]) -> Callable[..., Any]:
    def excepthook(args: threading.ExceptHookArgs) -> None:
        if issubclass(args.exc_type, Exception):
            name = args.thread.name if args.thread else "?"
            _log(logging.ERROR, args.exc_value, args.exc_traceback, "unhandled exception in thread %s", name)
        before(args)

    return excepthook


def _unraisable_hook(before: Callable[..., Any]) -> Callable[..., Any]:
    def unraisablehook(args: Any) -> None:
        if issubclass(args.exc_type, Exception):
            # Its class only: a reference to the object itself could bring it back to life.
            where = type(args.object).__qualname__ if args.object is not None else "?"
            message = args.err_msg or "Exception ignored in"
            _log(logging.ERROR, args.exc_value, args.exc_traceback, "%s (%s)", message, where)
        before(args)

    return unraisablehook
