"""Rounds of the event loop, in each of which every task that can go on does so once."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

AT_A_STRETCH: Final = 50
"""Events decided and mapped before other tasks of the process get a turn."""


class Rounds:
    """Lets the readers of all destinations go on in the order in which they ask, with `AT_A_STRETCH` events a round in all.

    With as many for each, a request to the gateway, which takes some rounds, would wait for all destinations that have a
    backlog, and again in each round.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    async def turn(self, events: int) -> None:
        """Wait for a later round in which there is room for some *events*, 1 to `AT_A_STRETCH`."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._begin)
        turn = loop.create_future()
        self._waiting.append((turn, events))
        await turn

    def _begin(self) -> None:
        room = AT_A_STRETCH
        while self._waiting and room > 0:
            turn, events = self._waiting.popleft()
            if not turn.done():  # else its reader was stopped
                turn.set_result(None)
                room -= events
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._begin)
