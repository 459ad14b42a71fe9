"""The stream of one partition, and what is asked of it: what a message holds, where the partition begins and ends by now."""

from __future__ import annotations

from dataclasses import dataclass

from router.log.jetstream.connection import Connection, Stored
from router.log.jetstream.extent import Extent, Span


@dataclass(frozen=True, slots=True)
class PartitionStream:
    """Its reader and its appender share it, with what is known here of its *extent*."""

    connection: Connection
    name: str
    subject: str
    extent: Extent

    async def get(self, message: int) -> Stored | None:
        """The message of that number, from the stream's leader; None: there is none.

        Raises:
            ClusterAway, ApiError: no answer.
        """
        return await self.connection.get(self.name, message)

    async def span_of(self, message: int) -> Span | None:
        """What *message* holds, by its headers; None: it is gone, or no router wrote it. Raises as `get` does."""
        stored = await self.get(message)
        return Span.read(stored.headers) if stored else None

    async def look_at_end(self) -> None:
        """Learn from the stream's leader where the partition ends. Raises as `get` does.

        Messages that no router wrote count as messages, and hold nothing.
        """
        last = await self.connection.get_last(self.name, self.subject)
        stored = last
        while stored is not None and stored.sequence > self.extent.last_message:
            span = Span.read(stored.headers)
            if span is not None:
                self.extent.extend(stored.sequence, span)
                break
            stored = await self._before(stored)
        if last is not None:
            self.extent.pass_over(last.sequence)

    async def _before(self, stored: Stored) -> Stored | None:
        number = stored.sequence - 1
        while number > self.extent.last_message:
            found = await self.get(number)
            if found is not None:
                return found
            number -= 1
        return None

    async def look_at_start(self) -> None:
        """Learn where the partition begins, and what it takes on disk. Raises as `get` does.

        A leader that stood still tells, as it wakes, what was before something was removed: that is no news.
        """
        extent = self.extent
        state = (await self.connection.call(f"STREAM.INFO.{self.name}"))["state"]
        first = state["first_seq"]
        if first < extent.first_message:
            return
        extent.size_bytes = state["bytes"]
        if first > extent.first_message and state["messages"]:
            span = await self.span_of(first)
            if span is not None:
                extent.begin(first, span.first)
