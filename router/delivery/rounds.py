"""Rounds of the event loop, in each of which every task that can go on does so once."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

AT_A_STRETCH: Final = 50
"""Events decided and mapped before other tasks of the process get a turn."""
LEAST: Final = 10
"""Events of one reader or job at a time, where many wait."""
TILL_NEXT: Final = 500
"""Who has had a turn waits for no more events than these before the next, unless too many wait for `LEAST` of each."""


class Rounds:
    """Lets the readers and jobs of all destinations go on in the order in which they ask, with `AT_A_STRETCH` events a round in
    all.

    With as many for each, a request to the gateway, which takes some rounds, would wait for all destinations that have a
    backlog, and again in each round.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[asyncio.Future[int], int]] = deque()

    async def turn(self, events: int) -> int:
        """Wait for a later round in which there is room for some of *events*, and return for how many, at least one."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._begin)
        turn: asyncio.Future[int] = loop.create_future()
        self._waiting.append((turn, events))
        return await turn

    def _begin(self) -> None:
        room = AT_A_STRETCH
        stretch = max(LEAST, min(AT_A_STRETCH, TILL_NEXT // len(self._waiting)))
        while self._waiting and room > 0:
            turn, events = self._waiting.popleft()
            if not turn.done():  # else who asked was stopped
                granted = min(events, stretch)
                turn.set_result(granted)
                room -= granted
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._begin)
