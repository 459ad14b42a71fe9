"""The schema of a segment: its tables, their versions, and how an older file becomes a current one."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from router.errors import OperatorError
from router.log.row import Row

PAGE_BYTES: Final = 4096
SCHEMA_VERSION = 1

TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE events (sequence INTEGER PRIMARY KEY, source TEXT NOT NULL, message_id TEXT NOT NULL, "
    "user_key TEXT NOT NULL, user_id TEXT, anonymous_id TEXT, email TEXT, type TEXT NOT NULL, "
    "received_at_s REAL NOT NULL, event BLOB NOT NULL, checksum BLOB NOT NULL)",
)
"""The carver (`router.log.carve`) reads the columns by their order, so add new ones at the end."""

MIGRATIONS: Mapping[int, Sequence[str]] = {}
"""By version: the statements that turn it into the next one. They run in one transaction per file."""

COLUMNS: Final = ", ".join(Row._fields)
INSERT: Final = f"INSERT INTO events ({COLUMNS}) VALUES ({', '.join('?' * len(Row._fields))})"

PASSING_ERRNOS: Final = {errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
"""Errors on opening a file that say nothing about the file itself. After any other error it is lost or damaged."""

_MAGIC = b"SQLite format 3\0"


def create(path: Path, first: int, log_id: str) -> sqlite3.Connection:
    """Make a new segment file, without a write-ahead log so that it can be renamed. The caller closes the connection."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN")
    for statement in TABLES:
        connection.execute(statement)
    meta = {"log_id": log_id, "first": str(first), "schema": str(SCHEMA_VERSION)}
    connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")
    return connection


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes of a segment say. Source: https://sqlite.org/fileformat2.html section 1.3."""

    is_sane: bool
    version: int


def read_header(path: Path) -> Header:
    """Read the header without SQLite, which would delete the write-ahead log of a database that was emptied.

    Call it only while this process has no connection to the file: closing a file drops SQLite's locks on it.

    Raises:
        OSError: it can't be read now (no permission, no file handles), so nothing is known about it.
    """
    try:
        with path.open("rb") as file:
            head = file.read(100)
            size = file.seek(0, os.SEEK_END)
    except OSError as error:
        if error.errno in PASSING_ERRNOS:
            raise
        return Header(False, 0)
    is_sane = (
        len(head) == 100
        and head.startswith(_MAGIC)
        and int.from_bytes(head[16:18], "big") == PAGE_BYTES
        and head[20] == 0
        and size >= PAGE_BYTES
    )
    return Header(is_sane, int.from_bytes(head[60:64], "big"))


def check_version(path: Path, version: int, connection: sqlite3.Connection) -> bool:
    """True for the current version; False if the number itself must be damaged.

    Raises:
        OperatorError: a newer program wrote the file.
    """
    if version == SCHEMA_VERSION:
        return True
    if version > SCHEMA_VERSION and not _is_bit_flip(connection, version):
        raise OperatorError(
            f"{path}: has schema version {version}, this program knows {SCHEMA_VERSION}. Run the newer program, or restore the "
            "log from a backup that this one wrote."
        )
    return False


def _is_bit_flip(connection: sqlite3.Connection, version: int) -> bool:
    """Whether only one bit is wrong and the file's own table says that it is of the current version."""
    if (version ^ SCHEMA_VERSION).bit_count() != 1:
        return False
    return read_meta(connection, "schema") == str(SCHEMA_VERSION)


def read_meta(connection: sqlite3.Connection, key: str) -> str | None:
    """A value from the table ``meta``; None if it is missing or can't be read."""
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    except sqlite3.Error:
        return None
    return str(row[0]) if row else None


def migrate(path: Path) -> None:
    """Bring an older segment to the current version. A kill on the way leaves the old one.

    Raises:
        sqlite3.Error: the file is damaged, or there is no room.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        while version in MIGRATIONS and version < SCHEMA_VERSION:
            for statement in MIGRATIONS[version]:
                connection.execute(statement)
            version += 1
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('schema', ?)", (str(version),))
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    finally:
        connection.close()
