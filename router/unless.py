"""Unless: wait for something, or for some time, unless that becomes pointless."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


async def unless(over: asyncio.Event, step: Coroutine[Any, Any, None]) -> bool:
    """Wait for *step*, or until *over* is set, which breaks *step* off.

    Returns whether *step* came to its end, and raises what it raises. It does not go on in the background.
    """
    work, end = asyncio.create_task(step), asyncio.create_task(over.wait())
    try:
        await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
        return work.done()
    finally:
        for task in (work, end):
            task.cancel()
        await asyncio.gather(work, end, return_exceptions=True)


async def pause(over: asyncio.Event, seconds: float) -> None:
    """Wait for *seconds*, or until *over* is set."""
    with suppress(TimeoutError):
        await asyncio.wait_for(over.wait(), seconds)
