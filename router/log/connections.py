"""Read-only connections to databases, kept open for the next reader."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAX_IDLE = 8

_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
}
_BAD_SECTORS = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_DATA}


def is_passing(error: sqlite3.Error) -> bool:
    """Whether a later try may succeed. False means damage."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return False  # raised by Python itself, for a text that is not UTF-8
    primary = code & 0xFF
    return primary in _PASSING or (primary == sqlite3.SQLITE_IOERR and code not in _BAD_SECTORS)


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing in the database.

    Raises:
        sqlite3.Error: the file is missing or can't be opened.
    """
    return _open(path)[0]


def _open(path: Path) -> tuple[sqlite3.Connection, bool]:
    """A connection, and whether it will see what others write from now on. Raises as `connect_to_read` does."""
    had_log = _has_log(path)  # before: of the files that SQLite makes, it may get no further than an empty log
    try:
        return _connect(path, "mode=ro"), True
    except sqlite3.OperationalError:
        # A write-ahead database where SQLite may make no files, or has no room for them; safe while nothing is in its log.
        if had_log or not path.exists():
            raise
        return _connect(path, "mode=ro&immutable=1"), False


def _has_log(path: Path) -> bool:
    """Whether the database has a write-ahead log with something in it."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size > 0
    except OSError:
        return False


@contextmanager
def speakable() -> Iterator[None]:
    """Wrap looks at a database. SQLite quotes a damaged part of the schema, whose bytes Python may be unable to decode.

    Raises:
        sqlite3.DatabaseError: instead of Python's decoding error.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise sqlite3.DatabaseError("malformed database schema") from error


def _connect(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5)
    try:
        with speakable():
            connection.execute("PRAGMA cache_size = -512")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # reads the schema
    except BaseException:
        connection.close()
        raise
    return connection


class Connections:
    """A few idle connections, for any thread. A borrowed connection belongs to its borrower alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[Path, sqlite3.Connection]] = []
        self._drops = 0

    @contextmanager
    def borrow(self, path: Path) -> Iterator[sqlite3.Connection]:
        """A connection to *path*. Close its cursors before the block ends.

        Raises:
            sqlite3.Error: the file is missing or can't be opened.
        """
        drops = self._drops
        connection, sees_more = self._take(path), True
        if connection is None:
            connection, sees_more = _open(path)
        try:
            with speakable():
                yield connection
        except BaseException:
            connection.close()
            raise
        if not sees_more:
            connection.close()
            return
        with self._lock:
            self._idle.append((path, connection))
            # Close the newest if any were dropped meanwhile, since its file may have been replaced; else the oldest.
            index = -1 if drops != self._drops else 0
            surplus = self._idle.pop(index)[1] if index or len(self._idle) > MAX_IDLE else None
        if surplus is not None:
            surplus.close()

    def _take(self, path: Path) -> sqlite3.Connection | None:
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index][0] == path:
                    return self._idle.pop(index)[1]
        return None

    def drop(self, path: Path | None = None) -> None:
        """Close the connections to *path*, or all of them; borrowed ones when they come back."""
        with self._lock:
            self._drops += 1
            dropped = [each for each in self._idle if path in (None, each[0])]
            self._idle = [each for each in self._idle if path not in (None, each[0])]
        for _, connection in dropped:
            connection.close()
