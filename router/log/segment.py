"""The segment that is being written: the only file of the log that changes.

`create` makes the file under another name and renames it, so that a segment is complete from its first moment. `append` is one
durable transaction. `seal` folds the write-ahead log in and leaves one plain file that never changes again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from router.log import schema
from router.log.durable_files import sync_directory
from router.log.pulse import Pulse
from router.log.row import Row
from router.log.segment_file import SegmentFile, beside, remove_database

_MAX_CHECKPOINT_PAGES = 1000


class Segment:
    """For one thread at a time."""

    def __init__(self, file: SegmentFile, connection: sqlite3.Connection, pulse: Pulse) -> None:
        self.file = file
        self._connection = connection
        self._pulse = pulse
        self._path, self._wal = str(file.path), str(file.wal)  # made once: they are needed after every commit
        self._inode = os.stat(self._path).st_ino

    @classmethod
    def create(cls, file: SegmentFile, log_id: str, segment_bytes: int, pulse: Pulse) -> Segment:
        """Make the file and open it.

        Raises:
            sqlite3.Error, OSError: no room, or a failing disk. No file has the segment's name.
        """
        draft = beside(file.path, ".new")
        remove_database(draft)
        try:
            schema.create(draft, file.first, log_id).close()
            remove_database(file.path)  # left by a failed try: no event in it was ever acknowledged
            draft.rename(file.path)
            sync_directory(file.directory)
        except BaseException:
            remove_database(draft)
            raise
        return cls.open(file, segment_bytes, pulse)

    @classmethod
    def open(cls, file: SegmentFile, segment_bytes: int, pulse: Pulse) -> Segment:
        """Open the last segment to go on with it.

        Raises:
            sqlite3.Error: it is damaged, or there is no room for SQLite's own files.
        """
        pages = max(8, min(_MAX_CHECKPOINT_PAGES, segment_bytes // 4 // schema.PAGE_BYTES))
        connection = sqlite3.connect(file.path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            for setting in (
                "journal_mode = WAL",
                "synchronous = FULL",
                "fullfsync = ON",  # macOS: makes an fsync reach the disk; no effect elsewhere
                "cache_spill = OFF",  # no frame of a transaction is written before its commit
                f"wal_autocheckpoint = {pages}",
                f"journal_size_limit = {pages * schema.PAGE_BYTES * 2}",
            ):
                connection.execute(f"PRAGMA {setting}").fetchall()
        except BaseException:
            connection.close()
            raise
        file.measure()
        try:
            return cls(file, connection, pulse)
        except OSError:
            connection.close()
            raise

    def append(self, rows: Sequence[Row]) -> None:
        """Store *rows*. On return they are on disk; after an error none of them is promised to be.

        Raises:
            sqlite3.Error: no room, or a failing disk.
            OSError: the files were removed, or others put in their place.
        """
        with self._transaction():
            self._connection.executemany(schema.INSERT, map(tuple, rows))  # a fifth faster with plain tuples
        self.file.measure()
        self._check_place()

    def _check_place(self) -> None:
        """Raise OSError if the files were removed or replaced. SQLite would go on writing to a file without a name, and all of
        it would be gone with the process."""
        try:
            is_there = os.stat(self._path).st_ino == self._inode and os.stat(self._wal).st_size > 0
        except FileNotFoundError:
            is_there = False
        if not is_there:
            raise OSError(f"{self._path}: was removed or replaced while the router runs")

    def touch(self) -> None:
        """Write something meaningless durably, to see whether that works and how long it takes.

        Raises:
            sqlite3.Error: no room, or a failing disk.
        """
        with self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('touched', 'yes')")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        try:
            yield
            with self._pulse.write():
                self.commit()
        except BaseException:
            if self._connection.in_transaction:
                run("ROLLBACK")
            raise

    def commit(self) -> None:
        """The commit, which does the fsync. A method of its own so that tests can count, slow and break it."""
        self._connection.execute("COMMIT")

    def seal(self) -> None:
        """Close the segment for good."""
        with suppress(sqlite3.Error):  # if somebody is reading it, the next start does this
            self._connection.execute("PRAGMA busy_timeout = 0").fetchall()
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        self.close()

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()
        self.file.measure()
