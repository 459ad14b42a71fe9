"""The embedded engine: the log in segment files, each a SQLite database.

    var/log/  log.json                                which log this is
              log.lock                                held by the one writer
              segment-00000000000000000001.sqlite     sealed: one plain file, never written again
              segment-00000000000000065537.sqlite     the last one: written, with a -wal beside it
              segment-….rescued.sqlite                what is sound in a damaged one; read in its stead
              dedup.sqlite, log.mark                  derived: the keys seen, the last sequence given out
              log.start                               the first sequence that retention has not given up

    append ─▶ queue ─▶ writer thread ─▶ segment (fsync) ─▶ answers, tail in memory, waiters ─▶ index

What a start does with each state of a file:

    last segment, sound                  gone on with
    last segment, damaged or too short   mended, left as it is; a new one begins after all that is known to be given out
    a segment never sealed (killed)      its write-ahead log is folded in
    any other damage                     found when it is read, mended then
    a segment that is gone               a gap, "damaged" unless retention took it
    older, newer schema                  migrated; refused
    index missing, damaged, behind       read again from the log, from its mark on
    log.json missing or damaged          written again from the id that is in each segment
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from router.log.dedup_index import INDEX_NAME, look_up
from router.log.erase import Erased, erase
from router.log.follower import Follower
from router.log.interface import LogAway
from router.log.options import LogOptions
from router.log.pulse import Pulse
from router.log.record import Appended, Entry, Gap, Record
from router.log.repair import DAMAGED_NAME
from router.log.room import NO_RESERVE, Reserve
from router.log.segment_file import SegmentFile
from router.log.segments import PARTITION, Moved, Segments, Unreadable
from router.log.store import Store
from router.log.tail import Tail
from router.log.writer import Writer
from router.suppressed import Suppressed

__all__ = ["LogOptions", "SqliteLog"]

_T = TypeVar("_T")

READERS = 4
"""Threads that read for destinations that are behind."""
RETRY_S = 1.0
"""Seconds between tries to read what can't be read now."""
LOOK_S = 0.2
"""Seconds between a read-only log's looks for what another process wrote."""


class SqliteLog:
    """A `Log` of one partition. Open it with `open`."""

    partitions: Sequence[int] = (PARTITION,)

    def __init__(
        self,
        segments: Segments,
        options: LogOptions,
        store: Store | None,
        follower: Follower | None,
        monotonic: Callable[[], float],
    ) -> None:
        self._segments = segments
        self._options = options
        self._store = store
        self._follower = follower
        self._writer: Writer | None = None
        self._end = store.end if store else follower.end if follower else 0
        self._tail = Tail(options.tail_bytes)
        self._grown = asyncio.Event()
        self._looking = asyncio.Lock()
        self._is_announced = False
        """Whether something was announced since the last look began."""
        self._seen_s = -math.inf
        """When that was."""
        self._monotonic = monotonic
        self._readers = ThreadPoolExecutor(READERS, "log reader")
        self._is_closed = False
        self._logger = structlog.get_logger()

    @classmethod
    async def open(
        cls,
        directory: Path,
        options: LogOptions,
        clock: Callable[[], float],
        *,
        read_only: bool = False,
        reserve: Reserve = NO_RESERVE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> SqliteLog:
        """Open the log in *directory*, or make one. *clock* returns Unix seconds, *monotonic* seconds that never jump.

        While *reserve* is not whole, appends are refused.

        With *read_only* nothing there is locked or written, so that it may be open beside a writer. It can't append or trim.

        Raises:
            OperatorError: another writer has it open, a newer program wrote it, it can't be made or, with *read_only*, there is
                none.
        """
        if read_only:
            follower = await asyncio.to_thread(Follower.open, directory)
            return cls(follower.segments, options, None, follower, monotonic)
        store = await asyncio.to_thread(Store.open, directory, options, clock, reserve, Pulse(monotonic))
        log = cls(store.segments, options, store, None, monotonic)
        writer = log._writer = Writer(store, options, log._take_over)
        store.segments.retire = lambda: writer.run(store.retire).result()
        writer.start()
        return log

    def _take_over(self, records: Sequence[Record], end: int) -> None:
        self._tail.extend(records)
        self._end = end
        if records:
            self.wake()

    def wake(self) -> None:
        """Make all who wait look again. For a read-only log, when the writer has announced something new."""
        self._is_announced = True
        self._grown.set()
        self._grown = asyncio.Event()

    # --- what there is ---

    @property
    def id(self) -> str:
        return self._segments.log_id

    @property
    def size_bytes(self) -> int:
        """The size of all segments on disk. Above 80 % of `max_bytes` an operator should know."""
        return self._segments.size_bytes

    @property
    def max_bytes(self) -> int:
        """The size at which appends are refused."""
        return self._options.max_bytes

    async def known_s(self) -> float | None:
        """When the last event was received, in Unix seconds; None if that can't be told, or the log is only read."""
        return await asyncio.to_thread(self._store.known_s) if self._store else None

    @property
    def stuck(self) -> Sequence[str]:
        """What has been wrong with the writing for some seconds. A lack of room is not listed: callers are told of that."""
        complaint = self._writer.complaint if self._writer else ""
        return [complaint] if complaint else []

    @property
    def obstacle(self) -> str:
        """Why nothing could be stored the last time; "" if something could."""
        return self._store.obstacle if self._store else ""

    def end(self, partition: int) -> int:
        _check(partition)
        return self._end

    def start(self, partition: int) -> int:
        _check(partition)
        files = self._segments.files
        return min(files[0].first, self._end + 1) if files else self._end + 1

    def sequence_at_backlog(self, partition: int, max_bytes: int) -> int:
        """See `Engine.sequence_at_backlog`."""
        _check(partition)
        last = self._end
        for file in reversed(self._segments.files):
            if file.bytes > max_bytes:
                kept = (last - file.first + 1) * max_bytes // file.bytes
                return max(0, last - kept)
            max_bytes -= file.bytes
            last = file.first - 1
        return 0

    # --- appending ---

    async def append(self, entries: Sequence[Entry]) -> list[Appended]:
        """See `Log.append`.

        Raises:
            LogFull, LogAway: none of the entries is promised to be stored.
            ValueError: an entry can't be stored (half a surrogate pair, a time that is not a number). Nothing was stored.
        """
        writer, _ = self._writing()
        return await writer.append(tuple(entries)) if entries else []

    def _writing(self) -> tuple[Writer, Store]:
        """What writes the log. Raises RuntimeError if it is only read."""
        if self._writer is None or self._store is None:
            raise RuntimeError("the log is open for reading only")
        return self._writer, self._store

    async def trim(self, needed_from: Mapping[int, int]) -> None:
        """See `Log.trim`."""
        writer, store = self._writing()
        needed = needed_from.get(PARTITION, 0)
        await asyncio.wrap_future(writer.run(lambda: store.trim(needed)))

    async def erase(self, suppressed: Suppressed) -> Erased:
        """Put tombstones in the place of all events of *suppressed* that have been appended so far.

        Raises:
            NotStored: not now. Some may be erased; the call can be made again.
        """
        writer, store = self._writing()
        erased = Erased()
        try:
            await asyncio.wrap_future(writer.run(store.seal))
            for file in self._segments.files:
                if file is not self._segments.active:
                    await self._in_thread(partial(self._erase, file, suppressed, erased, writer))
        except (sqlite3.Error, OSError, Unreadable) as error:
            raise LogAway(f"not all could be erased from the log: {error}") from error
        self._tail = Tail(self._options.tail_bytes)
        erased.left += sorted((self._segments.directory / DAMAGED_NAME).glob("*"))
        return erased

    def _erase(self, file: SegmentFile, suppressed: Suppressed, erased: Erased, writer: Writer) -> None:
        with suppress(Moved):  # retention was faster
            erase(self._segments, file, suppressed, erased, lambda step: writer.run(step).result())

    # --- reading ---

    async def read(self, partition: int, after: int, limit: int = 500) -> list[Record | Gap]:
        _check(partition)
        after = max(after, 0)
        await self.look(after)
        end = self._end
        if after >= end or limit <= 0:
            return []
        if after + 1 >= self.start(partition):  # what was given up is gone, even while it is still in memory
            recent = self._tail.read(after, limit, self._options.read_bytes)
            if recent is not None:
                return [*recent]
        return await self._patiently(lambda: self._segments.read(after, limit, end, self._options.read_bytes))

    async def wait(self, partition: int, after: int) -> None:
        _check(partition)
        while self._end <= after:
            if self._is_closed:
                raise RuntimeError("the log is closed")
            grown = self._grown  # before the look: a change announced meanwhile calls for another look
            await self._look_for_all(after)
            if self._end <= after:
                # Not `wait_for`: in Python 3.11 it goes on if it is woken and cancelled at the same time.
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S if self._follower else None):
                        await grown.wait()

    async def look(self, after: int | None = None) -> None:
        """For a read-only log: see what was written since, unless something above *after* is already known."""
        if self._follower is None:
            return
        async with self._looking:
            if after is None or self._end <= after:
                await self._see(self._follower)

    async def _look_for_all(self, after: int) -> None:
        """Like `look`, for one of many who wait: where nothing was announced, they look once in `LOOK_S` together."""
        if self._follower is None:
            return
        async with self._looking:
            is_due = self._is_announced or self._monotonic() - self._seen_s >= LOOK_S
            if is_due and self._end <= after:
                await self._see(self._follower)

    async def _see(self, follower: Follower) -> None:
        self._is_announced, self._seen_s = False, self._monotonic()
        self._end = await self._in_thread(follower.look)

    async def find(self, message_id: str) -> list[Record]:
        """See `Log.find`. Fast within the deduplication window; older events are searched one by one."""
        try:
            message_id.encode()
        except UnicodeEncodeError:  # no such thing can be stored
            return []
        await self.look()
        end = self._end
        return await self._patiently(lambda: self._find(message_id, end))

    def _find(self, message_id: str, end: int) -> list[Record]:
        places = look_up(self._segments.directory / INDEX_NAME, self.id, message_id)
        sequences = set(places.sequences)
        sequences.update(self._segments.search(message_id, 1, min(places.first - 1, end)))
        sequences.update(self._segments.search(message_id, places.last + 1, end))
        found = []
        for sequence in sorted(sequences):
            for record in self._segments.read(sequence - 1, 1, min(sequence, end), 1):
                if isinstance(record, Record) and record.message_id == message_id:
                    found.append(record)
        return found

    async def _patiently(self, read: Callable[[], _T]) -> _T:
        """Try until it works: what can't be read now is not lost, and giving up helps nobody."""
        is_reported = False
        while True:
            try:
                return await self._in_thread(read)
            except Unreadable as error:
                if not is_reported:
                    self._logger.error("the log can't be read just now, it is tried again", reason=str(error))
                    is_reported = True
                await asyncio.sleep(RETRY_S)

    async def _in_thread(self, read: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, read)

    # --- mending, where one process writes and others deliver ---

    def mend_through(self, ask_writer: Callable[[int, bool], None]) -> None:
        """For a read-only log that is delivered from. *ask_writer* is called from a reader's thread with the arguments of the
        writer's `mend`. It returns when that has returned, or raises `Unreadable`."""
        self._segments.ask_writer = ask_writer

    async def mend(self, first: int, is_copy: bool) -> None:
        """For the writer: mend the segment that begins with *first*, unless it was mended before; with *is_copy* even then.

        Raises:
            Unreadable: not now. The caller tries again.
        """
        await self._in_thread(lambda: self._mend(first, is_copy))

    def _mend(self, first: int, is_copy: bool) -> None:
        for file in self._segments.files:
            if file.first == first:
                self._segments.mend(file, file.mended if is_copy else 0)

    async def close(self) -> None:
        """See `Log.close`."""
        if self._is_closed:
            return
        self._is_closed = True
        await asyncio.to_thread(self._close)
        self.wake()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.stop()
        self._readers.shutdown(cancel_futures=True)
        if self._store is not None:
            self._segments.retire = self._store.retire
            self._store.close()
        if self._follower is not None:
            self._follower.close()


def _check(partition: int) -> None:
    if partition != PARTITION:
        raise LookupError(f"partition {partition}: this log has one, {PARTITION}")
