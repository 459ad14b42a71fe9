"""The deduplication index: which messageId of which source lies where. Derived from the log, so it may be lost at any time.

It is written after the log's commit and without fsync, its high-water mark in the same transaction: what is missing above
the mark is read from the log at the next start. A key is therefore never here without its event, and a file that is damaged
is thrown away and made anew.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import structlog

Key = bytes

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE keys (key BLOB PRIMARY KEY, sequence INTEGER NOT NULL, received_at_s REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE mark (sequence INTEGER NOT NULL);
INSERT INTO mark VALUES (0);
"""
_SLICES = 4_096
"""The key space is pruned a slice at a time, so that pruning never takes long."""
_ASKED_AT_ONCE = 500


def key_of(source: str, message_id: str) -> Key:
    """16 bytes that stand for a messageId of one source."""
    text = f"{len(source)}:{source}{message_id}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def places_of(path: Path, message_id: str) -> list[int]:
    """The sequences under which any source has sent *message_id*, by the index at *path*; from any thread.

    Raises:
        sqlite3.Error: the index is damaged or missing.
    """
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        sources = [name for (name,) in connection.execute("SELECT name FROM sources")]
        keys = [key_of(source, message_id) for source in sources]
        rows = (connection.execute("SELECT sequence FROM keys WHERE key = ?", (key,)).fetchone() for key in keys)
        return sorted(row[0] for row in rows if row)


class DedupIndex:
    """Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._slice = 0
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            structlog.get_logger().warning("deduplication index is damaged, it is made anew", error=str(error))
            self.rebuild()

    def _open(self) -> None:
        self._connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, _SCHEMA_VERSION):
            raise sqlite3.DatabaseError(f"schema version {version}")
        if version == 0:
            self._connection.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {_SCHEMA_VERSION};COMMIT;")
        self.mark = int(self._connection.execute("SELECT sequence FROM mark").fetchone()[0])
        self._sources = {name for (name,) in self._connection.execute("SELECT name FROM sources")}

    def rebuild(self) -> None:
        """Throw everything away; the mark is 0 again, and the log has to be read in."""
        with contextlib.suppress(AttributeError, sqlite3.Error):
            self._connection.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self._open()

    def find(self, keys: Sequence[Key], since_s: float) -> dict[Key, int]:
        """The sequences of those *keys* that came in at or after *since_s* (Unix seconds)."""
        found: dict[Key, int] = {}
        for start in range(0, len(keys), _ASKED_AT_ONCE):
            asked = keys[start : start + _ASKED_AT_ONCE]
            marks = ",".join("?" * len(asked))
            rows = self._connection.execute(
                f"SELECT key, sequence FROM keys WHERE key IN ({marks}) AND received_at_s >= ?", (*asked, since_s)
            )
            found.update((bytes(key), sequence) for key, sequence in rows)
        return found

    def add(self, keys: Mapping[Key, tuple[int, float]], sources: Iterable[str], mark: int, expired_s: float) -> None:
        """Note keys with their sequence and time of receipt, move the mark, prune a slice of what is older than *expired_s*.

        Raises:
            sqlite3.Error: nothing was written.
        """
        new_sources = set(sources) - self._sources
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(
                "INSERT OR REPLACE INTO keys VALUES (?, ?, ?)", [(key, *place) for key, place in keys.items()]
            )
            self._connection.executemany("INSERT OR IGNORE INTO sources VALUES (?)", [(name,) for name in new_sources])
            self._connection.execute("UPDATE mark SET sequence = ?", (mark,))
            self._prune(expired_s)
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise
        self._sources |= new_sources
        self.mark = mark

    def _prune(self, expired_s: float) -> None:
        first = (self._slice * (0x1_0000 // _SLICES)).to_bytes(2, "big")
        last = ((self._slice + 1) * (0x1_0000 // _SLICES) - 1).to_bytes(2, "big") + b"\xff" * 14
        self._connection.execute(
            "DELETE FROM keys WHERE key BETWEEN ? AND ? AND received_at_s < ?", (first, last, expired_s)
        )
        self._slice = (self._slice + 1) % _SLICES

    def count(self) -> int:
        """How many keys it holds; for tests."""
        return int(self._connection.execute("SELECT count(*) FROM keys").fetchone()[0])

    def close(self) -> None:
        self._connection.close()
