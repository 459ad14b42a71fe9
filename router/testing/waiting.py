"""What a plugin must not do: wait. Its functions are given all they need, and return."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import cache
from threading import get_ident
from time import perf_counter, sleep
from typing import Any, TypeVar

from router.alarm import LIMIT_S

_T = TypeVar("_T")

_OUTSIDE = frozenset({"time", "socket", "subprocess", "sqlite3", "urllib", "_thread"})
"""Modules whose audit events are steps out of a pure function: ``socket.connect``, and ``time.sleep`` by whatever name where
this version of Python tells of it. ``open`` is none of them: a late import reads files too.

Source: https://docs.python.org/3/library/audit_events.html (read 2026-11-28).
"""


class Waits(AssertionError):
    """A plugin's function took longer than the router lets it, or turned to something that it would have to wait for."""


class _Ear:
    """Hears what the watched call does outside of itself. There is one, since an audit hook can't be taken away again."""

    def __init__(self) -> None:
        self._thread: int | None = None
        self.heard = ""
        sys.addaudithook(self._hear)

    def listen(self) -> None:
        self._thread, self.heard = get_ident(), ""
        time.sleep = self._sleep

    def rest(self) -> None:
        self._thread = None
        time.sleep = sleep

    def _sleep(self, seconds: Any, /) -> None:
        """Takes the place of `time.sleep`, and keeps nobody waiting for the many calls of the tests."""
        if get_ident() == self._thread:
            self.heard = self.heard or "time.sleep"
        else:
            sleep(seconds)

    def _hear(self, happening: str, arguments: Any) -> None:
        if self._thread is not None and happening.partition(".")[0] in _OUTSIDE and get_ident() == self._thread:
            self.heard = self.heard or happening


@cache
def _ear() -> _Ear:
    return _Ear()


def in_time(what: str, function: Callable[..., _T], *arguments: Any) -> _T:
    """``function(*arguments)``, which calls the plugin. Not broken off as in the router, where nobody sits at a debugger.

    Raises:
        Waits: it took too long, slept, or turned to the network, a process, a thread or a database.
    """
    ear = _ear()
    ear.listen()
    since_s = perf_counter()
    try:
        result = function(*arguments)
    finally:
        ear.rest()
    lasted_s = perf_counter() - since_s
    if lasted_s > LIMIT_S:
        raise Waits(
            f"{what} took {lasted_s:.1f} s; the router breaks it off after {LIMIT_S:g} s. A plugin waits for nothing"
        )
    if ear.heard:
        raise Waits(
            f"{what} called {ear.heard}. A plugin does no I/O and waits for nothing: everybody would wait with it"
        )
    return result
