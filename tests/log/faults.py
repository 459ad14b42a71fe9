"""A disk that fails when the test says so, put between the log and SQLite."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

WRITING = (
    "BEGIN",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "COMMIT",
    "PRAGMA journal_mode",
    "PRAGMA user_version",
    "PRAGMA wal",
)
"""How the statements begin that may need room on the disk."""

Matches = Callable[[str, str], bool]
"""Of the name of a database file and a statement."""


def anything(name: str, statement: str) -> bool:
    return True


def sqlite_error(code: int) -> sqlite3.OperationalError:
    """What the sqlite3 module raises for *code*."""
    error = sqlite3.OperationalError(f"error {code} of the test")
    error.sqlite_errorcode = code
    error.sqlite_errorname = str(code)
    return error


FULL = sqlite3.SQLITE_FULL
IOERR_FSYNC = sqlite3.SQLITE_IOERR_FSYNC
IOERR_WRITE = sqlite3.SQLITE_IOERR_WRITE


class Disk:
    """Counts the writing statements of all connections made while it is in place, and fails those it is told to."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, str]] = []
        self._fails: Callable[[int, str, str], int | None] = lambda number, name, statement: None
        self._is_after = False
        self.connections: list[tuple[str, sqlite3.Connection]] = []

    def fail_at(self, numbers: range, code: int) -> None:
        """Fail the writing statements with these numbers, counted from now on from 0."""
        self.statements.clear()
        self._is_after = False
        self._fails = lambda number, name, statement: code if number in numbers else None

    def fail(self, matches: Matches, code: int, *, after: bool = False) -> None:
        """Fail all writing statements that match; with *after* once they have done their work."""
        self._is_after = after
        self._fails = lambda number, name, statement: code if matches(name, statement) else None

    def work(self) -> None:
        """Fail no more."""
        self._fails = lambda number, name, statement: None

    def run(self, name: str, statement: str, work: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        if not statement.startswith(WRITING):
            return work()
        code = self._fails(len(self.statements), name, statement)
        self.statements.append((name, statement))
        if code is None:
            return work()
        if self._is_after:
            work()
        raise sqlite_error(code)


@contextmanager
def failing_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """Put a `Disk` between every new connection of this process and SQLite."""
    disk = Disk()

    class Connection(sqlite3.Connection):
        name = ""

        def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
            run = super().execute
            return disk.run(self.name, statement, lambda: run(statement, *arguments))

        def executemany(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
            run = super().executemany
            return disk.run(self.name, statement, lambda: run(statement, *arguments))

    connect = sqlite3.connect

    def connect_to_disk(path: Any, *arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(path, *arguments, factory=Connection, **options)
        assert isinstance(connection, Connection)
        connection.name = Path(str(path)).name
        disk.connections.append((connection.name, connection))
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", connect_to_disk)
        yield disk


def no_space(*arguments: Any, **options: Any) -> Any:
    """Stands in for any call into the operating system."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
