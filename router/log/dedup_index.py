"""The deduplication index, `dedup.sqlite`: which messageId of which source lies where. Derived from the log.

    log commit (fsync) ──▶ answer ──▶ keys and mark, one transaction, not synced

The mark is the last sequence in the index. After a crash, the log is read again from the mark on; an unusable file is thrown
away and made anew from the whole log. So a key is never here before its event is in the log.

The index is one tree in the order of its keys, which are digests: to look up or write a key touches one page. The tree has no
order in time. So each addition also checks some more keys than it adds for expired ones, starting where the last addition
ended, round and round.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from router.log.connections import connect_to_read, is_passing, speakable
from router.log.dedup_key import dedup_key
from router.log.segment_file import remove_database

INDEX_NAME = "dedup.sqlite"

_SCHEMA_VERSION = 2
_TABLES = (
    "CREATE TABLE keys (start INTEGER PRIMARY KEY, rest INTEGER NOT NULL, sequence INTEGER NOT NULL, "
    "received_at_s REAL NOT NULL)",
    "CREATE TABLE sources (source TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE mark (id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, first INTEGER NOT NULL, "
    "swept INTEGER NOT NULL, checksum BLOB NOT NULL)",
)
_PARTS: Final = struct.Struct(">qi4x")
"""The start of a key serves as its row's number, which is SQLite's fastest key; the rest is compared. Of two keys with the same
start only the newer is kept, so a repeat of the other would pass: with a hundred million keys, one new event in 10^11."""
_BEFORE_ALL: Final = -(2**63)
_SWEPT_AT_LEAST = 1_000
_SWEPT_FOR_EACH = 4
"""Keys checked for each one added, so that there is never more than one expired key for three others."""
_FIND = "SELECT start, rest, sequence, received_at_s FROM keys WHERE start IN"
_ASKED_TOGETHER = 500
"""Keys in one statement. Older versions of SQLite take 999."""


class Broken(Exception):
    """The index is unusable: call `DedupIndex.recreate` and read the log again."""


class Key(NamedTuple):
    """One event as the index knows it."""

    sequence: int
    key: bytes
    received_at_s: float
    source: str


class Place(NamedTuple):
    """Where an event lies, and when it was received (Unix seconds)."""

    sequence: int
    received_at_s: float


class DedupIndex:
    """For one thread at a time. Every method may raise `Broken`, and sqlite3.Error if a later try may succeed."""

    def __init__(self, path: Path, log_id: str) -> None:
        self._log_id = log_id
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.mark = 0
        self._first = 1
        """Everything from this sequence to the mark is in the index."""
        self._swept = _BEFORE_ALL
        self._sources: set[str] = set()

    @classmethod
    def open(cls, path: Path, log_id: str) -> DedupIndex:
        """Open the index, or make it. An unusable one is made anew and has the mark 0."""
        index = cls(path, log_id)
        try:
            index._open()
        except Broken as error:
            index.close()
            structlog.get_logger().warning("the deduplication index is made anew", reason=str(error))
            return cls.recreate(path, log_id)
        except BaseException:
            index.close()
            raise
        return index

    @classmethod
    def recreate(cls, path: Path, log_id: str) -> DedupIndex:
        remove_database(path)
        index = cls(path, log_id)
        try:
            index._open()
        except BaseException:
            index.close()
            raise
        return index

    def _open(self) -> None:
        try:
            with speakable():
                self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # reads the schema
            run = self._connection.execute
            run("PRAGMA journal_mode = WAL").fetchall()
            # No fsync a commit; but after a power cut the mark never has more than the keys.
            run("PRAGMA synchronous = NORMAL")
            run("PRAGMA cache_size = -16000")
            (version,) = run("PRAGMA user_version").fetchone()
            if version == 0:
                run("BEGIN IMMEDIATE")
                for statement in _TABLES:
                    run(statement)
                run("INSERT INTO mark VALUES (1, 0, 1, ?, ?)", (_BEFORE_ALL, _checksum(0, 1, self._log_id)))
                run(f"PRAGMA user_version = {_SCHEMA_VERSION}")
                run("COMMIT")
            elif version != _SCHEMA_VERSION:
                raise Broken(f"schema version {version}")
            self.mark, self._first, self._swept = _read_mark(self._connection, self._log_id)
            self._sources = {source for (source,) in run("SELECT source FROM sources")}
        except sqlite3.Error as error:
            self._judge(error)

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Place]:
        """Where the newest event of each known key lies."""
        found: dict[bytes, Place] = {}
        for start in range(0, len(keys), _ASKED_TOGETHER):
            part = keys[start : start + _ASKED_TOGETHER]
            starts = [_PARTS.unpack(key)[0] for key in part]
            marks = ", ".join("?" * len(part))
            try:
                rows = self._connection.execute(f"{_FIND} ({marks})", starts).fetchall()
            except sqlite3.Error as error:
                self._judge(error)
            if not rows:
                continue  # the usual case
            places = {(start, rest): Place(sequence, received_at_s) for start, rest, sequence, received_at_s in rows}
            for key in part:
                place = places.get(_PARTS.unpack(key))
                if place is None:
                    continue
                if not isinstance(place.sequence, int) or not isinstance(place.received_at_s, float):
                    raise Broken("a key without a place")
                found[key] = place
        return found

    def skip(self, to: int) -> None:
        """Nothing up to *to* need be known: the next addition begins after it."""
        self._first = max(self._first, to + 1)

    def add(self, keys: Sequence[Key], mark: int, expired_before_s: float) -> None:
        """Add *keys*, which are everything up to *mark*, and drop a few expired keys; all or nothing."""
        run = self._connection.execute
        rows = [(*_PARTS.unpack(key.key), key.sequence, key.received_at_s) for key in keys]
        rows.sort()  # in the order of the tree; of two with the same key the newer one last
        try:
            run("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?)", rows)
            sources = {key.source for key in keys} - self._sources
            self._connection.executemany("INSERT OR IGNORE INTO sources VALUES (?)", [(name,) for name in sources])
            first, swept = self._sweep(mark, expired_before_s, _SWEPT_AT_LEAST + _SWEPT_FOR_EACH * len(keys))
            run(
                "UPDATE mark SET sequence = ?, first = ?, swept = ?, checksum = ?",
                (mark, first, swept, _checksum(mark, first, self._log_id)),
            )
            run("COMMIT")
        except (sqlite3.Error, Broken) as error:
            with suppress(sqlite3.Error):
                run("ROLLBACK")
            if isinstance(error, Broken):
                raise
            self._judge(error)
        self.mark, self._first, self._swept = mark, first, swept
        self._sources |= sources

    def _sweep(self, mark: int, expired_before_s: float, limit: int) -> tuple[int, int]:
        """Drop the expired ones of the next *limit* keys. Returns from which sequence on the index is complete, and the last
        key checked."""
        last, newest = self._connection.execute(
            "SELECT max(start), max(CASE WHEN received_at_s < ? THEN sequence END) "
            "FROM (SELECT start, sequence, received_at_s FROM keys WHERE start > ? ORDER BY start LIMIT ?)",
            (expired_before_s, self._swept, limit),
        ).fetchone()
        if last is None:
            return self._first, _BEFORE_ALL
        if newest is None:
            return self._first, last
        if not isinstance(newest, int) or newest > mark:
            raise Broken("a key without a place")
        self._connection.execute(
            "DELETE FROM keys WHERE start > ? AND start <= ? AND received_at_s < ?",
            (self._swept, last, expired_before_s),
        )
        return max(self._first, newest + 1), last

    def _judge(self, error: sqlite3.Error) -> None:
        if is_passing(error):
            raise error
        raise Broken(str(error)) from error

    def __len__(self) -> int:
        (count,) = self._connection.execute("SELECT count(*) FROM keys").fetchone()
        return int(count)

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()


class Places(NamedTuple):
    """What an index knows of a messageId. It covers the events from ``first`` to ``last`` and no others."""

    sequences: list[int]
    first: int
    last: int


def look_up(path: Path, log_id: str, message_id: str) -> Places:
    """The newest event with *message_id* of each source. From any thread, beside the index's owner."""
    try:
        with closing(connect_to_read(path)) as connection:
            connection.execute("BEGIN")  # one consistent view: the owner adds and prunes meanwhile
            mark, first, _ = _read_mark(connection, log_id)
            sources = [source for (source,) in connection.execute("SELECT source FROM sources")]
            keys = [_PARTS.unpack(dedup_key(source, message_id)) for source in sources]
            ask = "SELECT sequence FROM keys WHERE start = ? AND rest = ?"
            rows = [connection.execute(ask, key).fetchone() for key in keys]
    except (sqlite3.Error, Broken):
        return Places([], 1, 0)
    return Places(sorted(row[0] for row in rows if row), first, mark)


def read_index_mark(path: Path, log_id: str) -> int:
    """The mark of the index at *path*; 0 if it can't be read."""
    try:
        with closing(connect_to_read(path)) as connection:
            return _read_mark(connection, log_id)[0]
    except (sqlite3.Error, Broken):
        return 0


def _read_mark(connection: sqlite3.Connection, log_id: str) -> tuple[int, int, int]:
    """The mark, the sequence from which on the index is complete, and the key up to which it was swept."""
    row = connection.execute("SELECT sequence, first, swept, checksum FROM mark").fetchone()
    if row is None or not all(isinstance(number, int) for number in row[:3]):
        raise Broken("there is no mark")
    mark, first, swept, checksum = row
    if checksum != _checksum(mark, first, log_id):
        raise Broken("the mark is damaged, or of another log")
    return mark, first, swept


def _checksum(mark: int, first: int, log_id: str) -> bytes:
    return blake2b(f"{log_id} {mark} {first}".encode(), digest_size=8).digest()
