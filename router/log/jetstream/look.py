"""Asking the cluster where a partition begins and ends by now."""

from __future__ import annotations

from router.log.jetstream.connection import Connection, Stored
from router.log.jetstream.partition import Extent, Span


async def look_at_end(connection: Connection, stream: str, subject: str, extent: Extent) -> None:
    """Learn from the stream's leader where the partition ends.

    Messages that no router wrote count as messages, and hold nothing.

    Raises:
        ClusterAway, ApiError: no answer.
    """
    last = await connection.get_last(stream, subject)
    stored = last
    while stored is not None and stored.sequence > extent.last_message:
        span = Span.read(stored.headers)
        if span is not None:
            extent.extend(stored.sequence, span)
            break
        stored = await _before(connection, stream, stored, extent)
    if last is not None:
        extent.pass_over(last.sequence)


async def _before(connection: Connection, stream: str, stored: Stored, extent: Extent) -> Stored | None:
    number = stored.sequence - 1
    while number > extent.last_message:
        found = await connection.get(stream, number)
        if found is not None:
            return found
        number -= 1
    return None


async def look_at_start(connection: Connection, stream: str, extent: Extent) -> None:
    """Learn where the partition begins, and what it takes on disk.

    A leader that stood still tells, as it wakes, what was before something was removed: that is no news.

    Raises:
        ClusterAway, ApiError: no answer.
    """
    state = (await connection.call(f"STREAM.INFO.{stream}"))["state"]
    first = state["first_seq"]
    if first < extent.first_message:
        return
    extent.size_bytes = state["bytes"]
    if first > extent.first_message and state["messages"]:
        stored = await connection.get(stream, first)
        span = Span.read(stored.headers) if stored else None
        if span is not None:
            extent.begin(first, span.first)
