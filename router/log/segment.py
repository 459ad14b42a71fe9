"""One segment: a SQLite file that holds a run of the log.

    CREATE TABLE events (sequence, source, message_id, the user's keys, type, received_at_s, event, checksum)

Only the last segment is written to; a full one is closed for good, so that damage stays within one file and retention
unlinks files. The user's keys are columns, so that a person can be found and erased.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from router.errors import OperatorError
from router.log.record import Entry, Record

SCHEMA_VERSION = 1

_NAME = re.compile(r"segment-(\d{20})\.sqlite")
_COLUMNS = "sequence, source, message_id, user_key, user_id, anonymous_id, email, type, received_at_s, event"
_SCHEMA = """
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY, source TEXT NOT NULL, message_id TEXT NOT NULL, user_key TEXT NOT NULL,
    user_id TEXT, anonymous_id TEXT, email TEXT, type TEXT NOT NULL, received_at_s REAL NOT NULL, event BLOB NOT NULL,
    checksum INTEGER NOT NULL)
"""

Row = tuple[int, str, str, str, str | None, str | None, str | None, str, float, bytes]


class Unreadable(Exception):
    """The file is damaged beyond what SQLite can open."""


def segment_path(directory: Path, first: int) -> Path:
    """Where the segment lies that begins with the sequence *first*."""
    return directory / f"segment-{first:020d}.sqlite"


def find_segments(directory: Path) -> list[tuple[int, Path]]:
    """The segments in *directory* with their first sequences, oldest first."""
    found = ((_NAME.fullmatch(path.name), path) for path in directory.iterdir())
    return sorted((int(match[1]), path) for match, path in found if match)


def files_of(path: Path) -> list[Path]:
    """A segment's file and those that SQLite keeps beside it."""
    return [path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")]


def size_of(path: Path) -> int:
    """Bytes on disk of a segment, its WAL included."""
    size = 0
    for file in files_of(path)[:2]:
        with contextlib.suppress(FileNotFoundError):
            size += file.stat().st_size
    return size


def checksum(row: Row) -> int:
    """CRC-32 over every column, with their lengths, so that no two rows that differ in where a text ends are alike."""
    *keys, event = row
    text = "\0".join(f"{len(str(key))}:{key}" if key is not None else "-" for key in keys)
    return zlib.crc32(event, zlib.crc32(text.encode("utf-8", "surrogatepass")))


class SegmentWriter:
    """The one connection that writes to a segment; used by one thread."""

    def __init__(self, path: Path) -> None:
        """Open or make the file at *path*.

        Raises:
            OperatorError: a newer program wrote it.
            sqlite3.Error: it is damaged, or the disk is full.
        """
        self.path = path
        is_new = not path.exists()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            check_version(self._connection, path)
            if is_new or not self._has_table():
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.execute(_SCHEMA)
                self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                self._connection.execute("COMMIT")
                fsync_directory(path.parent)
        except BaseException:
            self._connection.close()
            raise

    def _has_table(self) -> bool:
        return bool(self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone())

    def insert(self, first: int, entries: Sequence[Entry]) -> None:
        """Store *entries* under the sequences from *first* on, durably: all or none.

        Raises:
            sqlite3.Error: nothing was stored, or (a failing disk) it is not known; open the segment again to see.
        """
        rows = []
        for sequence, entry in enumerate(entries, first):
            row: Row = (
                sequence,
                entry.source,
                entry.message_id,
                entry.user_key,
                entry.user_id,
                entry.anonymous_id,
                entry.email,
                entry.type,
                entry.received_at_s,
                entry.event,
            )
            rows.append((*row, checksum(row)))
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(
                f"INSERT INTO events ({_COLUMNS}, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
            self.commit()
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    def commit(self) -> None:
        """The fsync. Apart, so that tests can count, slow and break it."""
        self._connection.execute("COMMIT")

    def last(self) -> int:
        """The last sequence in it, 0 if it is empty."""
        (last,) = self._connection.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()
        return int(last)

    def is_sound(self) -> bool:
        """False if SQLite finds the file's structure damaged."""
        return bool(self._connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))

    def finish(self) -> None:
        """Close for good: fold the WAL into the file, so that it is one plain file from now on."""
        with contextlib.suppress(sqlite3.Error):  # a reader may hold it; then it stays a file with a WAL
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute("PRAGMA journal_mode = DELETE")
        self.close()

    def close(self) -> None:
        self._connection.close()


def read_rows(path: Path, after: int, last: int, limit: int) -> Iterator[tuple[Record, bool]]:
    """Records above *after*, up to *last*, at most *limit*, each with whether its checksum is right; from any thread.

    Raises:
        sqlite3.Error: the file is damaged here.
    """
    with contextlib.closing(connect_read_only(path)) as connection:
        rows = connection.execute(
            f"SELECT {_COLUMNS}, checksum FROM events WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?",
            (after, last, limit),
        )
        for *columns, found in rows:
            yield _to_record(tuple(columns)), _is_right(tuple(columns), found)


def salvage_rows(path: Path, after: int, last: int, limit: int) -> tuple[list[Record], int]:
    """What can still be read of a damaged segment, row by row, and how far the look went (a sequence).

    Raises:
        Unreadable: not even the first page can be read: nothing in this file can be.
    """
    try:
        connection = connect_read_only(path)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise Unreadable(f"{path}: {error}") from error
    records: list[Record] = []
    reached = min(last, after + limit)
    with contextlib.closing(connection):
        for sequence in range(after + 1, reached + 1):
            try:
                row = connection.execute(
                    f"SELECT {_COLUMNS}, checksum FROM events WHERE sequence = ?", (sequence,)
                ).fetchone()
                if row is not None and row[0] == sequence and _is_right(row[:-1], row[-1]):
                    records.append(_to_record(row[:-1]))
            except (sqlite3.Error, ValueError, TypeError):
                continue
    return records, reached


def newest_received_s(path: Path) -> float | None:
    """When the last event of a segment was received; None for one that is empty or damaged."""
    try:
        with contextlib.closing(connect_read_only(path)) as connection:
            row = connection.execute("SELECT received_at_s FROM events ORDER BY sequence DESC LIMIT 1").fetchone()
    except sqlite3.Error:
        return None
    return float(row[0]) if row and isinstance(row[0], int | float) else None


def find_rows(path: Path, message_id: str) -> list[Record]:
    """Every record with this messageId in the segment; reads all of it.

    Raises:
        sqlite3.Error: the file is damaged.
    """
    with contextlib.closing(connect_read_only(path)) as connection:
        rows = connection.execute(
            f"SELECT {_COLUMNS}, checksum FROM events WHERE message_id = ? ORDER BY sequence", (message_id,)
        )
        return [_to_record(tuple(columns)) for *columns, found in rows if _is_right(tuple(columns), found)]


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing.

    Raises:
        sqlite3.Error: the file is gone or damaged.
    """
    if not path.exists():
        raise sqlite3.OperationalError("the file is gone")
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _is_right(row: tuple[object, ...], found: object) -> bool:
    try:
        return checksum(row) == found  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _to_record(row: tuple[object, ...]) -> Record:
    sequence, source, message_id, user_key, _, _, _, kind, received_at_s, event = row
    return Record(0, sequence, source, message_id, user_key, kind, received_at_s, event)  # type: ignore[arg-type]


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file of a newer program.

    Raises:
        OperatorError: the file's schema version is newer than this program's.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise OperatorError(
            f"{path}: has schema version {version}, this program knows {SCHEMA_VERSION}. Run the newer program."
        )


def fsync_directory(directory: Path) -> None:
    """Make the names of files in *directory* durable."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
