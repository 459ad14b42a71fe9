"""The openings of states: one after the other, but none waits for long for one that is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from router.delivery.ledger import Ledger
from router.own_thread import in_own_thread

SLOW_S: Final = 1.0
"""How long others wait for an opening. It takes milliseconds; one that converts what an older program wrote, or whose disk
hangs, may take minutes."""

Opened = tuple[Ledger, dict[str, str | None]]
"""A ledger, and the notes of its last run."""


class Openings:
    """One per fleet."""

    def __init__(self, go_on: Callable[[], None]) -> None:
        """*go_on* is called when nobody waits for a turn any more, and whenever an opening is slow: what is open need not wait
        for others."""
        self._go_on = go_on
        self._turn = asyncio.Lock()
        self._in_line = 0

    @property
    def has_line(self) -> bool:
        """Whether any wait for their turn, or have it."""
        return self._in_line > 0

    async def open(self, name: str, open_state: Callable[[], Opened]) -> Opened:
        """What *open_state*, which may be slow, returns or raises."""
        self._in_line += 1
        try:
            async with self._turn:
                # Not one of the shared threads: while it hangs there it would be missed.
                opening = asyncio.create_task(in_own_thread(open_state, f"opening of {name}"))
                await asyncio.wait({opening}, timeout=SLOW_S)
        finally:
            self._in_line -= 1
        if not (self.has_line and opening.done()):
            self._go_on()
        return await opening
