"""A thread of its own, for what may wait without an end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_T = TypeVar("_T")


async def in_own_thread(function: Callable[[], _T], name: str) -> _T:
    """What *function* returns or raises. Neither a stop of the process nor the work of other threads waits for it."""
    found: Future[_T] = Future()
    found.set_running_or_notify_cancel()

    def work() -> None:
        try:
            found.set_result(function())
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=work, name=name, daemon=True).start()
    return await asyncio.wrap_future(found)
