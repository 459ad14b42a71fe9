"""The file of suppressed people, `suppressed.sqlite`: who they are, since when, and whether what was kept of them is erased.

It is needed as much as the log: without it, events of theirs would be taken and sent again. The daemon is its one writer.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from router.errors import OperatorError
from router.log.connections import connect_to_read
from router.log.durable_files import sync_directory
from router.log.segment_file import beside, remove_database
from router.suppressed import Person, Suppressed

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE people (kind TEXT NOT NULL, id TEXT NOT NULL, since_s REAL NOT NULL, erased_s REAL, PRIMARY KEY (kind, id))
"""


@dataclass(frozen=True, slots=True)
class Suppression:
    """One suppressed person. Times are Unix seconds."""

    person: Person
    since_s: float
    erased_s: float | None
    """When all that was kept of them had been erased; None: not yet."""


def read_suppressions(path: Path) -> list[Suppression]:
    """All of them, the oldest first; none if there is no file. From any process.

    Raises:
        OperatorError: the file can't be read.
        PermissionError: it is another user's.
    """
    try:
        path.open("rb").close()  # SQLite does not say what hinders it
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        raise
    except OSError:
        with _telling(path):
            raise
    with _telling(path), closing(connect_to_read(path)) as connection:
        _check_version(connection)
        rows = connection.execute(
            "SELECT kind, id, since_s, erased_s FROM people ORDER BY since_s, kind, id"
        ).fetchall()
    return [Suppression(Person(kind, id), since_s, erased_s) for kind, id, since_s, erased_s in rows]


def read_suppressed(path: Path) -> Suppressed:
    """Who is suppressed. Raises as `read_suppressions` does."""
    return Suppressed.of(each.person for each in read_suppressions(path))


def suppress(path: Path, people: Iterable[Person], now_s: float) -> None:
    """Note *people* durably. Who is there already is to be erased once more.

    Raises:
        OperatorError: the file can't be written.
    """
    with _writing(path) as connection:
        connection.executemany(
            "INSERT INTO people VALUES (?, ?, ?, NULL) ON CONFLICT DO UPDATE SET erased_s = NULL",
            [(*person, now_s) for person in people],
        )


def note_erased(path: Path, people: Iterable[Person], now_s: float) -> None:
    """Note that nothing is kept of *people* any more. Raises as `suppress` does."""
    with _writing(path) as connection:
        connection.executemany(
            "UPDATE people SET erased_s = ? WHERE kind = ? AND id = ?", [(now_s, *person) for person in people]
        )


def lift(path: Path, people: Iterable[Person]) -> int:
    """Strike *people* off. Returns how many of them were there. Raises as `suppress` does."""
    with _writing(path) as connection:
        return connection.executemany("DELETE FROM people WHERE kind = ? AND id = ?", people).rowcount


@contextmanager
def _writing(path: Path) -> Iterator[sqlite3.Connection]:
    """A transaction."""
    with _telling(path):
        if not path.exists():
            _make(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            # Whoever only reads can't undo what a kill has left half done in the file itself.
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON").fetchall()
            connection.execute("BEGIN IMMEDIATE")
            _check_version(connection)
            yield connection
            connection.execute("COMMIT")


def _make(path: Path) -> None:
    """Make the file, which gets its name when it is whole: one without tables is damaged, and nobody starts with it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = beside(path, ".new")
    remove_database(draft)
    try:
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT, 0o600))  # it says who wants to be forgotten
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.execute("BEGIN")
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("COMMIT")
        draft.rename(path)
        sync_directory(path.parent)
    except BaseException:
        remove_database(draft)
        raise


def _check_version(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"has schema version {version}, this program knows {SCHEMA_VERSION}")


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise OperatorError(
            f"{path}: the file of suppressed people can't be used ({error}). Correct its permissions or make room; if it is "
            "damaged, restore it from a backup: without it their events would be taken and sent again."
        ) from error
