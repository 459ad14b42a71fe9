"""The deduplication index, `dedup.sqlite`: which messageId of which source lies where. Derived from the log.

    log commit (fsync) ──▶ answer ──▶ keys and mark, one transaction, not synced

The mark is the last sequence that is in the index. What a crash cost it is read from the log again, from the mark on; a file
that can't be used is thrown away and made from the whole log. So a key is never here before its event is in the log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import structlog

from router.log.connections import connect_to_read, is_passing, speakable
from router.log.row import dedup_key
from router.log.segment_file import remove_database

FILE_NAME = "dedup.sqlite"

_SCHEMA_VERSION = 1
_TABLES = (
    "CREATE TABLE keys (sequence INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, received_at_s REAL NOT NULL)",
    "CREATE TABLE sources (source TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE mark (id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, checksum BLOB NOT NULL)",
)
_PRUNED_AT_LEAST = 100
_FIND = "SELECT key, sequence, received_at_s FROM keys WHERE key IN"
_ASKED_TOGETHER = 500
"""Keys in one statement; older versions of SQLite take 999."""


class Broken(Exception):
    """The index is of no use: `DedupIndex.recreate` and read the log again."""


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
    """Used by one thread at a time. Every method may raise `Broken`, and sqlite3.Error where a later try may do better."""

    def __init__(self, path: Path, log_id: str) -> None:
        self._path = path
        self._log_id = log_id
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.mark = 0
        self._sources: set[str] = set()

    @classmethod
    def open(cls, path: Path, log_id: str) -> DedupIndex:
        """Open or make the index; one that can't be used is made anew and has the mark 0."""
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
            run(
                "PRAGMA synchronous = NORMAL"
            )  # no fsync a commit; but after a power cut the mark never has more than the keys
            run("PRAGMA cache_size = -16000")
            (version,) = run("PRAGMA user_version").fetchone()
            if version == 0:
                run("BEGIN IMMEDIATE")
                for statement in _TABLES:
                    run(statement)
                run("INSERT INTO mark VALUES (1, 0, ?)", (self._sealed(0),))
                run(f"PRAGMA user_version = {_SCHEMA_VERSION}")
                run("COMMIT")
            elif version != _SCHEMA_VERSION:
                raise Broken(f"schema version {version}")
            self.mark = _read_mark(self._connection, self._log_id)
            self._sources = {source for (source,) in run("SELECT source FROM sources")}
        except sqlite3.Error as error:
            self._judge(error)

    def _sealed(self, mark: int) -> bytes:
        return _checksum(mark, self._log_id)

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Place]:
        """Of those of *keys* that are known: where the newest event lies."""
        found: dict[bytes, Place] = {}
        for start in range(0, len(keys), _ASKED_TOGETHER):
            part = keys[start : start + _ASKED_TOGETHER]
            marks = ", ".join("?" * len(part))
            try:
                rows = self._connection.execute(f"{_FIND} ({marks})", part).fetchall()
            except sqlite3.Error as error:
                self._judge(error)
            for key, sequence, received_at_s in rows:
                if not isinstance(sequence, int) or not isinstance(received_at_s, float):
                    raise Broken("a key without a place")
                found[key] = Place(sequence, received_at_s)
        return found

    def add(self, keys: Sequence[Key], mark: int, expired_before_s: float) -> None:
        """Take *keys* in, move the mark, and drop a few of the oldest keys if they are expired; all or nothing."""
        run = self._connection.execute
        try:
            run("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT OR REPLACE INTO keys VALUES (?, ?, ?)", [(k.sequence, k.key, k.received_at_s) for k in keys]
            )
            sources = {key.source for key in keys} - self._sources
            self._connection.executemany("INSERT OR IGNORE INTO sources VALUES (?)", [(name,) for name in sources])
            self._prune(expired_before_s, _PRUNED_AT_LEAST + 2 * len(keys))
            run("UPDATE mark SET sequence = ?, checksum = ?", (mark, self._sealed(mark)))
            run("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                run("ROLLBACK")
            self._judge(error)
        self.mark = mark
        self._sources |= sources

    def _prune(self, expired_before_s: float, limit: int) -> None:
        oldest = self._connection.execute(
            "SELECT sequence, received_at_s FROM keys ORDER BY sequence LIMIT ?", (limit,)
        )
        last = None
        for sequence, received_at_s in oldest:
            if received_at_s >= expired_before_s:
                break
            last = sequence
        oldest.close()
        if last is not None:
            self._connection.execute("DELETE FROM keys WHERE sequence <= ?", (last,))

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
    """What an index says of a messageId. Events from ``first`` to ``last`` were looked up; others it does not know."""

    sequences: list[int]
    first: int
    last: int


def look_up(path: Path, log_id: str, message_id: str) -> Places:
    """The newest event of each source with *message_id*; from any thread, beside the index's owner."""
    try:
        with closing(connect_to_read(path)) as connection:
            connection.execute("BEGIN")  # one view of it all: its owner adds and prunes meanwhile
            mark = _read_mark(connection, log_id)
            (first,) = connection.execute("SELECT min(sequence) FROM keys").fetchone()
            sources = [source for (source,) in connection.execute("SELECT source FROM sources")]
            keys = [dedup_key(source, message_id) for source in sources]
            rows = [connection.execute("SELECT sequence FROM keys WHERE key = ?", (key,)).fetchone() for key in keys]
    except (sqlite3.Error, Broken):
        return Places([], 1, 0)
    if first is None:
        return Places([], 1, 0)
    return Places(sorted(row[0] for row in rows if row), first, mark)


def read_mark(path: Path, log_id: str) -> int:
    """The mark of the index at *path*, 0 where there is none to be had."""
    try:
        with closing(connect_to_read(path)) as connection:
            return _read_mark(connection, log_id)
    except (sqlite3.Error, Broken):
        return 0


def _read_mark(connection: sqlite3.Connection, log_id: str) -> int:
    row = connection.execute("SELECT sequence, checksum FROM mark").fetchone()
    if row is None or not isinstance(row[0], int) or row[1] != _checksum(row[0], log_id):
        raise Broken("the mark is damaged, or of another log")
    return row[0]


def _checksum(mark: int, log_id: str) -> bytes:
    return blake2b(f"{log_id} {mark}".encode(), digest_size=8).digest()
