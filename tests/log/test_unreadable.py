"""A segment that may not be read is not a damaged one: its events are waited for, and not given up as lost."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from router.errors import OperatorError
from router.log import sqlite
from router.log.checkup import check_log
from router.log.record import Record
from router.log.repair import repair_log
from router.log.sqlite import SqliteLog
from tests.log.damage import EVENTS, OPTIONS, last_of, make_killed, middle_of, segments_of, wal_of
from tests.log.harness import PARTITION, StillClock, read_all
from tests.log.unreadable import unreadable


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("killed")
    make_killed(directory / "log", directory / "image")
    return directory / "image"


@pytest.fixture
def directory(tmp_path: Path, killed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sqlite, "RETRY_S", 0.01)
    return shutil.copytree(killed, tmp_path / "log")


@pytest.mark.parametrize("number", [0, 7], ids=["the first", "one in the middle"])
async def test_promise_1_a_segment_that_may_not_be_read_is_waited_for(directory: Path, number: int) -> None:
    with unreadable(segments_of(directory)[number]):
        log = await SqliteLog.open(directory, OPTIONS, StillClock())
        reading = asyncio.create_task(read_all(log))
        done, _ = await asyncio.wait([reading], timeout=0.05)
        assert not done

    found = await reading
    await log.close()

    assert [each.sequence for each in found if isinstance(each, Record)] == list(range(1, EVENTS + 1))
    assert not list(directory.glob("*rescued*"))


@pytest.mark.parametrize("place", [last_of, wal_of], ids=["the last segment", "its write-ahead log"])
async def test_promise_1_no_log_goes_on_whose_end_may_not_be_read(
    directory: Path, place: Callable[[Path], Path]
) -> None:
    with (
        unreadable(place(directory)),
        pytest.raises(OperatorError, match=r"Permission denied.*correct the permissions"),
    ):
        await SqliteLog.open(directory, OPTIONS, StillClock())

    log = await SqliteLog.open(directory, OPTIONS, StillClock())
    found = await read_all(log)
    await log.close()
    assert log.end(PARTITION) == EVENTS
    assert len(found) == EVENTS


def test_a_check_does_not_take_it_for_damage(directory: Path) -> None:
    with unreadable(middle_of(directory)), pytest.raises(PermissionError):
        check_log(directory)


def test_promise_1_a_repair_does_not_put_it_aside(directory: Path) -> None:
    with unreadable(middle_of(directory)), pytest.raises((OperatorError, PermissionError), match="Permission denied"):
        repair_log(directory)

    assert check_log(directory).is_sound
