"""Logging: one line per message on stderr, with facts as fields. Never the values of variables, which may be secrets."""

from __future__ import annotations

import faulthandler
import logging
import signal
import sys
from contextlib import suppress
from io import StringIO
from typing import TextIO, cast

import structlog

from router.cli.output import plain


class _Unbothered:
    """A stream that may be a file on a full disk. A line that can't be written is lost, but nobody's work is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def _show_plainly(logger: object, method: str, facts: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Keep a terminal from obeying words of events and vendors. (JSON escapes such characters anyway.)"""
    return {name: plain(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}


def _write_traceback(out: TextIO, error: structlog.typing.ExcInfo) -> None:
    """The text of an exception may be an event's, too."""
    traceback = StringIO()
    structlog.dev.plain_traceback(traceback, error)
    out.write(plain(traceback.getvalue()))


def _for_people() -> list[structlog.typing.Processor]:
    return [
        _show_plainly,
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_write_traceback),
    ]


def set_up_for_commands() -> None:
    """Log warnings and errors to stderr, since a program may read what a command prints on stdout."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            *_for_people(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Unbothered(sys.stderr))),
    )


def set_up(level: str = "info", as_json: bool | None = None) -> None:
    """Log as the daemon does: from *level* on, as JSON unless stderr is a terminal."""
    as_json = not sys.stderr.isatty() if as_json is None else as_json
    renderer: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()] if as_json else _for_people()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Unbothered(sys.stderr))),
        cache_logger_on_first_use=True,
    )


def tell_where_on_signal() -> None:
    """From now on SIGUSR2 makes the process write to stderr where each of its threads is, even when it no longer answers."""
    with suppress(AttributeError, OSError, RuntimeError, ValueError):  # stderr is not a file
        faulthandler.register(signal.SIGUSR2)
