"""The embedded log: segments on disk, one writer thread, a tail in memory for readers that are caught up.

    append ──▶ queue ──▶ writer thread: what queued up while the last commit ran shares the next one
                              │
                              ├─ 1. segment: INSERT, COMMIT (fsync)      then the callers get their answer
                              └─ 2. dedup index: keys and mark (no fsync)

What a restart does: the last segment is opened (SQLite folds in or rolls back its WAL); if it is damaged it is kept, read as
far as it goes, and never written to again; the dedup index is brought up to the end of the log. Sequences go on above
everything that was ever seen, so none is given twice; what is missing below the end is read as a gap.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

import orjson
import structlog

from router.errors import OperatorError
from router.log import segment
from router.log.dedup import DedupIndex, Key, key_of, places_of
from router.log.interface import LogFull
from router.log.record import Appended, Entry, Gap, Record
from router.log.tail import Tail

PARTITION = 0
SCHEMA_VERSION = 1
MAX_COMMIT_ENTRIES = 10_000

_ENTRY_OVERHEAD_BYTES = 300
_CATCH_UP_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Sizes in bytes, times in seconds; the config's ``retention`` has them."""

    segment_bytes: int = 64_000_000
    max_bytes: int = 20_000_000_000
    retention_s: float = 7 * 86_400.0
    dedup_window_s: float = 7 * 86_400.0
    tail_bytes: int = 16_000_000
    """Of the newest records kept in memory."""


@dataclass(frozen=True, slots=True)
class _Append:
    """A call that waits for its commit."""

    entries: Sequence[Entry]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[list[Appended]]


class SqliteLog:
    """See the module's docstring; implements `router.log.interface.Log` with one partition, 0. Open with `open`."""

    partitions: Sequence[int] = (PARTITION,)

    def __init__(self, directory: Path, options: LogOptions, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._options = options
        self._clock = clock
        self._logger = structlog.get_logger()
        self._segments: list[tuple[int, Path]] = []
        self._sizes: dict[Path, int] = {}
        self._damaged: set[Path] = set()
        self._end = 0
        self._known_end = 0
        self._tail = Tail(options.tail_bytes)
        self._queue: queue.SimpleQueue[_Append | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._writer: segment.SegmentWriter | None = None
        self._dedup: DedupIndex | None = None
        self._unindexed: dict[Key, tuple[int, float]] = {}
        self._lock_file: IO[bytes] | None = None
        self._is_broken = False
        self._changing = threading.Lock()
        """Held while the list of segments changes: the writer begins them, `trim` gives them up."""
        self._grown = asyncio.Event()

    @classmethod
    async def open(
        cls, directory: Path, options: LogOptions, clock: Callable[[], float], *, read_only: bool = False
    ) -> SqliteLog:
        """Open or make the log in *directory*; *clock* gives Unix seconds. *read_only* takes no lock and writes nothing.

        Raises:
            OperatorError: another router has the directory, a newer program wrote it, or it can't be written.
        """
        log = cls(directory, options, clock)
        await asyncio.to_thread(log._open, read_only)
        if not read_only:
            log._thread = threading.Thread(target=log._write, name="log writer", daemon=True)
            log._thread.start()
        return log

    def _open(self, read_only: bool) -> None:
        try:
            if not read_only:
                self._directory.mkdir(parents=True, exist_ok=True)
                self._lock()
            self._id = self._read_id(read_only)
            self._segments = segment.find_segments(self._directory)
            self._sizes = {path: segment.size_of(path) for _, path in self._segments}
            if read_only:
                self._end = self._last_readable()
            else:
                self._open_for_writing()
        except BaseException as error:
            self._unlock()
            if isinstance(error, OSError | sqlite3.Error):
                raise OperatorError(f"{self._directory}: the log can't be opened ({error})") from error
            raise

    def _lock(self) -> None:
        self._lock_file = (self._directory / "lock").open("ab")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OperatorError(
                f"{self._directory.parent}: another router runs over this data directory. Stop it first, or give this one a "
                "directory of its own (data: in the config)."
            ) from None

    def _unlock(self) -> None:
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def _read_id(self, read_only: bool) -> str:
        path = self._directory / "log.json"
        if not path.exists():
            if read_only or segment.find_segments(self._directory):
                raise OperatorError(
                    f"{path}: missing. It names the log that the positions of all destinations belong to; restore it from a "
                    "backup together with the segments beside it."
                )
            self._write_id(path, uuid4().hex)
        try:
            facts = orjson.loads(path.read_bytes())
            version, log_id = int(facts["schema_version"]), str(facts["id"])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            raise OperatorError(f"{path}: is damaged; restore it from a backup") from None
        if version > SCHEMA_VERSION:
            raise OperatorError(
                f"{path}: has schema version {version}, this program knows {SCHEMA_VERSION}. Run the newer one."
            )
        return log_id

    def _write_id(self, path: Path, log_id: str) -> None:
        draft = path.with_suffix(".draft")
        with draft.open("wb") as file:
            file.write(orjson.dumps({"schema_version": SCHEMA_VERSION, "id": log_id}))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        segment.fsync_directory(self._directory)

    # --- opening for writing ---

    def _open_for_writing(self) -> None:
        self._dedup = DedupIndex(self._directory / "dedup.sqlite")
        self._open_last_segment()
        self._end = self._known_end
        self._catch_up()

    def _open_last_segment(self) -> None:
        """Go on in the last segment if it is sound and nothing is missing at its end; else begin a new one after it."""
        assert self._dedup is not None
        seen = max(self._dedup.mark, self._known_end)
        if not self._segments:
            self._known_end = seen
            self._begin_segment()
            return
        first, path = self._segments[-1]
        writer = self._open_sound(path)
        last = max(writer.last(), first - 1) if writer else self._last_readable()
        self._known_end = max(seen, last)
        if writer is not None and last >= seen:
            self._writer = writer
            return
        if writer is not None:
            writer.close()
        self._logger.error(
            "the end of the log is damaged: it is kept as it is, and a new segment begins",
            segment=path.name,
            readable_up_to=last,
            known_up_to=self._known_end,
        )
        self._begin_segment()

    def _open_sound(self, path: Path) -> segment.SegmentWriter | None:
        try:
            writer = segment.SegmentWriter(path)
        except sqlite3.DatabaseError as error:
            self._report_damage(path, str(error))
            return None
        with contextlib.suppress(sqlite3.DatabaseError):
            if writer.is_sound():
                return writer
        writer.close()
        self._report_damage(path, "its structure is damaged")
        return None

    def _report_damage(self, path: Path, error: str) -> None:
        if path not in self._damaged:
            self._damaged.add(path)
            self._logger.error(
                "segment is damaged, what can be read of it is delivered", segment=path.name, error=error
            )

    def _last_readable(self) -> int:
        """The last sequence that can be read, looking through the segments from the newest."""
        for first, path in reversed(self._segments):
            try:
                with contextlib.closing(segment.connect_read_only(path)) as connection:
                    (last,) = connection.execute("SELECT max(sequence) FROM events").fetchone()
            except sqlite3.DatabaseError as error:
                self._report_damage(path, str(error))
                last = self._last_salvaged(path, first)
            if last is not None:
                return int(last)
            if first > 1:
                return first - 1
        return 0

    def _last_salvaged(self, path: Path, first: int) -> int | None:
        found, after = None, first - 1
        with contextlib.suppress(segment.Unreadable):
            while True:
                records, after = segment.salvage_rows(path, after, after + _CATCH_UP_ROWS, _CATCH_UP_ROWS)
                if not records:
                    return found
                found = records[-1].sequence
        return found

    def _begin_segment(self) -> None:
        """Begin the segment that follows everything that was ever seen."""
        first = self._known_end + 1
        while True:
            path = segment.segment_path(self._directory, first)
            writer = self._open_sound(path) if path.exists() else segment.SegmentWriter(path)
            if writer is not None and writer.last() == 0:
                break
            if writer is not None:
                writer.close()
            first += 1  # a damaged file has this name: its numbers are spent
        self._writer = writer
        self._known_end = first - 1
        with self._changing:
            self._sizes[path] = segment.size_of(path)
            self._segments = [*(each for each in self._segments if each[1] != path), (first, path)]

    def _catch_up(self) -> None:
        """Bring the dedup index up to the end of the log."""
        assert self._dedup is not None
        try:
            self._read_in()
        except sqlite3.DatabaseError as error:
            self._logger.warning("deduplication index is damaged, it is made anew", error=str(error))
            self._dedup.rebuild()
            self._read_in()

    def _read_in(self) -> None:
        assert self._dedup is not None
        expired_s = self._clock() - self._options.dedup_window_s
        while self._dedup.mark < self._known_end:
            found = self._read_segments(self._dedup.mark, _CATCH_UP_ROWS, self._known_end)
            records = [record for record in found if isinstance(record, Record) and record.received_at_s >= expired_s]
            reached = max(
                (item.last if isinstance(item, Gap) else item.sequence for item in found), default=self._known_end
            )
            keys = {key_of(r.source, r.message_id): (r.sequence, r.received_at_s) for r in records}
            self._dedup.add(keys, {record.source for record in records}, reached, expired_s)

    # --- appending ---

    @property
    def id(self) -> str:
        return self._id

    async def append(self, entries: Sequence[Entry]) -> list[Appended]:
        if not entries:
            return []
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Appended]] = loop.create_future()
        self._queue.put(_Append(entries, loop, answer))
        return await answer

    def _write(self) -> None:
        """The writer thread: one commit after another, each for all that waits."""
        while True:
            first = self._queue.get()
            if first is None:
                return
            appends, count = [first], len(first.entries)
            is_last = False
            while count < MAX_COMMIT_ENTRIES:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    is_last = True
                    break
                appends.append(following)
                count += len(following.entries)
            self._commit(appends)
            if is_last:
                return

    def _commit(self, appends: Sequence[_Append]) -> None:
        try:
            answers, records = self._store([entry for append in appends for entry in append.entries])
        except Exception as error:
            failure = LogFull(str(error)) if isinstance(error, LogFull | sqlite3.Error | OSError) else error
            self._logger.error("events can't be stored, callers are told to come back", error=str(error))
            for append in appends:
                _tell(append.loop, _fail, append.answer, failure)
            return
        done = 0
        for append in appends:
            part = answers[done : done + len(append.entries)]
            done += len(append.entries)
            _tell(append.loop, _answer, append.answer, part)
        _tell(appends[0].loop, self._grow, records, self._known_end)

    def _store(self, entries: Sequence[Entry]) -> tuple[list[Appended], list[Record]]:
        """Store what is new in one transaction; the answers in order, and the new records."""
        assert self._dedup is not None
        if self._is_broken:
            self._recover()
        keys = [key_of(entry.source, entry.message_id) for entry in entries]
        places = self._find(keys)
        answers: list[Appended] = []
        new: list[tuple[Key, Entry]] = []
        sequence = self._known_end
        for key, entry in zip(keys, entries, strict=True):
            known = places.get(key)
            if known is None:
                sequence += 1
                places[key] = sequence
                new.append((key, entry))
            answers.append(Appended(PARTITION, known or sequence, is_duplicate=known is not None))
        if new:
            self._insert([entry for _, entry in new])
            self._known_end = sequence
            first = sequence - len(new) + 1
            self._index({key: (first + n, entry.received_at_s) for n, (key, entry) in enumerate(new)}, new)
        records = [
            Record(PARTITION, n, e.source, e.message_id, e.user_key, e.type, e.received_at_s, e.event)
            for n, (_, e) in enumerate(new, sequence - len(new) + 1)
        ]
        return answers, records

    def _find(self, keys: Sequence[Key]) -> dict[Key, int]:
        assert self._dedup is not None
        since_s = self._clock() - self._options.dedup_window_s
        found = self._dedup.find(keys, since_s)
        if self._unindexed:
            found |= {key: self._unindexed[key][0] for key in keys if key in self._unindexed}
        return found

    def _insert(self, entries: Sequence[Entry]) -> None:
        coming = sum(len(entry.event) + _ENTRY_OVERHEAD_BYTES for entry in entries)
        if self.size_bytes + coming > self._options.max_bytes:
            raise LogFull(f"the log has used the {self._options.max_bytes} bytes it may use (retention.max_disk)")
        writer = self._writer
        assert writer is not None
        if self._sizes[writer.path] >= self._options.segment_bytes and self._known_end >= self._segments[-1][0]:
            writer.finish()
            self._sizes[writer.path] = segment.size_of(writer.path)
            self._is_broken = True  # until the next one is open
            self._begin_segment()
            self._is_broken = False
            writer = self._writer
            assert writer is not None
        try:
            writer.insert(self._known_end + 1, entries)
        except sqlite3.Error:
            self._is_broken = True
            raise
        self._sizes[writer.path] = segment.size_of(writer.path)

    def _recover(self) -> None:
        """After a failed commit it is not known what is on disk: open again and look."""
        assert self._dedup is not None
        if self._writer is not None:
            with contextlib.suppress(sqlite3.Error):
                self._writer.close()
            self._writer = None
        end = self._known_end
        self._open_last_segment()
        self._catch_up()
        self._is_broken = False
        if self._known_end > end:
            self._logger.warning(
                "events of a commit that had failed are on disk after all", count=self._known_end - end
            )

    def _index(self, keys: dict[Key, tuple[int, float]], new: Sequence[tuple[Key, Entry]]) -> None:
        """Note new keys. If the index can't be written they are kept in memory and tried again with the next ones."""
        assert self._dedup is not None
        self._unindexed |= keys
        try:
            expired_s = self._clock() - self._options.dedup_window_s
            self._dedup.add(self._unindexed, {entry.source for _, entry in new}, self._known_end, expired_s)
            self._unindexed = {}
        except sqlite3.Error as error:
            self._logger.warning("deduplication index can't be written, it is tried again", error=str(error))

    def _grow(self, records: Sequence[Record], end: int) -> None:
        """On the event loop: let readers see what was committed."""
        self._tail.add(records)
        if end > self._end:
            self._end = end
            self._grown.set()
            self._grown = asyncio.Event()

    # --- reading ---

    def end(self, partition: int) -> int:
        return self._end

    def start(self, partition: int) -> int:
        return self._segments[0][0] if self._segments else self._end + 1

    async def wait(self, partition: int, after: int) -> None:
        while self._end <= after:
            await self._grown.wait()

    async def read(self, partition: int, after: int, limit: int = 500) -> list[Record | Gap]:
        if after >= self._end:
            return []
        recent = self._tail.read(after, limit)
        if recent:
            return list(recent)
        return await asyncio.to_thread(self._read_segments, after, limit, self._end)

    def _read_segments(self, after: int, limit: int, end: int) -> list[Record | Gap]:
        """Up to *limit* records above *after* from the files, gaps named; always something if there is anything."""
        segments = self._segments
        result: list[Record | Gap] = []
        if segments and after + 1 < segments[0][0]:
            result.append(Gap(PARTITION, after + 1, segments[0][0] - 1, "expired"))
            after = segments[0][0] - 1
        index = max(0, bisect.bisect_right([first for first, _ in segments], after + 1) - 1)
        while after < end and len(result) < limit and index < len(segments):
            last = segments[index + 1][0] - 1 if index + 1 < len(segments) else end
            if after < last:
                wanted = limit - len(result)
                records, reached = self._read_segment(segments[index][1], after, last, wanted)
                _fill(result, records, after, reached)
                after = reached
            if after >= last:
                index += 1
        return result

    def _read_segment(self, path: Path, after: int, last: int, limit: int) -> tuple[list[Record], int]:
        """What can be read of one segment, and up to which sequence that is all there is."""
        records: list[Record] = []
        try:
            read = list(segment.read_rows(path, after, last, limit))
            records = [record for record, is_right in read if is_right]
            if len(records) < len(read):
                self._report_damage(path, f"{len(read) - len(records)} rows with a wrong checksum")
            return records, read[-1][0].sequence if len(read) == limit else last
        except sqlite3.Error as error:
            self._report_damage(path, str(error))
        try:
            return segment.salvage_rows(path, after, last, limit)
        except segment.Unreadable:
            return [], last

    async def find(self, message_id: str) -> list[Record]:
        return await asyncio.to_thread(self._find_records, message_id)

    def _find_records(self, message_id: str) -> list[Record]:
        with contextlib.suppress(sqlite3.Error):
            places = places_of(self._directory / "dedup.sqlite", message_id)
            records = [record for place in places for record in self._read_segments(place - 1, 1, self._end)]
            found = [each for each in records if isinstance(each, Record) and each.message_id == message_id]
            if found:
                return found
        found = []
        for _, path in self._segments:  # older than the deduplication window, or never here
            with contextlib.suppress(sqlite3.Error):
                found += segment.find_rows(path, message_id)
        return found

    # --- space ---

    @property
    def size_bytes(self) -> int:
        """Bytes on disk of all segments."""
        return sum(list(self._sizes.values()))

    @property
    def max_bytes(self) -> int:
        return self._options.max_bytes

    def sequence_at_backlog(self, partition: int, max_bytes: int) -> int:
        """The last sequence that lies more than *max_bytes* back, to the segment; 0 when nothing does."""
        size = 0
        for first, path in reversed(self._segments):
            size += self._sizes.get(path, 0)
            if size > max_bytes:
                following = [other for other, _ in self._segments if other > first]
                return min(following) - 1 if following else 0
        return 0

    async def trim(self, needed_from: Mapping[int, int]) -> None:
        await asyncio.to_thread(self._trim, needed_from.get(PARTITION, self._end + 1))

    def _trim(self, needed_from: int) -> None:
        while len(self._segments) > 1:
            (_, path), (following, _) = self._segments[0], self._segments[1]
            if following > needed_from or not (self._is_old(path) or self.size_bytes > self._options.max_bytes * 0.9):
                return
            with self._changing:
                self._segments = [each for each in self._segments if each[1] != path]
                self._sizes.pop(path, None)
            for file in segment.files_of(path):
                file.unlink(missing_ok=True)
            segment.fsync_directory(self._directory)
            self._logger.info("segment given up", segment=path.name)

    def _is_old(self, path: Path) -> bool:
        newest = segment.newest_received_s(path)
        return newest is None or newest < self._clock() - self._options.retention_s

    async def close(self) -> None:
        """Store what waits, then close."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
        if self._writer is not None:
            self._writer.close()
        if self._dedup is not None:
            self._dedup.close()
        self._unlock()


def _fill(result: list[Record | Gap], records: Sequence[Record], after: int, reached: int) -> None:
    """Add *records* and, between them and up to *reached*, what is missing as gaps; neighbouring gaps become one."""
    expected = after + 1
    for record in records:
        if record.sequence > expected:
            _add_gap(result, expected, record.sequence - 1)
        result.append(record)
        expected = record.sequence + 1
    if expected <= reached:
        _add_gap(result, expected, reached)


def _add_gap(result: list[Record | Gap], first: int, last: int) -> None:
    before = result[-1] if result else None
    if isinstance(before, Gap) and before.reason == "damaged" and before.last == first - 1:
        result[-1] = Gap(PARTITION, before.first, last, "damaged")
    else:
        result.append(Gap(PARTITION, first, last, "damaged"))


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(call, *arguments)


def _answer(answer: asyncio.Future[list[Appended]], appended: list[Appended]) -> None:
    if not answer.done():
        answer.set_result(appended)


def _fail(answer: asyncio.Future[list[Appended]], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
