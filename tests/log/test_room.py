"""Where promise 1 comes before promise 2: a full disk refuses events, and settles what it has accepted."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from router.log import room
from router.log.interface import LogAway, LogFull
from router.log.record import Appended
from router.log.room import NO_RESERVE, Reserve, is_no_room
from router.log.sqlite import LogOptions, SqliteLog
from tests.delivery.harness import until
from tests.log.faults import FULL, IOERR_FSYNC, IOERR_WRITE, Disk, anything, failing_disk, sqlite_error
from tests.log.harness import PARTITION, StillClock, entries, entry, sequences

OPTIONS = LogOptions(segment_bytes=16_384, tail_bytes=0)
SIZE = 200_000


@pytest.fixture
def reserve(tmp_path: Path) -> Reserve:
    return Reserve(tmp_path / "reserve", SIZE)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    with failing_disk(monkeypatch) as disk:
        yield disk


def leave_free(monkeypatch: pytest.MonkeyPatch, size_bytes: int) -> None:
    monkeypatch.setattr(room, "_free_bytes", lambda directory: size_bytes)


# --- the reserve ---


def test_it_holds_room_until_it_is_spent(reserve: Reserve, tmp_path: Path) -> None:
    assert reserve.fill()

    assert os.stat(tmp_path / "reserve").st_blocks * 512 >= SIZE, "the room is only promised, and not taken"
    assert [reserve.is_whole, reserve.spend(), reserve.is_whole, reserve.spend()] == [True, True, False, False]


def test_it_is_the_same_for_every_process(reserve: Reserve, tmp_path: Path) -> None:
    reserve.fill()

    Reserve(tmp_path / "reserve", SIZE).spend()

    assert not reserve.is_whole


@pytest.mark.parametrize(
    ("is_spent", "free_bytes", "has_room"),
    [
        pytest.param(False, 0, True, id="it is whole, and can be spent"),
        pytest.param(True, SIZE, True, id="it is spent, and there is room"),
        pytest.param(True, SIZE // 2 + 1_000, True, id="just enough"),
        pytest.param(True, SIZE // 2 + 999, False, id="half of it is left"),
    ],
)
def test_half_of_it_is_not_for_whole_events(
    reserve: Reserve, monkeypatch: pytest.MonkeyPatch, is_spent: bool, free_bytes: int, has_room: bool
) -> None:
    reserve.fill()
    if is_spent:
        reserve.spend()
    leave_free(monkeypatch, free_bytes)

    assert reserve.has_room_for(1_000) == has_room


@pytest.mark.parametrize(("free_bytes", "is_filled"), [(SIZE, False), (SIZE * 3 // 2, True)])
def test_it_is_filled_only_where_there_is_room_beside_it(
    reserve: Reserve, monkeypatch: pytest.MonkeyPatch, free_bytes: int, is_filled: bool
) -> None:
    """Else it would be filled and spent in turn, without end."""
    leave_free(monkeypatch, free_bytes)

    assert reserve.fill() is is_filled


def test_a_half_filled_one_is_not_whole(reserve: Reserve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reserve").write_bytes(bytes(SIZE // 2))
    assert not reserve.is_whole

    def no_space(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(room, "_take_room", no_space)
        assert not reserve.fill()
    assert not (tmp_path / "reserve").exists(), "what it could get must not be held back from those who settle"
    assert reserve.fill()


def test_without_one_nothing_is_ever_refused_for_it() -> None:
    assert NO_RESERVE.is_whole
    assert NO_RESERVE.fill()
    assert not NO_RESERVE.spend()
    assert NO_RESERVE.has_room_for(1_000_000)


@pytest.mark.parametrize(
    ("error", "free_bytes", "expected"),
    [
        pytest.param(sqlite_error(FULL), 10**9, True, id="SQLite: full"),
        pytest.param(sqlite_error(IOERR_WRITE), 10**9, False, id="SQLite: an error, and there is room"),
        pytest.param(sqlite_error(IOERR_FSYNC), 4_096, True, id="SQLite: an error, and there is none"),
        pytest.param(OSError(errno.ENOSPC, ""), 10**9, True, id="no space"),
        pytest.param(OSError(errno.EDQUOT, ""), 10**9, True, id="a quota"),
        pytest.param(OSError(errno.EIO, ""), 0, False, id="a failing disk"),
        pytest.param(ValueError(), 0, False, id="something else"),
    ],
)
def test_what_means_that_there_is_no_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, free_bytes: int, expected: bool
) -> None:
    leave_free(monkeypatch, free_bytes)

    assert is_no_room(error, tmp_path) is expected


# --- the log and its reserve ---


async def test_while_the_reserve_is_spent_events_are_refused_and_what_is_there_is_read(
    tmp_path: Path, reserve: Reserve, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock(), reserve=reserve)
    assert reserve.is_whole
    await log.append(entries(1, 20))
    with monkeypatch.context() as patch:
        leave_free(patch, SIZE)
        reserve.spend()
        with pytest.raises(LogFull, match="kept for settling"):
            await log.append([entry(21)])
        repeated = await log.append([entry(20)])
        assert "kept for settling" in log.obstacle
        assert await sequences(log) == list(range(1, 21))

    answers = await log.append([entry(21)])

    assert repeated == [Appended(PARTITION, 20, is_duplicate=True)]
    assert answers == [Appended(PARTITION, 21)]
    assert (reserve.is_whole, log.obstacle) == (True, "")
    await log.close()


async def test_housekeeping_fills_it_too(tmp_path: Path, reserve: Reserve) -> None:
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock(), reserve=reserve)
    reserve.spend()

    await log.trim({})

    assert reserve.is_whole
    await log.close()


async def test_a_full_disk_gives_up_early_what_nobody_needs(tmp_path: Path, disk: Disk) -> None:
    """New events come before events that were delivered everywhere, however short the log then reaches back."""
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock())
    await log.append(entries(1, 60))
    for start in range(61, 301, 10):
        await log.append(entries(start, start + 9))
    used = log.size_bytes
    await log.trim({PARTITION: 301})
    assert log.size_bytes == used, "there is room: the log keeps what its retention says"
    disk.fail(anything, FULL)
    with pytest.raises(LogFull):
        await log.append([entry(301)])

    await log.trim({PARTITION: 200})

    assert 100 < log.start(PARTITION) <= 200
    disk.work()
    assert await log.append([entry(301)]) == [Appended(PARTITION, 301)]
    await log.close()


# --- what is stuck, and what is only full ---


async def test_row_22_an_error_of_the_disk_is_stuck_within_5_s_and_over_by_itself(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to send anything for that: whoever asks for health first will not."""
    monkeypatch.setattr("router.log.writer.PROBE_S", 0.01)
    monotonic = StillClock()
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock(), monotonic=monotonic)
    disk.fail(anything, IOERR_FSYNC)
    with pytest.raises(LogAway):
        await log.append([entry(1)])
    at_once = log.stuck
    monotonic.now_s += 4

    later = log.stuck
    disk.work()
    await until(lambda: not log.stuck and not log.obstacle)

    assert at_once == []
    assert later == [f"the log can't be written: error {IOERR_FSYNC} of the test"]
    assert await log.append([entry(1)]) == [Appended(PARTITION, 1)]
    await log.close()


async def test_a_full_disk_is_not_stuck(tmp_path: Path, disk: Disk) -> None:
    """A restart would not help, and callers are told."""
    monotonic = StillClock()
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock(), monotonic=monotonic)
    disk.fail(anything, FULL)
    with pytest.raises(LogFull):
        await log.append([entry(1)])
    monotonic.now_s += 60

    assert log.stuck == []
    assert log.obstacle
    await log.close()


async def test_a_budget_that_is_used_up_is_an_obstacle(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log", replace(OPTIONS, max_bytes=100_000), StillClock())
    with pytest.raises(LogFull):
        await log.append([entry(1, size=200_000)])
    refused = log.obstacle

    await log.append([entry(2)])

    assert "100000 bytes it may use (retention.max_disk)" in refused
    assert log.obstacle == ""
    await log.close()


async def test_probing_a_sick_disk_changes_nothing_that_is_read(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.log.writer.PROBE_S", 0.001)
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock())
    await log.append(entries(1, 30))
    disk.fail(lambda name, statement: statement == "COMMIT" and name.startswith("segment"), sqlite3.SQLITE_IOERR)
    with pytest.raises(LogAway):
        await log.append([entry(31)])
    await until(lambda: sum(statement == "COMMIT" for _, statement in disk.statements) >= 10)
    disk.work()
    await log.append([entry(31)])
    await log.close()

    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock())
    assert await sequences(log) == list(range(1, 32))
    assert not list((tmp_path / "log").glob("*rescued*"))
    await log.close()
