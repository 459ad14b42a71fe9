"""Reading from a disk that fails now and then, without ending the task that reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from router.clock import Clock

_T = TypeVar("_T")

RETRY_READ_S = 1.0

_LOGGER = structlog.get_logger()


async def insist(read: Callable[[], Awaitable[_T]], clock: Clock, **facts: Any) -> _T:
    """Call *read* until it returns, and return its result. Whatever it raises is logged with *facts*."""
    while True:
        try:
            return await read()
        except Exception as error:
            _LOGGER.error("can't read from disk, delivery waits", error=f"{type(error).__name__}: {error}", **facts)
            await clock.sleep(RETRY_READ_S)
