"""The crowd: all connections, and how many there may be.

At the limit, a new connection takes the place of the one that has kept the gateway waiting longest. A client that sends as fast
as it can is never that one. If every connection waits for the gateway, the new one is refused; every SDK but one sees that as a
network fault and tries again (facts/ingest-protocol.md section 2).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from router.gateway.limits import Limits


class Member(Protocol):
    """A connection."""

    @property
    def keeps_us_waiting(self) -> bool: ...
    def force_close(self) -> None: ...


class Crowd:
    """All connections; the one that has made no progress for the longest time comes first."""

    def __init__(
        self,
        limits: Callable[[], Limits],
        on_loss: Callable[[str], None],
        on_refusal: Callable[[str], None],
    ) -> None:
        """
        Args:
            limits: returns the present limits.
            on_loss: called with the reason, one word, each time we end a connection early.
            on_refusal: called with the code each time a request is refused before it comes to the gateway's routes.
        """
        self.limits = limits
        self.on_loss = on_loss
        self.on_refusal = on_refusal
        self._members: OrderedDict[Member, None] = OrderedDict()
        self._left = asyncio.Event()

    def __len__(self) -> int:
        return len(self._members)

    def enter(self, member: Member) -> bool:
        """Let *member* in. False: there is no room, and none of the others keeps us waiting."""
        if len(self._members) >= self.limits().max_connections:
            slowest = next((each for each in self._members if each.keeps_us_waiting), None)
            if slowest is None:
                self.on_loss("refused")
                return False
            self.on_loss("crowded_out")
            self.leave(slowest)
            slowest.force_close()
        self._members[member] = None
        return True

    def progress(self, member: Member) -> None:
        """*member* got a step further (see `connections`). Bytes that trickle in do not count as a step."""
        if member in self._members:
            self._members.move_to_end(member)

    def replace(self, member: Member, successor: Member) -> None:
        """*successor* is the same connection as *member*, one step further."""
        if member in self._members:
            del self._members[member]
            self._members[successor] = None

    def leave(self, member: Member) -> None:
        self._members.pop(member, None)
        self._left.set()

    async def empty(self) -> None:
        """Return when no connection is left."""
        while self._members:
            self._left.clear()
            await self._left.wait()

    def send_away(self, kind: type[Member]) -> None:
        """End all connections of that *kind*."""
        for member in [each for each in self._members if isinstance(each, kind)]:
            self.leave(member)
            member.force_close()
