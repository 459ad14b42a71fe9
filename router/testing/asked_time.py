"""What a plugin must not ask: what time it is. A request says when something happened, also if it is sent days later."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any, Final

_CLOCKS: Final = frozenset({"time", "time_ns", "now", "utcnow", "today"})
_LOGS: Final = frozenset({"logging", "structlog"})
"""Whatever is written into a log may have the time before it."""


def asked_time(function: Callable[..., object], *arguments: Any) -> list[str]:
    """Where ``function(*arguments)`` asks what time it is: ``mapping.py:12 (datetime.now)``. All its calls are listened to,
    because clocks can't be replaced: a module may hold them under names of its own."""
    asked: list[str] = []

    def listen(frame: FrameType, happening: str, called: Any) -> None:
        if happening == "c_call" and _is_clock(called) and not _is_for_log(frame):
            asked.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} ({called.__qualname__})")

    before = sys.getprofile()
    sys.setprofile(listen)
    try:
        function(*arguments)
    finally:
        sys.setprofile(before)
    return asked


def _is_clock(called: Any) -> bool:
    if called.__name__ not in _CLOCKS:
        return False
    owner = called.__self__
    return owner is time or (isinstance(owner, type) and issubclass(owner, date))


def _is_for_log(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code is not asked_time.__code__:
        if frame.f_globals.get("__name__", "").partition(".")[0] in _LOGS:
            return True
        frame = frame.f_back
    return False
