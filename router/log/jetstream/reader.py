"""Reading one partition from any position: from the latest in memory, else from the cluster, a few messages at a time."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import structlog

from router.log.jetstream.chunk import Chunk, DamagedChunk, UnknownVersion, unpack_chunk
from router.log.jetstream.connection import ClusterAway, Stored
from router.log.jetstream.extent import Span
from router.log.jetstream.partition_stream import PartitionStream
from router.log.record import Entry, Gap, Record
from router.log.tail import Tail

RETRY_S: Final = 1.0
REPORT_S: Final = 60.0
"""How often a partition that can't be read is told of: all its destinations read, and some reads succeed meanwhile."""
LAG_S: Final = 0.02
"""Before a replica is asked again that is behind."""
LAGS: Final = 100
"""How often that is done before the leader is asked what is missing."""
MESSAGES: Final = 64
"""In one request to the cluster."""
MAX_MARKS: Final = 256


class Reader:
    """One for each partition. Never says that something is lost because it can't be had just now: it waits."""

    def __init__(self, stream: PartitionStream, tail_bytes: int, read_bytes: int, *, is_quiet: bool) -> None:
        """*is_quiet*: what is lost is told by whoever reads alone."""
        self._stream = stream
        self._extent = stream.extent
        self._tail_bytes = tail_bytes
        self._read_bytes = read_bytes
        self._is_quiet = is_quiet
        self._reported_s = -REPORT_S
        self.is_followed = False
        self._tail = Tail(tail_bytes)
        self._tail_end = 0
        self._marks: OrderedDict[int, int] = OrderedDict()
        """By sequence: the message that holds it. The latest, of all who read."""
        self._chunks: OrderedDict[int, tuple[Chunk, int]] = OrderedDict()
        """By message: what was read lately and its bytes, for those who want the rest of it."""
        self._chunk_bytes = 0

    def keep(self, message: int, span: Span, entries: Sequence[Entry]) -> None:
        """*entries* were just stored here as *message*: they stay in memory, if somebody here follows the partition."""
        if not self.is_followed:
            return
        if span.first != self._tail_end + 1:
            self._tail = Tail(self._tail_bytes)
        number = self._extent.number
        self._tail.extend(
            Record(number, sequence, e.source, e.message_id, e.user_key, e.type, float(e.received_at_s), e.event)
            for sequence, e in enumerate(entries, span.first)
        )
        self._tail_end = span.last
        self._mark(span.last + 1, message + 1)

    async def read(self, after: int, limit: int) -> list[Record | Gap]:
        """See `Log.read`."""
        extent = self._extent
        if after >= extent.end or limit <= 0:
            return []
        if after + 1 < extent.start:
            return [Gap(extent.number, after + 1, extent.start - 1, "expired")]
        recent = self._tail.read(after, limit, self._read_bytes)
        if recent is not None:
            return [*recent]
        while True:
            try:
                return await self._read(after, limit)
            except ClusterAway as error:
                self._report(error)
                await asyncio.sleep(RETRY_S)

    def _report(self, error: ClusterAway) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._reported_s >= REPORT_S:
            self._reported_s = now_s
            structlog.get_logger().error(
                "the log can't be read just now, it is tried again", partition=self._extent.number, reason=str(error)
            )

    async def _read(self, after: int, limit: int) -> list[Record | Gap]:
        message = await self.locate(after + 1)
        found: list[Record | Gap] = []
        while not found:  # a message that no router wrote holds nothing
            message, found = await self._read_from(message, after, limit)
        return found

    async def _read_from(self, message: int, after: int, limit: int) -> tuple[int, list[Record | Gap]]:
        """What *message* and some that follow it hold above *after*, and the number of the next one."""
        found: list[Record | Gap] = []
        room, number = self._read_bytes, message
        for number, chunk in await self._chunks_from(message, limit):
            if isinstance(chunk, Gap):
                if chunk.last > after:
                    found.append(Gap(chunk.partition, max(chunk.first, after + 1), chunk.last, chunk.reason))
                    after = chunk.last
                    self._mark(after + 1, number + 1)
                continue
            if chunk.first > after + 1:  # messages before it are gone
                found.append(Gap(self._extent.number, after + 1, chunk.first - 1, self._why_gone(chunk.first)))
                after = chunk.first - 1
            for record in chunk.records[max(0, after + 1 - chunk.first) :]:
                if len(found) >= limit:
                    break
                found.append(record)
                after = record.sequence
                room -= len(record.event)
                if room <= 0:
                    break
            self._mark(after + 1, number + 1 if after >= chunk.last else number)
            if room <= 0 or len(found) >= limit:
                break
        return number + 1, found

    def _why_gone(self, next_first: int) -> str:
        return "expired" if next_first <= self._extent.start else "damaged"

    async def _chunks_from(self, message: int, limit: int) -> list[tuple[int, Chunk | Gap]]:
        """Messages from *message* on, at least one, each with its number; what is damaged as a gap.

        None is missing between them: the next read begins with what is, and asks why.
        """
        kept = self._chunks.get(message)
        if kept is not None:
            self._chunks.move_to_end(message)
            return [(message, kept[0])]
        for _ in range(LAGS):
            stored = await self._stream.connection.get_batch(
                self._stream.name, message, min(MESSAGES, limit), self._read_bytes
            )
            if stored:
                break
            await asyncio.sleep(LAG_S)
        else:
            raise ClusterAway(f"message {message} of {self._stream.name} is on no replica that answers")
        if stored[0].sequence != message:
            await self._explain_missing(message, stored[0])
        first = stored[0].sequence
        return [
            (each.sequence, self._open(each)) for number, each in enumerate(stored, first) if each.sequence == number
        ]

    async def _explain_missing(self, message: int, following: Stored) -> None:
        """Nothing is called lost on the word of one replica, nor on that of a leader that stood still and wakes, which answers
        for a moment as if nothing had come meanwhile.

        Raises:
            ClusterAway: the leader has what the replica has not.
        """
        for pause_s in (0, RETRY_S):
            await asyncio.sleep(pause_s)
            if await self._stream.get(message) is not None:
                raise ClusterAway(f"a replica of {self._stream.name} has not got message {message}")
            await self._stream.look_at_start()
            if message < self._extent.first_message:
                return
        self._tell("messages are missing in the log", first=message, last=following.sequence - 1)

    def _tell(self, what: str, **facts: Any) -> None:
        if not self._is_quiet:
            structlog.get_logger().error(what, stream=self._stream.name, **facts)

    def _open(self, stored: Stored) -> Chunk | Gap:
        try:
            chunk = unpack_chunk(self._extent.number, stored.data)
        except (DamagedChunk, UnknownVersion) as error:
            self._tell("a message of the log can't be read", message=stored.sequence, reason=str(error))
            span = Span.read(stored.headers)
            if span is None:  # the next one tells what is missing
                return Gap(self._extent.number, 0, 0, "damaged")
            return Gap(self._extent.number, span.first, span.last, "damaged")
        self._chunks[stored.sequence] = chunk, len(stored.data)
        self._chunk_bytes += len(stored.data)
        while self._chunk_bytes > self._read_bytes and len(self._chunks) > 1:
            _, (_, size) = self._chunks.popitem(last=False)
            self._chunk_bytes -= size
        return chunk

    # --- where a sequence lies ---

    def _mark(self, sequence: int, message: int) -> None:
        self._marks[sequence] = message
        self._marks.move_to_end(sequence)
        while len(self._marks) > MAX_MARKS:
            self._marks.popitem(last=False)

    async def locate(self, sequence: int) -> int:
        """The message that holds *sequence*, which is no less than the start and no more than the end; where that is lost,
        the first one behind it.

        Raises:
            ClusterAway: no answer.
        """
        known = self._marks.get(sequence)
        if known is not None:
            return known
        extent = self._extent
        marks = sorted(
            [*self._marks.items(), (extent.start, extent.first_message), (extent.end + 1, extent.last_message + 1)]
        )
        at = bisect_right(marks, (sequence, extent.last_message + 1))
        (low_sequence, low), (high_sequence, high) = marks[max(0, at - 1)], marks[min(at, len(marks) - 1)]
        # The message lies in low … high - 1. A guess by proportion, held off the ends so that each look cuts off a part.
        while high - low > 1:
            share = (sequence - low_sequence) / max(1, high_sequence - low_sequence)
            guess = min(max(low + int(share * (high - low)), low + (high - low) // 8, low + 1), high - 1)
            found = await self._look(guess, high)
            if found is None or found[1].first > sequence:
                high, high_sequence = guess, found[1].first if found else high_sequence
            elif found[1].last >= sequence:
                return found[0]
            else:
                low, low_sequence = found[0] + 1, found[1].last + 1
                if low >= high:
                    break
        self._mark(sequence, low)
        return low

    async def _look(self, message: int, before: int) -> tuple[int, Span] | None:
        """The first message from *message* on and before *before*, with what it holds; None: there is none."""
        kept = self._chunks.get(message)
        if kept is not None:
            chunk = kept[0]
            return message, Span(chunk.first, len(chunk.records), chunk.newest_s)
        while message < before:
            span = await self._stream.span_of(message)
            if span is not None:
                return message, span
            message += 1
        return None
