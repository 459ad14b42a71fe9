"""All segments in order, and reading across them: events as records, missing ones as gaps.

A segment is read through SQLite as long as that works. If it does not, or if a row is missing or wrong, the segment is mended:
its sound rows are carved out into a copy, which is read from then on. What the copy lacks is lost, and is named as a gap.
"""

from __future__ import annotations

import sqlite3
import threading
from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from router.log import schema
from router.log.connections import Connections, is_passing
from router.log.durable_files import sync_directory
from router.log.mark import START_NAME, read_mark
from router.log.record import Gap, Record
from router.log.rescue import holes, last_row, rescue
from router.log.row import Row
from router.log.segment_file import SegmentFile, beside, find_segments

PARTITION = 0

_TRIES = 3
_LISTED = 20
_SELECT = f"SELECT {schema.COLUMNS} FROM events WHERE sequence BETWEEN ? AND ? ORDER BY sequence LIMIT ?"


class Unreadable(Exception):
    """The files can't be read now (no room, no file handles, no permission). Nothing is known to be lost; try again."""


class Moved(Exception):
    """The segment is no longer one of ours: look again."""


class Segments:
    """Any thread may read; `add` and `remove` are for one thread at a time."""

    def __init__(self, directory: Path, rescue_directory: Path, log_id: str) -> None:
        self.directory = directory
        self.rescue_directory = rescue_directory
        self.log_id = log_id
        self.files: tuple[SegmentFile, ...] = find_segments(directory, rescue_directory)
        self.start = 0
        """The first sequence that retention has not given up, if known. What is missing from there on is lost."""
        self.active: SegmentFile | None = None
        """The segment that is written to."""
        self.retire: Callable[[], None] = lambda: None
        """Called when the active segment is damaged. When it returns, nothing is written to that segment any more."""
        self.is_follower = False
        """Another process may write this log, so what is missing may have been given up rather than lost."""
        self.ask_writer: Callable[[int, bool], None] | None = None
        """Asks the writer to mend the segment with this first sequence; True means that its copy is damaged too. Without it, a
        follower makes copies of its own. They hold what was there at that moment, which is good enough for looking but not for
        delivering what comes later."""
        self.connections = Connections()
        self._mending = threading.Lock()
        self._logger = structlog.get_logger()

    @property
    def size_bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    def add(self, file: SegmentFile) -> None:
        self.files = (*self.files, file)

    def read_start(self) -> None:
        """Look up `start`. If it is not noted, what is missing before the first segment counts as given up."""
        noted = read_mark(self.directory, self.log_id, START_NAME)
        self.start = noted or (self.files[0].first if self.files else 0)

    def remove(self, file: SegmentFile) -> None:
        """Forget *file* and remove it from the disk.

        Raises:
            OSError: the disk does not let go of it. It is not forgotten either, and still takes room.
        """
        before = self.files
        self.files = tuple(other for other in before if other is not file)
        self.connections.drop(file.path)
        self.connections.drop(file.rescued)
        try:
            file.unlink()
        except OSError:
            self.files = before
            raise

    def replace(self, file: SegmentFile, draft: Path, mended: int) -> None:
        """Let *draft*, which is durable, take the place of what is read of *file*. *mended*: the value of `SegmentFile.mended`
        when it was read for the draft. What is to be replaced has nothing in its write-ahead log.

        Raises:
            Unreadable: it was mended meanwhile, or is gone. Read it again.
            OSError: a failing disk.
        """
        with self._mending:
            if file.mended != mended or file not in self.files:
                raise Unreadable(f"{file.current}: has changed meanwhile")
            current = file.current
            for suffix in ("-wal", "-shm"):
                beside(current, suffix).unlink(missing_ok=True)
            draft.replace(current)
            sync_directory(current.parent)
            self.connections.drop(current)
            file.measure()

    def refresh(self) -> None:
        """Look at the directory again. For processes that do not write it."""
        known = {file.first: file for file in self.files}
        found = find_segments(self.directory, self.rescue_directory)
        for file in found:
            if file.first in known:
                self._see_again(known[file.first], file)
        self.files = tuple(known.get(file.first, file) for file in found)
        for file in known.values():
            if file not in self.files:  # an open file takes room on the disk even without a name
                self.connections.drop(file.path)
                self.connections.drop(file.rescued)
        self.read_start()  # after the directory: the writer notes it before it removes a file

    def _see_again(self, known: SegmentFile, found: SegmentFile) -> None:
        """Take over what has become of a segment."""
        known.bytes = found.bytes
        if known.inodes != found.inodes:  # erasing puts another file in its place; connections lead to the old one
            known.inodes = found.inodes
            self.connections.drop(known.path)
            self.connections.drop(known.rescued)

    def last_of(self, file: SegmentFile) -> int | None:
        """The last sequence of *file*, known from where the next one begins; None for the last file."""
        following = [other.first for other in self.files if other.first > file.first]
        return min(following) - 1 if following else None

    def last_readable(self, file: SegmentFile) -> int:
        """The last sequence that *file* can give; the one before its first if it can give none."""
        if file.is_suspect and not file.mended:
            return file.first - 1
        row = last_row(file.current)
        return max(row.sequence, file.first - 1) if row else file.first - 1

    def newest_s(self, file: SegmentFile) -> float:
        """When the last event of *file*, to which nothing is added, was received; the file's own time if it can't say."""
        if file.newest_s is None:
            row = None if file.is_suspect and not file.mended else last_row(file.current)
            try:
                file.newest_s = row.received_at_s if row else file.path.stat().st_mtime
            except OSError:
                file.newest_s = 0.0
        return file.newest_s

    def read(self, after: int, limit: int, end: int, max_bytes: int) -> list[Record | Gap]:
        """Up to *limit* records above *after* and up to *end*, with the gaps between them: at least one record, and then no
        more than *max_bytes* of events.

        Raises:
            Unreadable: not now.
        """
        found: list[Record | Gap] = []
        following = after + 1
        while following <= end and limit > 0 and max_bytes > 0:
            files = self.files
            index = bisect_right(files, following, key=lambda file: file.first) - 1
            if index < 0:
                last = min(end, files[0].first - 1) if files else end
                following = _add_missing(found, following, last, self.start)
                continue
            last = min(end, files[index + 1].first - 1) if index + 1 < len(files) else end
            try:
                rows, last = self._rows(files[index], following, last, limit, max_bytes)
            except Moved:
                continue
            for row in rows:
                if row.sequence > following:
                    _add_gap(found, following, row.sequence - 1, "damaged")
                found.append(row.record())
                following = row.sequence + 1
            if following <= last:
                _add_gap(found, following, last, "damaged")
                following = last + 1
            limit -= len(rows)
            max_bytes -= sum(len(row.event) for row in rows)
        return found

    def _rows(self, file: SegmentFile, first: int, last: int, limit: int, max_bytes: int) -> tuple[list[Row], int]:
        """The sound rows from *first* on, and the sequence up to which no others exist."""
        for _ in range(_TRIES):
            mended = -1
            while mended != file.mended:  # once more if another reader has mended it meanwhile
                mended = file.mended
                if not file.is_suspect or mended:
                    try:
                        rows, reached, is_whole = self._select(file, first, last, limit, max_bytes)
                    except sqlite3.Error as error:
                        self.check_passing(file, error)
                    else:
                        if is_whole or (mended and file.mended == mended):
                            return rows, reached
                        self._check_still_ours(file)
            self.mend(file, mended)
        raise Unreadable(f"{file.current}: what was saved is damaged again and again")

    def _check_still_ours(self, file: SegmentFile) -> None:
        if self.is_follower:
            self.refresh()
        if file not in self.files:
            raise Moved

    def check_passing(self, file: SegmentFile, error: sqlite3.Error) -> None:
        """Return if *error*, met when reading *file*, means that it is damaged.

        Raises:
            Unreadable: it does not.
            Moved: the segment is no longer one of ours.
        """
        self._check_still_ours(file)
        if is_passing(error) and file.current.exists():
            raise Unreadable(f"{file.current}: {error}") from error

    def _select(
        self, file: SegmentFile, first: int, last: int, limit: int, max_bytes: int
    ) -> tuple[list[Row], int, bool]:
        """The sound rows, the sequence up to which no others exist, and whether that is all there should be."""
        rows: list[Row] = []
        reached, seen, is_whole = first - 1, 0, True
        with self.connections.borrow(file.current) as connection:
            cursor = connection.execute(_SELECT, (first, last, limit))
            for values in cursor:
                seen += 1
                row = Row(*values)
                if not row.is_sound() or not reached < row.sequence <= last:
                    is_whole = False
                    continue
                is_whole = is_whole and row.sequence == reached + 1
                reached = row.sequence
                rows.append(row)
                max_bytes -= len(row.event)
                if max_bytes <= 0:
                    break
            cursor.close()
        if seen < limit and max_bytes > 0:
            return rows, last, is_whole and reached == last
        return rows, max(reached, first), is_whole

    def search(self, message_id: str, first: int, last: int) -> list[int]:
        """Sequences from *first* to *last* of events that may have this messageId. Reads every row there: slow.

        Raises:
            Unreadable: not now.
        """
        found: list[int] = []
        for file in self.files:
            end = min(last, self.last_of(file) or last)
            if end < first or file.first > last:
                continue
            with suppress(Moved):
                found += self._search(file, message_id, first, end)
        return found

    def _search(self, file: SegmentFile, message_id: str, first: int, last: int) -> list[int]:
        query = "SELECT sequence FROM events WHERE message_id = ? AND sequence BETWEEN ? AND ?"
        for _ in range(_TRIES):
            mended = file.mended
            if not file.is_suspect or mended:
                try:
                    with self.connections.borrow(file.current) as connection:
                        return [row[0] for row in connection.execute(query, (message_id, first, last)).fetchall()]
                except sqlite3.Error as error:
                    self.check_passing(file, error)
            self.mend(file, mended)
        return []

    def mend(self, file: SegmentFile, seen: int | None = None) -> None:
        """Save what can be saved of a damaged segment. *seen*: the value of `SegmentFile.mended` when the damage was seen.

        Raises:
            Unreadable: there is no room for a copy, or the files can't be read now.
        """
        if self.ask_writer is not None:
            self._have_mended(file, self.ask_writer)
            return
        if file is self.active:
            self.retire()
        with self._mending:
            if seen is not None and file.mended != seen:
                return  # another reader was faster
            last = self.last_of(file)
            for path in (file.path, *file.copies):
                self.connections.drop(path)
            try:
                saved = rescue(file, self.log_id, last)
            except (sqlite3.Error, OSError) as error:
                raise Unreadable(f"{file.path}: damaged, and no copy of what is sound can be made ({error})") from error
            self.connections.drop(file.rescued)  # before others learn of it: these lead to the replaced copy
            file.mended += 1
            file.newest_s = None
            file.measure()
        if file.mended == 1:
            lost = holes(saved, file.first, last if last is not None else (saved[-1].stop - 1 if saved else 0))
            self._logger.error(
                "log segment is damaged; it is kept, and what is sound in it is read from a copy",
                segment=str(file.path),
                saved=sum(map(len, saved)),
                lost=lost[:_LISTED],
            )

    def _have_mended(self, file: SegmentFile, ask_writer: Callable[[int, bool], None]) -> None:
        """Have the writer mend it: only the writer can say what is lost, since it adds nothing more to that segment afterwards.
        If it made no copy, the file itself is sound and holds all that is left."""
        ask_writer(file.first, bool(file.mended))
        self.refresh()  # to know where the segment ends now
        for path in (file.path, *file.copies):
            self.connections.drop(path)
        file.mended += 1

    def close(self) -> None:
        self.connections.drop()


def _add_missing(found: list[Record | Gap], first: int, last: int, start: int) -> int:
    """Add the gaps before the first segment: given up before *start*, lost from there on. Returns the sequence that follows."""
    if first < start or not start:
        expired = min(last, start - 1) if start else last
        _add_gap(found, first, expired, "expired")
        first = expired + 1
    if first <= last:
        _add_gap(found, first, last, "damaged")
    return last + 1


def _add_gap(found: list[Record | Gap], first: int, last: int, reason: str) -> None:
    before = found[-1] if found else None
    if isinstance(before, Gap) and before.reason == reason:
        found[-1] = Gap(PARTITION, before.first, last, reason)
    else:
        found.append(Gap(PARTITION, first, last, reason))
