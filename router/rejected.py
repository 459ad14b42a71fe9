"""Rejected calls, kept for an operator to see: what came that is not an event, from whom, and why.

They have a bounded file of their own (`rejected.sqlite`): the newest `KEPT` calls, each cut. It is only for looking, so it is
written after the receipt and without fsync. Promise 6 rests on the receipt and the counters.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog

from router.errors import OperatorError
from router.log.connections import connect_to_read
from router.suppressed import NOBODY, Suppressed

KEPT = 10_000
SCHEMA_VERSION = 1
_MAX_WAITING = 1_000
"""The most calls on their way to the disk. Beyond it the newest are not kept, but they are in the receipt and the counters."""

_VALUE = re.compile(r'"((?:[^"\\]|\\.)*)"|([-+.\w]+)')
"""A text or a number in JSON, which may be cut."""

_SCHEMA = """
CREATE TABLE calls (
    id INTEGER PRIMARY KEY, received_at_s REAL NOT NULL, source TEXT NOT NULL, message_id TEXT, code TEXT NOT NULL,
    field TEXT NOT NULL, expected TEXT NOT NULL, found TEXT NOT NULL, call TEXT NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class RejectedCall:
    """One call that is not an event. ``call`` is its JSON, cut and without write keys; ``code`` is one of the published
    reasons."""

    received_at_s: float
    source: str
    message_id: str | None
    code: str
    field: str
    expected: str
    found: str
    call: str


class RejectedCalls:
    """The file of rejected calls. The daemon is its one writer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rejected calls")
        self._connection: sqlite3.Connection | None = None
        self._waiting = 0
        self._ids = _ids_of(NOBODY)
        self._logger = structlog.get_logger()

    def suppress(self, suppressed: Suppressed) -> None:
        """Keep no call from now on in which an id of *suppressed* stands."""
        self._ids = _ids_of(suppressed)

    def keep(self, calls: Sequence[RejectedCall]) -> None:
        """Note *calls* and return at once. Never raises: a full disk must not cost anybody a receipt."""
        if calls and self._waiting + len(calls) <= _MAX_WAITING:
            self._waiting += len(calls)
            written = asyncio.get_running_loop().run_in_executor(self._thread, self._write, calls)
            written.add_done_callback(lambda _: self._forget(len(calls)))

    def _forget(self, count: int) -> None:
        self._waiting -= count

    def _write(self, calls: Sequence[RejectedCall]) -> None:
        try:
            if self._connection is None:
                self._connection = _open(self._path)
            columns = [tuple(asdict(call).values()) for call in calls if not _has_any(call.call, self._ids)]
            with self._connection:
                self._connection.executemany(
                    "INSERT INTO calls (received_at_s, source, message_id, code, field, expected, found, call) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    columns,
                )
                self._connection.execute("DELETE FROM calls WHERE id <= (SELECT max(id) FROM calls) - ?", (KEPT,))
        except (sqlite3.Error, ValueError, OSError) as error:
            self._logger.warning("rejected calls can't be kept", error=str(error))

    async def erase(self, suppressed: Suppressed) -> int:
        """Erase the calls in which an id of *suppressed* stands. Returns how many."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._erase, suppressed)

    def _erase(self, suppressed: Suppressed) -> int:
        """Raises OperatorError if the file can't be used."""
        if self._connection is None and not self._path.exists():
            return 0
        try:
            if self._connection is None:
                self._connection = _open(self._path)
            ids = _ids_of(suppressed)
            theirs = [
                (id,) for id, call in self._connection.execute("SELECT id, call FROM calls") if _has_any(call, ids)
            ]
            with self._connection:
                self._connection.executemany("DELETE FROM calls WHERE id = ?", theirs)
            (is_busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if is_busy:
                raise sqlite3.OperationalError("somebody reads it, so what was erased still lies in it")
        except (sqlite3.Error, OSError) as error:
            raise OperatorError(f"{self._path}: can't be written ({error})") from error
        return len(theirs)

    async def close(self) -> None:
        """Write what waits, then close."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _ids_of(suppressed: Suppressed) -> frozenset[str]:
    """The ids of *suppressed* as JSON writes them, without the quotes: SDKs send numbers, too."""
    return frozenset(orjson.dumps(id).decode()[1:-1] for id in suppressed.user_ids | suppressed.anonymous_ids)


def _has_any(call: str, ids: frozenset[str]) -> bool:
    """Whether one of *ids* stands in the JSON *call*."""
    return bool(ids) and any((found[1] or found[2]) in ids for found in _VALUE.finditer(call))


def list_rejected(
    path: Path, *, limit: int = 50, source: str | None = None, code: str | None = None
) -> list[dict[str, Any]]:
    """The newest rejected calls, newest first, as JSON objects; from any process.

    Raises:
        OperatorError: the file can't be read.
    """
    if not path.exists():
        return []
    try:
        with closing(connect_to_read(path)) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute(
                "SELECT * FROM calls WHERE (?1 IS NULL OR source = ?1) AND (?2 IS NULL OR code = ?2) ORDER BY id DESC LIMIT ?3",
                (source, code, limit),
            ).fetchall()
    except sqlite3.Error as error:
        raise OperatorError(
            f"{path}: can't be read ({error}); it may be deleted, it holds nothing that is needed"
        ) from error
    return [dict(row) for row in rows]


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # it holds personal data
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON").fetchall()  # of whom an old call was, nobody can tell later
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        with connection:
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    elif version != SCHEMA_VERSION:
        connection.close()
        raise sqlite3.DatabaseError(f"has schema version {version}, this program knows {SCHEMA_VERSION}")
    return connection
