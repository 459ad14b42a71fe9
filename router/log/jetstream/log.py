"""The distributed engine: any number of routers write and read one log, which NATS JetStream keeps.

    append ─▶ by user ─▶ appender of the partition ─▶ message of many events ─▶ stream, replicated ─▶ answers
                                                                                  │
    wait, end ◀── "told" (headers alone, from the server) ◀───────────────────────┤
    read ◀── latest in memory, else direct reads from any replica ◀───────────────┘

What a start, a loss of the cluster and a damaged message mean:

    no cluster at the start       refused, with a clear error
    cluster lost                  appends are refused after some seconds, then at once; readers wait; both go on by themselves
    answer lost                   the one place where the message can be is looked at, before anything else is written
    server's word of news lost    asked for, every second, by who waits
    message gone or damaged       a gap: retention's if it lies before the stream's first message, "damaged" else
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from math import ceil
from typing import Final, Self
from uuid import uuid4

from nats.aio.msg import Msg

from router.errors import OperatorError
from router.log.dedup_key import dedup_key
from router.log.interface import LogFull, PartitionFull
from router.log.jetstream.access import OPEN, Access
from router.log.jetstream.answered import COMMAND_S, START_S, until_answered
from router.log.jetstream.appender import HEADER_BYTES, PATIENCE_S, Appender
from router.log.jetstream.chunk import OVERHEAD_BYTES
from router.log.jetstream.connection import ApiError, ClusterAway, Connection
from router.log.jetstream.extent import WRITER, Extent, Span
from router.log.jetstream.partition_stream import PartitionStream
from router.log.jetstream.reader import Reader
from router.log.jetstream.streams import LogStreams, StreamNames, ensure_streams
from router.log.options import LogOptions
from router.log.partition import partition_of
from router.log.record import Appended, Entry, Gap, Record, last_of
from router.log.seen import Seen

COMFORT: Final = 0.75
"""Of the room of a partition: beyond it, what nobody needs goes whatever its age."""
KEYS_BYTES: Final = 4_000
"""Room for the source, the messageId and the user's key, of which the gateway counts a long one as part of the event."""
LOOK_S: Final = 5.0
"""How often the end of a partition is asked for while somebody waits there: the server's word of news may have been lost."""
NODES_S: Final = 10.0
"""How long of a start it waits for three nodes, before it makes a log with one replica."""
SEEN_KEYS: Final = 500_000
"""Kept in memory for receipts, over all partitions."""
READ_BACK: Final = 2_000
"""Events of each partition that a start reads back for that: whoever repeats itself does so soon."""


class NatsLog:
    """A `Log` of many partitions. Open it with `open`."""

    def __init__(
        self,
        connection: Connection,
        streams: LogStreams,
        options: LogOptions,
        clock: Callable[[], float],
        *,
        read_only: bool,
        patience_s: float,
    ) -> None:
        self._connection = connection
        self._streams = streams
        self._options = options
        self._clock = clock
        self._writer = uuid4().hex
        self.partitions: Sequence[int] = range(streams.partitions)
        names = streams.names
        self._stream_of = [
            PartitionStream(connection, names.stream(number), names.subject(number), Extent(number))
            for number in self.partitions
        ]
        self._extents = [stream.extent for stream in self._stream_of]
        self._readers = [
            Reader(stream, options.tail_bytes // streams.partitions, options.read_bytes, is_quiet=read_only)
            for stream in self._stream_of
        ]
        self._appenders: list[Appender] = []
        self._is_read_only = read_only
        self._patience_s = patience_s
        self._looked: dict[int, float] = {}
        self._is_closed = False

    @classmethod
    async def open(
        cls,
        urls: Sequence[str],
        options: LogOptions,
        clock: Callable[[], float],
        *,
        name: str = "router",
        partitions: int = 16,
        replicas: int | None = None,
        read_only: bool = False,
        patience_s: float = PATIENCE_S,
        access: Access = OPEN,
    ) -> Self:
        """Open the log *name* in the cluster at *urls*, or make it there. *clock* returns Unix seconds.

        *replicas* None: three where the cluster has so many nodes, else one; it counts where the log is made. With
        *read_only* nothing is made, and it can't append or trim. An append is refused when the cluster has not taken it for
        *patience_s* seconds.

        Raises:
            OperatorError: the cluster can't be reached, refuses, or has a log of another number of partitions; with
                *read_only*, there is none.
        """
        connection = await Connection.open(urls, access=access)
        try:
            names, within_s = StreamNames(name), COMMAND_S if read_only else START_S
            loop = asyncio.get_running_loop()
            settles_at = loop.time() + NODES_S
            streams = await until_answered(
                lambda: ensure_streams(
                    connection,
                    names,
                    partitions,
                    replicas,
                    options.max_bytes,
                    read_only=read_only,
                    is_patient=loop.time() < settles_at,
                ),
                within_s,
            )
            log = cls(connection, streams, options, clock, read_only=read_only, patience_s=patience_s)
            await log._begin(within_s)
        except BaseException:
            await connection.close()
            raise
        return log

    async def _begin(self, within_s: float) -> None:
        names = self._streams.names
        await self._connection.client.subscribe(names.told("*"), cb=self._hear, pending_msgs_limit=-1)
        self._connection.on_reconnected = self._hear_again
        await until_answered(self.look, within_s)
        if not self._is_read_only:
            max_waiting = self._options.max_waiting_bytes // len(self.partitions)
            seen = [Seen(self._options.dedup_window_s, SEEN_KEYS // len(self.partitions)) for _ in self.partitions]
            await asyncio.gather(*(self._read_back(number, seen[number]) for number in self.partitions))
            self._appenders = [
                Appender(
                    self._stream_of[number],
                    seen[number],
                    self._writer,
                    max_waiting,
                    self._readers[number].keep,
                    self._patience_s,
                )
                for number in self.partitions
            ]

    async def _read_back(self, partition: int, seen: Seen) -> None:
        extent = self._extents[partition]
        after, end = max(extent.start - 1, extent.end - READ_BACK), extent.end
        while after < end:
            for item in await self._readers[partition].read(after, 500):
                if isinstance(item, Record):
                    seen.add(dedup_key(item.source, item.message_id), item.sequence, item.received_at_s)
                after = last_of(item)

    async def _hear(self, message: Msg) -> None:
        """What the server tells of each message that it stored."""
        headers = message.headers or {}
        if headers.get(WRITER) == self._writer:
            return
        span = Span.read(headers)
        number = message.subject.rpartition(".")[2]
        if span is not None and number.isdecimal() and int(number) < len(self._extents):
            with suppress(KeyError, ValueError):
                self._extents[int(number)].hear(int(headers["Nats-Sequence"]), span)

    # --- what there is ---

    @property
    def id(self) -> str:
        return self._streams.log_id

    @property
    def replicas(self) -> int:
        """Copies of each event."""
        return self._streams.replicas

    @property
    def size_bytes(self) -> int:
        """Of all streams, on each replica's disk; as of the last `look` or `trim`."""
        return sum(extent.size_bytes for extent in self._extents)

    @property
    def max_event_bytes(self) -> int:
        """An event may be as large, with room for what lies beside it in a message."""
        return self._connection.max_payload - HEADER_BYTES - OVERHEAD_BYTES - KEYS_BYTES

    @property
    def max_bytes(self) -> int:
        """What `size_bytes` may come to before appends are refused."""
        return self._options.max_bytes

    @property
    def stuck(self) -> Sequence[str]:
        """What is wrong inside this router; not that the cluster is away, which callers are told."""
        if self._connection.is_closed and not self._is_closed:
            return ["the connection to the cluster has ended for good"]
        return [
            f"the log's writer of partition {number} has ended: a bug in the router"
            for number, appender in enumerate(self._appenders)
            if appender.is_broken
        ]

    @property
    def obstacle(self) -> str:
        """Why nothing could be stored the last time; "" if it could."""
        return next((appender.obstacle for appender in self._appenders if appender.obstacle), "")

    def end(self, partition: int) -> int:
        return self._extent(partition).end

    def start(self, partition: int) -> int:
        return self._extent(partition).start

    def _extent(self, partition: int) -> Extent:
        if partition not in self.partitions:
            raise LookupError(f"partition {partition}: this log has {len(self.partitions)}, from 0 on")
        return self._extents[partition]

    def sequence_at_backlog(self, partition: int, max_bytes: int) -> int:
        """The last sequence to give up so that what follows takes at most about *max_bytes* on disk; 0 for none."""
        extent = self._extent(partition)
        events = extent.end - extent.start + 1
        if extent.size_bytes <= max_bytes or events <= 0:
            return 0
        return extent.end - events * max_bytes // extent.size_bytes

    async def look(self, partition: int | None = None) -> None:
        """Ask the cluster where each partition, or that one, begins and ends by now."""
        streams = self._stream_of if partition is None else [self._stream_of[partition]]
        await asyncio.gather(*map(self._look, streams))

    async def _look(self, stream: PartitionStream) -> None:
        await stream.look_at_start()
        await stream.look_at_end()

    # --- appending ---

    async def append(self, entries: Sequence[Entry]) -> list[Appended]:
        """See `Log.append`."""
        if self._is_closed:
            raise RuntimeError("the log is closed")
        if self._is_read_only:
            raise RuntimeError("the log is open for reading only")
        if not entries:
            return []
        try:
            return await self._append(entries)
        except LogFull as error:
            if all(appender.obstacle for appender in self._appenders):
                raise
            raise PartitionFull(str(error)) from None

    async def _append(self, entries: Sequence[Entry]) -> list[Appended]:
        count = len(self.partitions)
        shares: dict[int, list[int]] = {}
        for index, entry in enumerate(entries):
            shares.setdefault(partition_of(entry.user_key, count), []).append(index)
        if len(shares) == 1:
            return await self._appenders[next(iter(shares))].append(entries)
        calls = [self._appenders[number].append([entries[i] for i in share]) for number, share in shares.items()]
        placed: list[Appended | None] = [None] * len(entries)
        answers = await asyncio.gather(*calls, return_exceptions=True)
        for share, answer in zip(shares.values(), answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            for index, each in zip(share, answer, strict=True):
                placed[index] = each
        return [each for each in placed if each is not None]

    async def trim(self, needed_from: Mapping[int, int]) -> None:
        """See `Log.trim`. A partition that is not in *needed_from* is needed whole."""
        for partition, needed in needed_from.items():
            if partition in self.partitions:
                with suppress(ClusterAway, ApiError):
                    await self._trim(partition, needed)

    async def _trim(self, partition: int, needed: int) -> None:
        """What is old and not needed goes; where room is short, what is young as well, as far as that makes room.

        The newest message stays whatever it holds: it says where the partition ends.
        """
        stream, extent = self._stream_of[partition], self._extents[partition]
        await stream.look_at_start()
        if min(needed - 1, extent.end) < extent.start:
            return
        expired_s = self._clock() - self._options.retention_s
        first, spare = extent.first_message, self._messages_too_many(extent)
        oldest = await stream.span_of(first)
        if oldest is None or (oldest.newest_s >= expired_s and not spare):
            return
        # What may go ends before the message that holds the first needed sequence; of that, what is old enough.
        high = min(await self._readers[partition].locate(min(needed, extent.end)), extent.last_message)
        low, young = first, high
        while low < young:
            middle = (low + young) // 2
            span = await stream.span_of(middle)
            if span is None or span.newest_s < expired_s:
                low = middle + 1
            else:
                young = middle
        low = max(low, min(high, first + spare))
        if low <= first:
            return
        following = await stream.span_of(low)
        if following is None:
            return
        await self._connection.call(f"STREAM.PURGE.{stream.name}", {"seq": low})
        extent.begin(low, following.first)
        await stream.look_at_start()  # what it takes now: a backlog is measured by it

    def _messages_too_many(self, extent: Extent) -> int:
        """How many would have to go for the partition to be comfortable in what it may take; about."""
        allowed = self._options.max_bytes // len(self.partitions) * COMFORT
        messages = extent.last_message - extent.first_message + 1
        excess = extent.size_bytes - allowed
        return ceil(messages * excess / extent.size_bytes) if excess > 0 else 0

    # --- reading ---

    async def read(self, partition: int, after: int, limit: int = 500) -> list[Record | Gap]:
        self._extent(partition)
        self._readers[partition].is_followed = True
        return await self._readers[partition].read(max(after, 0), limit)

    async def wait(self, partition: int, after: int) -> None:
        extent = self._extent(partition)
        self._readers[partition].is_followed = True
        while extent.end <= after:
            if self._is_closed:
                raise RuntimeError("the log is closed")
            grown = extent.grown
            # Not wait_for: that of Python 3.11 goes on where it is woken and cancelled at one time.
            try:
                async with asyncio.timeout(LOOK_S):
                    await grown.wait()
            except TimeoutError:
                await self._look_for_news(partition)

    async def _look_for_news(self, partition: int) -> None:
        """For all who wait, once in `LOOK_S`."""
        now = asyncio.get_running_loop().time()
        if now - self._looked.get(partition, 0.0) >= LOOK_S:
            self._looked[partition] = now
            with suppress(ClusterAway, ApiError):
                await self._stream_of[partition].look_at_end()

    async def _hear_again(self) -> None:
        """The connection was away."""
        for stream in self._stream_of:
            with suppress(ClusterAway, ApiError):
                await stream.look_at_end()

    def wake(self) -> None:
        """Have all who wait look again."""
        for extent in self._extents:
            extent.wake()

    async def find(self, message_id: str) -> list[Record]:
        """See `Log.find`. It reads the whole log.

        Raises:
            OperatorError: the cluster does not answer.
        """
        try:
            message_id.encode()
        except UnicodeEncodeError:  # no such thing can be stored
            return []
        try:
            await self.look()
        except (ClusterAway, ApiError) as error:
            raise OperatorError(f"the cluster that keeps the log does not answer ({error}). Ask again.") from error
        found: list[Record] = []
        for partition in self.partitions:
            found += await self._find(partition, message_id)
        return found

    async def _find(self, partition: int, message_id: str) -> list[Record]:
        extent = self._extents[partition]
        after, end = extent.start - 1, extent.end
        found = []
        while after < end:
            items = await self._readers[partition].read(after, 500)
            found += [item for item in items if isinstance(item, Record) and item.message_id == message_id]
            after = last_of(items[-1])
        return found

    async def close(self) -> None:
        """Store what waits, then close; a second time does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        await asyncio.gather(*(appender.close() for appender in self._appenders))
        self.wake()
        await self._connection.close()
