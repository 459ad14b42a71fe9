"""Older and newer segments: migrated, refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from router.errors import OperatorError
from router.log import schema
from router.log.sqlite import LogOptions, SqliteLog
from tests.log.harness import StillClock, entries, entry, read_all, record

OPTIONS = LogOptions(segment_bytes=16_384, tail_bytes=0)
EVENTS = 150


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    """A log of several segments, closed."""
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock())
    for start in range(1, EVENTS, 10):
        await log.append(entries(start, start + 9))
    await log.close()
    return tmp_path / "log"


@pytest.fixture
def tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next version of this program: its segments have one column more."""
    tables = tuple(
        table.replace("checksum BLOB NOT NULL)", "checksum BLOB NOT NULL, note TEXT)") for table in schema.TABLES
    )
    monkeypatch.setattr(schema, "TABLES", tables)
    monkeypatch.setattr(schema, "SCHEMA_VERSION", 2)
    monkeypatch.setattr(schema, "MIGRATIONS", {1: ["ALTER TABLE events ADD COLUMN note TEXT"]})


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("segment-*.sqlite"))


def ask(path: Path, question: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(question).fetchone()[0]


@pytest.mark.usefixtures("tomorrow")
async def test_older_segments_are_migrated_and_nothing_is_lost(directory: Path) -> None:
    log = await SqliteLog.open(directory, OPTIONS, StillClock())
    found = await read_all(log)
    answers = await log.append([entry(1), entry(EVENTS + 1)])
    await log.close()

    assert found == [record(n, entry(n)) for n in range(1, EVENTS + 1)]
    assert [each.sequence for each in answers] == [1, EVENTS + 1]
    assert {ask(path, "PRAGMA user_version") for path in segments(directory)} == {2}
    assert {ask(path, "SELECT value FROM meta WHERE key = 'schema'") for path in segments(directory)} == {"2"}
    assert not list(directory.glob("*rescued*"))


async def test_a_migration_that_fails_leaves_the_older_segment_whole(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "SCHEMA_VERSION", 2)
        patch.setattr(schema, "MIGRATIONS", {1: ["ALTER TABLE events ADD COLUMN note TEXT", "no SQL at all"]})
        with pytest.raises(sqlite3.Error):
            schema.migrate(segments(directory)[0])

    assert ask(segments(directory)[0], "PRAGMA user_version") == 1
    assert ask(segments(directory)[0], "SELECT count(*) FROM pragma_table_info('events') WHERE name = 'note'") == 0


@pytest.mark.usefixtures("tomorrow")
async def test_a_migration_that_was_killed_half_way_goes_on(directory: Path) -> None:
    """Each segment is migrated for itself: some are done, some are not."""
    for path in segments(directory)[::2]:
        schema.migrate(path)

    log = await SqliteLog.open(directory, OPTIONS, StillClock())
    found = await read_all(log)
    await log.close()

    assert found == [record(n, entry(n)) for n in range(1, EVENTS + 1)]


@pytest.mark.parametrize("which", [0, -1], ids=["the first", "the last"])
@pytest.mark.parametrize("version", [2, 99, 2**31 - 1])
@pytest.mark.parametrize("read_only", [False, True], ids=["to write", "to read"])
async def test_a_newer_segment_is_refused_and_left_alone(
    directory: Path, which: int, version: int, read_only: bool
) -> None:
    path = segments(directory)[which]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()

    with pytest.raises(OperatorError, match=rf"{path.name}: has schema version {version}, this program knows 1"):
        await SqliteLog.open(directory, OPTIONS, StillClock(), read_only=read_only)

    assert path.read_bytes() == before


async def test_a_newer_version_that_says_so_twice_is_refused(directory: Path) -> None:
    """3 is one bit away from 1, but then the table would still say 1."""
    with closing(sqlite3.connect(segments(directory)[0])) as connection, connection:
        connection.execute("PRAGMA user_version = 3")
        connection.execute("UPDATE meta SET value = '3' WHERE key = 'schema'")

    with pytest.raises(OperatorError, match="has schema version 3"):
        await SqliteLog.open(directory, OPTIONS, StillClock())


@pytest.mark.parametrize("bit", range(32))
async def test_a_flipped_bit_in_the_version_is_damage_and_costs_nothing(directory: Path, bit: int) -> None:
    path = segments(directory)[1]
    data = bytearray(path.read_bytes())
    data[60 + bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)

    log = await SqliteLog.open(directory, OPTIONS, StillClock())
    found = await read_all(log)
    await log.close()

    assert found == [record(n, entry(n)) for n in range(1, EVENTS + 1)]


async def test_a_refused_log_can_be_opened_by_the_newer_program(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal has not locked it for good, nor changed it."""
    with monkeypatch.context() as patch:
        patch.setattr(schema, "SCHEMA_VERSION", 2)
        patch.setattr(schema, "MIGRATIONS", {1: ["ALTER TABLE events ADD COLUMN note TEXT"]})
        log = await SqliteLog.open(directory, OPTIONS, StillClock())
        await log.close()
    with pytest.raises(OperatorError, match="has schema version 2"):
        await SqliteLog.open(directory, OPTIONS, StillClock())
    with monkeypatch.context() as patch:
        patch.setattr(schema, "SCHEMA_VERSION", 2)
        log = await SqliteLog.open(directory, OPTIONS, StillClock())
        found = await read_all(log)
        await log.close()

    assert len(found) == EVENTS
