"""Unhandled exceptions become records, and then go on as they did before.

asyncio needs nothing: its default exception handler logs through the logger "asyncio", with the traceback. Records go
to the root logger, the one that logging.config never disables. KeyboardInterrupt and SystemExit are how programs end,
not errors.

A child of multiprocessing ends by os._exit(), which nothing else of ours would see: it flushes last of all that
multiprocessing does at its end.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ._obsv import flush_for_exit

_is_installed = False
_is_following = False
_LAST = -1_000_000  # among multiprocessing's finalizers


def install() -> None:
    """Once in an interpreter; whatever hooks are in place are called after ours."""
    global _is_installed
    if _is_installed:
        return
    _is_installed = True
    sys.excepthook = _main_hook(sys.excepthook)
    threading.excepthook = _thread_hook(threading.excepthook)
    sys.unraisablehook = _unraisable_hook(sys.unraisablehook)
    _follow_multiprocessing()
    os.register_at_fork(after_in_child=_follow_multiprocessing)


def _follow_multiprocessing() -> None:
    """Once it is there to follow: at install, or in a forked child before multiprocessing takes over."""
    global _is_following
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if _is_following or util is None or process is None:
        return
    _is_following = True
    # In a child it forgets the finalizers that it inherited, and then calls these.
    util.register_after_fork(_flush_at_end_of_child, _flush_at_end_of_child)
    if process.parent_process() is not None:
        _flush_at_end_of_child()


def _flush_at_end_of_child(_: object = None) -> None:
    from multiprocessing.util import Finalize

    Finalize(None, flush_for_exit, exitpriority=_LAST)


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
