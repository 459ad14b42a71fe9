"""Writing one partition: what queued up while a message was under way shares the next one.

    append ─▶ queue ─▶ chunk ─▶ message, "if nothing came after n" ─▶ stored by a quorum ─▶ answers, tail, waiters
                                    │
                                    └── another router was faster ─▶ the server has told how far that went ─▶ take
                                        along what has queued up, number anew, send again

Sequences follow one another although many routers write: each message says with which sequence it begins, and is stored only if
the stream still ends where its writer thinks (``Nats-Expected-Last-Sequence``). So a message that was thought lost and comes
late can't get in behind another, and a try whose answer was lost is found, or is not there, at the one place it could be.
``Nats-Msg-Id`` has the server itself tell a retry from a new message.

So gateways of one log get in each other's way, and it costs one message sent in vain: nothing is asked for, and who loses has a
bigger message next time, so that the more of them there are, the more events travel together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

import structlog

from router.log.dedup_key import dedup_key
from router.log.interface import LogAway, LogFull, NotStored
from router.log.jetstream.chunk import OVERHEAD_BYTES, pack_chunk, pack_event
from router.log.jetstream.connection import FULL, WRONG_LAST_SEQUENCE, ApiError, ClusterAway, read_answer
from router.log.jetstream.extent import WRITER, Span
from router.log.jetstream.partition_stream import PartitionStream
from router.log.record import Appended, Entry
from router.log.seen import Seen

HEADER_BYTES: Final = 1_024
"""Room for the headers of a message, which count as payload."""
PUBLISH_S: Final = 2.0
"""For the answer to one try."""
PATIENCE_S: Final = 6.0
"""How long a message is tried before its callers are told to come again: a change of leader takes a few seconds."""
RETRY_S: Final = 0.1
TOLD_S: Final = 0.25
"""For the server's word of the message that was faster than ours; then its leader is asked."""
CATCH_UP_S: Final = 0.005
"""For a leader to apply what it has said no for."""
PROBE_S: Final = 0.5
"""Between looks whether the cluster is back."""
ROOM_AGAIN: Final = 0.05
"""Of what a partition may take: once it was full, so much has to be free again, else it would be full again at once."""
_MSG_ID: Final = "Nats-Msg-Id"
_EXPECTED: Final = "Nats-Expected-Last-Sequence"


@dataclass(slots=True)
class _Call:
    entries: Sequence[Entry]
    packed: Sequence[bytes]
    keys: Sequence[bytes]
    bytes: int
    waiter: asyncio.Future[list[Appended]]
    answers: list[Appended | None] = field(default_factory=list)


@dataclass(slots=True)
class _Draft:
    """Events that go into one message; a place in it is the number of events before it."""

    entries: list[Entry] = field(default_factory=list)
    packed: list[bytes] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    answers: list[tuple[_Call, int, int, bool]] = field(default_factory=list)
    """Whose entry (call, index in it) lies at which place, and whether it is a duplicate there."""
    bytes: int = OVERHEAD_BYTES


class _Overtaken(Exception):
    """Another router's message is where ours was to be. For certain nothing of ours is stored."""


class Appender:
    """One for each partition; its methods are called from the event loop's thread."""

    def __init__(
        self,
        stream: PartitionStream,
        seen: Seen,
        writer: str,
        max_waiting_bytes: int,
        on_stored: Callable[[int, Span, Sequence[Entry]], None],
        patience_s: float,
    ) -> None:
        """*writer* is a name that no other process has. *on_stored* is told of each message and its entries, before
        the callers are."""
        self._connection = stream.connection
        self._stream = stream
        self._extent = stream.extent
        self._seen = seen
        self._writer = writer
        self._max_waiting_bytes = max_waiting_bytes
        self._on_stored = on_stored
        self._patience_s = patience_s
        self._queue: deque[_Call] = deque()
        self._waiting_bytes = 0
        self._work = asyncio.Event()
        self._is_closing = False
        self._unsure_at: int | None = None
        """The message after this one may be ours: no answer came. The end has to be asked for before more is written."""
        self._refusal: type[NotStored] = LogAway
        self.obstacle = ""
        """Why nothing could be stored the last time; "" if it could."""
        self._task = asyncio.create_task(self._run(), name=f"log writer {stream.extent.number}")

    @property
    def is_broken(self) -> bool:
        return self._task.done() and not self._is_closing

    async def append(self, entries: Sequence[Entry]) -> list[Appended]:
        """Queue *entries*. Whoever stops waiting leaves them in the queue: they are stored all the same.

        Raises:
            NotStored: the cluster is away or full, or too much waits already.
            ValueError: an entry that can't be stored; nothing was.
        """
        if self._is_closing:
            raise RuntimeError("the log is closed")
        if self.obstacle:
            raise self._refusal(self.obstacle)
        packed = [pack_event(entry) for entry in entries]
        room = self._connection.max_payload - HEADER_BYTES - OVERHEAD_BYTES
        for event in packed:
            if len(event) > room:
                raise ValueError(f"event: {len(event)} bytes, the cluster takes {room} at most (max_payload)")
        size = sum(map(len, packed))
        if self._queue and self._waiting_bytes + size > self._max_waiting_bytes:
            raise LogAway("the cluster does not keep up: too many events wait to be stored")
        keys = [dedup_key(entry.source, entry.message_id) for entry in entries]
        waiter: asyncio.Future[list[Appended]] = asyncio.get_running_loop().create_future()
        call = _Call(entries, packed, keys, size, waiter, [None] * len(entries))
        self._queue.append(call)
        self._waiting_bytes += size
        self._work.set()
        return await asyncio.shield(waiter)

    async def close(self) -> None:
        """Store what waits, as far as the cluster takes it, then end."""
        self._is_closing = True
        self._work.set()
        await self._task

    # --- the one task that writes ---

    async def _run(self) -> None:
        while True:
            if not self._queue:
                if self._is_closing:
                    return
                self._work.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(PROBE_S if self.obstacle else None):
                        await self._work.wait()
            if self.obstacle:
                await self._probe()
            calls = self._take()
            if self.obstacle:
                _refuse(calls, self._refusal(self.obstacle))  # who came while it was still tried
            else:
                await self._commit(calls)

    def _take(self) -> list[_Call]:
        """What has queued up."""
        calls, self._queue = list(self._queue), deque()
        self._waiting_bytes = 0
        return calls

    async def _probe(self) -> None:
        """Whether the cluster has come back, and has room."""
        try:
            await self._learn()
            info = await self._connection.call(f"STREAM.INFO.{self._stream.name}")
        except (ClusterAway, ApiError) as error:
            self._hinder(error)
            await asyncio.sleep(0 if self._is_closing else PROBE_S)
            return
        limit, used = info["config"].get("max_bytes", -1), info["state"]["bytes"]
        if self._refusal is LogFull and limit > 0 and used > limit * (1 - ROOM_AGAIN):
            return
        if self.obstacle:
            structlog.get_logger().info("The log takes events again.", partition=self._extent.number)
        self.obstacle = ""

    def _hinder(self, error: ClusterAway | ApiError) -> NotStored:
        """Refuse from now on, until the cluster takes events again; returns what the callers are told."""
        is_full = isinstance(error, ApiError) and error.code in FULL
        self._refusal = LogFull if is_full else LogAway
        told = (
            f"has no room for partition {self._extent.number} of the log ({error}): raise retention.max_disk, of which each "
            "partition has its part, or wait until destinations have caught up"
            if is_full
            else f"does not take events: {error}"
        )
        reason = f"the cluster {told}"
        if not self.obstacle:
            structlog.get_logger().error("events can't be stored", partition=self._extent.number, reason=reason)
        self.obstacle = reason
        return self._refusal(reason)

    async def _commit(self, calls: list[_Call]) -> None:
        """Store all of *calls*, in as few messages as can be, and answer them."""
        error: BaseException | None = None
        room = self._connection.max_payload - HEADER_BYTES
        drafts = self._drafts(calls, room)
        while drafts and error is None:
            try:
                await self._store(drafts[0])
                del drafts[0]
            except _Overtaken:
                if self._queue and len(drafts) == 1 and drafts[0].bytes + self._waiting_bytes <= room:
                    calls += self._take()
                    drafts = self._drafts(calls, room)
            except NotStored as refused:
                error = refused
            except Exception as bug:
                structlog.get_logger().error("a commit failed: a bug in the router", exc_info=bug)
                error = bug
        for call in calls:
            if call.waiter.done():
                continue
            answers = [answer for answer in call.answers if answer is not None]
            if len(answers) == len(call.entries):
                call.waiter.set_result(answers)
            else:
                _refuse([call], error or self._refusal(self.obstacle))

    def _drafts(self, calls: Sequence[_Call], room: int) -> list[_Draft]:
        """What is not answered yet, cut into messages of up to *room* bytes; duplicates of what is stored are answered here."""
        drafts = [_Draft()]
        placed: dict[bytes, tuple[_Draft, int, float]] = {}
        for call in calls:
            for index, (entry, packed, key) in enumerate(zip(call.entries, call.packed, call.keys, strict=True)):
                if call.answers[index] is not None:
                    continue
                first = self._seen.first(key, entry.received_at_s)
                if first is not None:
                    call.answers[index] = Appended(self._extent.number, first, is_duplicate=True)
                    continue
                if key in placed:
                    draft, place, _ = placed[key]
                    draft.answers.append((call, index, place, True))
                    continue
                draft = drafts[-1]
                if draft.entries and draft.bytes + len(packed) > room:
                    draft = _Draft()
                    drafts.append(draft)
                placed[key] = draft, len(draft.entries), entry.received_at_s
                draft.answers.append((call, index, len(draft.entries), False))
                draft.entries.append(entry)
                draft.packed.append(packed)
                draft.keys.append(key)
                draft.bytes += len(packed)
        return [draft for draft in drafts if draft.entries]

    async def _store(self, draft: _Draft) -> None:
        """Raises:
        NotStored: it could not be stored, or nobody knows.
        _Overtaken: it was not, and may be as soon as it comes again, changed or not.
        """
        newest_s = max(entry.received_at_s for entry in draft.entries)
        message_id = uuid4().hex
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_s
        is_sure = self._unsure_at is None
        while True:
            try:
                if self._unsure_at is not None:
                    stored = await self._learn(message_id)
                    if stored is not None:
                        self._settle(draft, *stored)
                        return
                span = Span(self._extent.end + 1, len(draft.entries), newest_s)
                expected = self._unsure_at = self._extent.last_message
                stored = await self._publish(span, pack_chunk(span.first, newest_s, draft.packed), message_id)
                if stored is None and is_sure and await self._hears_of_another(expected):
                    self._unsure_at = None
                    raise _Overtaken
                if stored is None:  # another router was faster, or a try of ours that was late
                    stored = await self._learn(message_id)
                if stored is not None:
                    self._unsure_at = None
                    self._settle(draft, *stored)
                    return
                if self._extent.last_message == expected:
                    if loop.time() >= until:
                        raise self._hinder(ClusterAway("it ends before the last message that is known here"))
                    await asyncio.sleep(CATCH_UP_S)
            except ApiError as error:
                is_sure = False
                if error.code in FULL or loop.time() >= until:
                    raise self._hinder(error) from None
                await asyncio.sleep(RETRY_S)
            except ClusterAway as error:
                is_sure = False
                if loop.time() >= until:
                    raise self._hinder(error) from None
                await asyncio.sleep(RETRY_S)

    async def _hears_of_another(self, expected: int) -> bool:
        """Wait for the server's word that another router wrote the message behind *expected*; False: it does not come.

        That somebody wrote is not enough. A leader that stood still may refuse, as it wakes, what its successor has stored.
        """
        others = self._extent.others
        with suppress(TimeoutError):
            async with asyncio.timeout(TOLD_S):
                while expected + 1 not in others:
                    await self._extent.grown.wait()
        return expected + 1 in others

    async def _publish(self, span: Span, data: bytes, message_id: str) -> tuple[int, Span] | None:
        """The message, and what it holds: of an earlier try, where that was late. None: it is not stored by this, see `_learn`.

        Raises:
            ClusterAway: it may be stored, or not.
            ApiError: it is not, by this.
        """
        headers = {
            _MSG_ID: message_id,
            _EXPECTED: str(self._extent.last_message),
            WRITER: self._writer,
            **span.headers(),
        }
        answer = await self._connection.request(self._stream.subject, data, headers, PUBLISH_S)
        try:
            said = read_answer(answer.data)
        except ApiError as error:
            if error.code in WRONG_LAST_SEQUENCE:
                return None
            raise
        number = int(said["seq"])
        return await self._find(number, message_id) if said.get("duplicate") else (number, span)

    async def _find(self, number: int, message_id: str) -> tuple[int, Span] | None:
        """The message of that *number*, if it is the one that was sent as *message_id*."""
        stored = await self._stream.get(number)
        span = Span.read(stored.headers) if stored else None
        if stored is None or span is None or stored.headers.get(_MSG_ID) != message_id:
            return None
        return number, span

    async def _learn(self, message_id: str = "") -> tuple[int, Span] | None:
        """Ask where the partition ends; what was stored under *message_id* after all, if it was, is returned.

        Raises:
            ClusterAway, ApiError: no answer.
        """
        mine = None
        if message_id and self._unsure_at is not None:
            # A try is stored behind the message that it was to follow, or nowhere.
            mine = await self._find(self._unsure_at + 1, message_id)
        await self._stream.look_at_end()
        self._unsure_at = None
        return mine

    def _settle(self, draft: _Draft, message: int, span: Span) -> None:
        self.obstacle = ""
        number = self._extent.number
        for sequence, (entry, key) in enumerate(zip(draft.entries, draft.keys, strict=True), span.first):
            self._seen.add(key, sequence, entry.received_at_s)
        self._on_stored(message, span, draft.entries)
        self._extent.extend(message, span)
        for call, index, place, is_duplicate in draft.answers:
            call.answers[index] = Appended(number, span.first + place, is_duplicate)


def _refuse(calls: Sequence[_Call], error: BaseException) -> None:
    for call in calls:
        if not call.waiter.done():
            call.waiter.set_exception(error)
            call.waiter.exception()  # who stopped waiting does not ask
