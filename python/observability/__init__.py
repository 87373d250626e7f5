"""Fire-and-forget structured logging: one call at start-up, then standard ``logging``.

    from observability import init_observability
    import logging

    init_observability()

    logger = logging.getLogger("trade-exec")
    logger.info("service_started", extra={"component": "startup"})

Every record is one JSON line on stdout and arrives at the OTLP endpoint that OTEL_EXPORTER_OTLP_ENDPOINT names. No
log call ever waits: not for the network, not for stdout, not for a lock.
"""

from __future__ import annotations

import logging
import sys
import threading

from . import _hooks
from ._obsv import Handler, Stats, __version__, complain, flush, shutdown, stats
from ._obsv import init as _init_engine

__all__ = ["Handler", "Stats", "__version__", "flush", "init_observability", "shutdown", "stats"]

_init_lock = threading.Lock()
_is_set_up = False  # in this interpreter

# Characters that every parser of a key=value list takes as they are; "<" and ">" so that a placeholder left in stays
# visible.
_PLAIN = "!#$&'()*+-./:<>?@[]^_`{|}~"


def init_observability(**overrides: object) -> None:
    """Starts the engine and puts it behind the root logger.

    Configuration comes from the environment (docs/CONFIGURATION.md); each setting is also a keyword here, which then
    wins: ``init_observability(service_name="trade-exec", level="DEBUG")``. A keyword has the unit of its variable
    (times are milliseconds); ``headers`` and ``resource_attributes`` may be dicts; None means unset, whatever
    the environment says. A setting that is wrong or unknown is one line on stderr, never an exception.

    The root logger gets one Handler and the level LOG_LEVEL, and loses the console handlers that
    ``logging.basicConfig`` gave it, since stdout now has every record as JSON. Unhandled exceptions are logged before
    they take their usual way. A second call changes nothing; if ``logging.config`` has removed the Handler meanwhile,
    it is put back.
    """
    global _is_set_up
    with _init_lock:
        result, level, stdout_is_on = _init_engine([*_settings(overrides), "telemetry.sdk.language=python"])
        root = logging.getLogger()
        is_attached = any(isinstance(handler, Handler) for handler in root.handlers)
        if not is_attached:
            root.addHandler(Handler())
        is_first = result == 0 or not _is_set_up
        if is_first:
            root.setLevel(level)
        if stdout_is_on and (is_first or not is_attached):
            _remove_console_handlers(root)
        _hooks.install()
        _is_set_up = True


def _settings(overrides: dict[str, object]) -> list[str]:
    settings = []
    for keyword, value in overrides.items():
        try:
            setting = f"{keyword}={_text(value)}"
            if b"\0" in setting.encode("utf-8", "surrogateescape"):
                raise ValueError("it holds a NUL character")
        except Exception as error:
            kind, why = type(value).__name__, type(error).__name__
            complain(f"{keyword}: a value of type {kind} that cannot be written as text is ignored ({why})")
        else:
            settings.append(setting)
    return settings


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        from urllib.parse import quote

        pairs = [[quote(str(part), safe=_PLAIN) for part in pair] for pair in value.items()]
        return ",".join(map("=".join, pairs))
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value)


def _remove_console_handlers(root: logging.Logger) -> None:
    """Those that logging.basicConfig makes: exactly StreamHandler, on this process's own stdout or stderr."""
    consoles = [sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__]
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler and any(handler.stream is console for console in consoles):
            root.removeHandler(handler)
