"""Row 19 of the battery: a kill while files are made or brought up to date leaves what the next start can use.

A kill before each single statement of SQL.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from router.delivery.state.file import StateFile
from router.delivery.state.schema import SCHEMA_VERSION
from router.log import schema
from router.log.sqlite import SqliteLog
from tests import interrupted
from tests.log.harness import entries, entry, read_all, record

SCRIPT = Path(interrupted.__file__)
VERSION_1 = Path(__file__).parent / "delivery" / "state" / "state_version_1.sql"
EVENTS = 40


def interrupt(kind: str, directory: Path) -> list[Path]:
    """What each kill left, and last what was left by the one that was not killed."""
    command: list[str | Path] = [sys.executable, SCRIPT, kind, directory / "template", directory / "left"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    return [directory / "left" / str(number) for number in range(1, int(found.stdout) + 1)]


@pytest.mark.full
def test_row_19_a_state_that_was_killed_while_it_was_made_is_made(tmp_path: Path) -> None:
    left = interrupt("state", tmp_path)

    assert len(left) > 15
    for directory in left:
        with closing(StateFile.open(directory / "crm.sqlite", interrupted.LOG_ID)) as state:
            assert state.positions() == {}, directory


def test_row_19_a_state_that_was_killed_on_its_way_to_this_version_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "template").mkdir()
    with closing(sqlite3.connect(tmp_path / "template" / "crm.sqlite")) as connection:
        connection.executescript(VERSION_1.read_text())

    left = interrupt("state", tmp_path)

    assert len(left) > 8
    for directory in left:
        with closing(sqlite3.connect(directory / "crm.sqlite")) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() in [(1,), (SCHEMA_VERSION,)], "nothing between"
        with closing(StateFile.open(directory / "crm.sqlite", interrupted.LOG_ID)) as state:
            assert state.positions() == {0: (0, 7)}, directory
            assert state.counts() == {("dead", ""): 3, ("delivered", ""): 4}, directory
            assert [letter.id for letter in state.letters.find()] == [1, 2, 3], directory


@pytest.mark.full
async def test_row_19_a_log_that_was_killed_while_it_was_made_is_made(tmp_path: Path) -> None:
    left = interrupt("log", tmp_path)

    assert len(left) > 15
    for directory in left:
        log = await SqliteLog.open(directory, interrupted.OPTIONS, time.time)
        answers = await log.append([entry(1)])
        found = await read_all(log)
        await log.close()
        assert [each.sequence for each in answers] == [1], directory
        assert found == [record(1, entry(1))], directory
        assert not list(directory.glob("*rescued*")), "a kill is no damage"


@pytest.mark.full
async def test_row_19_a_log_that_was_killed_on_its_way_to_the_next_version_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one version so far: the next is one of the test's own. This version refuses what is the next one's already."""
    log = await SqliteLog.open(tmp_path / "template", interrupted.OPTIONS, time.time)
    for start in range(1, EVENTS, 10):
        await log.append(entries(start, start + 9))
    await log.close()
    segments = len(list((tmp_path / "template").glob("segment-*.sqlite")))

    left = interrupt("next-log", tmp_path)

    for name in ("TABLES", "SCHEMA_VERSION", "MIGRATIONS"):
        monkeypatch.setattr(schema, name, getattr(schema, name))
    interrupted.use_next_version()
    assert len(left) > 5 * segments
    for directory in left:
        log = await SqliteLog.open(directory, interrupted.OPTIONS, time.time)
        found = await read_all(log)
        await log.close()
        assert found == [record(number, entry(number)) for number in range(1, EVENTS + 1)], directory
        assert not list(directory.glob("*rescued*")), "a kill is no damage"
        shutil.rmtree(directory)
