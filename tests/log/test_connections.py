"""Connections that only read: what they raise is damage or it is not, and they never show a part for the whole."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from router.log.connections import connect_to_read, is_passing
from tests.log.faults import sqlite_error
from tests.log.unreadable import unwritable


@pytest.mark.parametrize(
    ("code", "is_damage"),
    [
        pytest.param(sqlite3.SQLITE_BUSY, False, id="another writes"),
        pytest.param(sqlite3.SQLITE_CANTOPEN, False, id="may not be opened"),
        pytest.param(sqlite3.SQLITE_FULL, False, id="full"),
        pytest.param(sqlite3.SQLITE_IOERR_WRITE, False, id="write"),
        pytest.param(sqlite3.SQLITE_IOERR_FSYNC, False, id="fsync"),
        pytest.param(sqlite3.SQLITE_READONLY_RECOVERY, False, id="read-only, in more words"),
        pytest.param(sqlite3.SQLITE_IOERR_READ, True, id="a bad sector"),
        pytest.param(sqlite3.SQLITE_IOERR_SHORT_READ, True, id="a bad sector at the end"),
        pytest.param(sqlite3.SQLITE_CORRUPT, True, id="corrupt"),
        pytest.param(sqlite3.SQLITE_NOTADB, True, id="no database"),
    ],
)
def test_what_may_be_over_later_is_no_damage(code: int, is_damage: bool) -> None:
    assert is_passing(sqlite_error(code)) is not is_damage


def test_what_python_itself_can_not_read_is_damage() -> None:
    assert not is_passing(sqlite3.OperationalError("Could not decode to UTF-8 column"))


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "closed"])
def test_promise_1_where_no_file_can_be_made_what_is_in_the_write_ahead_log_is_not_left_out(
    tmp_path: Path, is_killed: bool
) -> None:
    """SQLite reads it with a file of its own beside it, or not at all. Without one there is nothing to leave out."""
    made, path = tmp_path / "made.sqlite", tmp_path / "there" / "made.sqlite"
    path.parent.mkdir()
    with closing(sqlite3.connect(made, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE events (sequence)")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("INSERT INTO events VALUES (1)")
        if not is_killed:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for suffix in ("", "-wal"):
            shutil.copy(f"{made}{suffix}", f"{path}{suffix}")

    refused = pytest.raises(sqlite3.OperationalError) if is_killed else nullcontext()
    with unwritable(path.parent), refused, closing(connect_to_read(path)) as reader:
        assert reader.execute("SELECT count(*) FROM events").fetchone() == (1,)
