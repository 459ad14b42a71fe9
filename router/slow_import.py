"""The import of a plugin that does not end is told of: it can't be broken off, and whoever waits wants to know for what."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer, get_ident
from typing import Final

import structlog

from router.place import innermost_of

SLOW_S: Final = 5.0
"""Imports take milliseconds; large libraries on a slow disk take seconds."""

_LOGGER = structlog.get_logger()


@contextmanager
def telling_of_slow_import(package: str, slow_s: float = SLOW_S) -> Iterator[None]:
    """Within the block *package* is imported. If that lasts longer than *slow_s*, a warning names the package and its line."""
    thread = get_ident()

    def tell() -> None:
        _LOGGER.warning(
            "the import of a plugin has not ended yet, and everything waits for it",
            package=package,
            where=innermost_of(sys._current_frames().get(thread)),
        )

    timer = Timer(slow_s, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
