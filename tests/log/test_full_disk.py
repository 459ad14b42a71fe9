"""A disk that is full or fails: promise 1 (no false answer) and promise 8 (a clear refusal, and on when there is room)."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from router.errors import OperatorError
from router.log import writer
from router.log.dedup_index import INDEX_NAME, read_index_mark
from router.log.interface import LogAway, LogFull, NotStored
from router.log.record import Appended, Entry, Record
from router.log.room import Reserve
from router.log.segment_file import SegmentFile
from router.log.sqlite import LogOptions, SqliteLog
from tests.log.damage import last_of, segments_of, wal_of
from tests.log.faults import FULL, IOERR_FSYNC, IOERR_WRITE, Disk, Matches, anything, failing_disk, no_space
from tests.log.harness import (
    DAY_S,
    PARTITION,
    StillClock,
    assert_only_lost,
    entries,
    entry,
    message_ids,
    read_all,
    record,
    sequences,
)

OPTIONS = LogOptions(segment_bytes=16_384, tail_bytes=4_000)
BUDGET = replace(OPTIONS, max_bytes=1_000_000, segment_bytes=125_000)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    with failing_disk(monkeypatch) as disk:
        yield disk


@pytest.fixture
async def log(disk: Disk, directory: Path, clock: StillClock) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(directory, OPTIONS, clock)
    yield log
    disk.work()
    await log.close()


@dataclass
class Ledger:
    """Who was answered what."""

    log: SqliteLog
    stored: dict[int, Entry] = field(default_factory=dict)
    refused: list[Entry] = field(default_factory=list)

    async def append(self, batch: list[Entry]) -> None:
        """Append, and note the answer; only `NotStored` is a refusal."""
        try:
            answers = await asyncio.wait_for(self.log.append(batch), 10)
        except NotStored:
            self.refused += batch
            return
        assert [answer.is_duplicate for answer in answers] == [False] * len(batch)
        for answer, each in zip(answers, batch, strict=True):
            assert answer.sequence not in self.stored
            self.stored[answer.sequence] = each

    async def append_some(self, first: int) -> None:
        """Enough for several segments."""
        for start in range(first, first + 100, 20):
            await self.append(entries(start, start + 19, size=400))

    def check_read(self, found: dict[int, Record]) -> None:
        assert {n: found.get(n) for n in self.stored} == {n: record(n, each) for n, each in self.stored.items()}


async def records_of(log: SqliteLog) -> dict[int, Record]:
    return {item.sequence: item for item in await read_all(log) if isinstance(item, Record)}


def segment_only(name: str, statement: str) -> bool:
    return name.startswith("segment-")


def index_only(name: str, statement: str) -> bool:
    return name.startswith("dedup")


def commit_of_a_segment(name: str, statement: str) -> bool:
    return segment_only(name, statement) and statement == "COMMIT"


def new_segment(name: str, statement: str) -> bool:
    return name.endswith(".new")


CODES = {
    "full": FULL,
    "write": IOERR_WRITE,
    "fsync": IOERR_FSYNC,
    "read-only": sqlite3.SQLITE_READONLY,
    "open": sqlite3.SQLITE_CANTOPEN,
}
PLACES: dict[str, Matches] = {
    "everywhere": anything,
    "the segment": segment_only,
    "its commit": commit_of_a_segment,
    "the next segment": new_segment,
}


# --- refusals, and what comes after them ---


async def test_a_full_disk_takes_no_small_event_in_between(
    disk: Disk, log: SqliteLog, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer does not change from event to event, with what happens to fit into the last free bytes."""
    usage = shutil.disk_usage(directory)
    disk.fail(segment_only, FULL)
    with pytest.raises(LogFull):
        await log.append([entry(1)])
    disk.work()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=20_000))
    with pytest.raises(LogFull, match="the disk is full"):
        await log.append([entry(2)])

    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2_000_000))

    assert await log.append([entry(3)]) == [Appended(PARTITION, 1)]


@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
@pytest.mark.parametrize("matches", PLACES.values(), ids=PLACES.keys())
async def test_promise_1_nothing_is_acknowledged_that_is_not_stored(
    disk: Disk, directory: Path, clock: StillClock, matches: Matches, code: int
) -> None:
    """Before, during and after the fault: what was answered is there, what was refused can be sent again."""
    log = await SqliteLog.open(directory, OPTIONS, clock)
    ledger = Ledger(log)
    await ledger.append_some(1)

    disk.fail(matches, code)
    await ledger.append_some(101)
    during = await records_of(log)
    disk.work()
    assert ledger.refused
    refused = ledger.refused.copy()
    await ledger.append(refused)
    await ledger.append_some(201)

    after = await records_of(log)
    await log.close()
    again = await SqliteLog.open(directory, OPTIONS, clock)
    reopened = await records_of(again)
    await again.close()
    assert len(ledger.stored) == 300
    for found in (after, reopened):
        ledger.check_read(found)
        assert sorted(item.message_id for item in found.values()) == sorted(f"m{n}" for n in range(1, 301))
    assert all(after[n] == item for n, item in during.items())


@pytest.mark.parametrize("code", [FULL, IOERR_FSYNC], ids=["full", "fsync"])
@pytest.mark.parametrize("number", range(0, 60, 3))
async def test_a_fault_at_any_statement_costs_no_event(
    disk: Disk, directory: Path, clock: StillClock, number: int, code: int
) -> None:
    log = await SqliteLog.open(directory, OPTIONS, clock)
    ledger = Ledger(log)
    disk.fail_at(range(number, number + 2), code)
    await ledger.append_some(1)
    refused = ledger.refused.copy()
    await log.close()
    disk.work()
    assert len(disk.statements) > number, "the fault never came: the test tests nothing"

    ledger.log = log = await SqliteLog.open(directory, OPTIONS, clock)
    first = await records_of(log)
    ledger.check_read(first)
    answers = await log.append([*refused, *entries(101, 120)])
    found = await records_of(log)
    await log.close()

    assert [found[answer.sequence].message_id for answer in answers] == [
        each.message_id for each in [*refused, *entries(101, 120)]
    ]
    assert sorted(found) == list(range(1, 121))
    assert sorted(item.message_id for item in found.values()) == sorted(f"m{n}" for n in range(1, 121))


async def test_a_commit_that_failed_after_its_rows_were_on_disk_gives_no_event_twice(
    log: SqliteLog, disk: Disk, directory: Path, clock: StillClock
) -> None:
    """The fsync failed, so the callers were told to come back; some of the rows may be there all the same."""
    await log.append(entries(1, 5))
    disk.fail(commit_of_a_segment, IOERR_FSYNC, after=True)
    with pytest.raises(LogAway):
        await log.append(entries(6, 9))
    disk.work()

    answers = await log.append(entries(5, 12))

    assert [answer.sequence for answer in answers] == list(range(5, 13))
    assert [answer.is_duplicate for answer in answers] == [True] + [False] * 7
    assert await read_all(log) == [record(n, entry(n)) for n in range(1, 13)]
    await log.close()
    again = await SqliteLog.open(directory, OPTIONS, clock)
    assert await read_all(again) == [record(n, entry(n)) for n in range(1, 13)]
    await again.close()


async def test_a_kill_after_a_failed_commit_gives_no_event_twice(
    log: SqliteLog, disk: Disk, directory: Path, clock: StillClock
) -> None:
    """The rows that are there all the same count as accepted now, and the caller who comes back hears `duplicate`."""
    await log.append(entries(1, 5))
    disk.fail(commit_of_a_segment, IOERR_FSYNC, after=True)
    with pytest.raises(LogAway):
        await log.append(entries(6, 9))
    await log.close()
    disk.work()

    again = await SqliteLog.open(directory, OPTIONS, clock)
    answers = await again.append(entries(6, 10))
    found = await read_all(again)
    await again.close()

    assert [answer.sequence for answer in answers] == list(range(6, 11))
    assert found == [record(n, entry(n)) for n in range(1, 11)]


async def test_every_caller_of_a_commit_that_fails_is_refused(log: SqliteLog, disk: Disk) -> None:
    disk.fail(segment_only, FULL)

    answers = await asyncio.gather(*(log.append([entry(n)]) for n in range(1, 21)), return_exceptions=True)

    assert all(isinstance(answer, LogFull) for answer in answers)
    assert log.end(PARTITION) == 0
    assert await log.read(PARTITION, 0) == []


async def test_a_duplicate_of_what_is_stored_is_answered_though_the_disk_is_full(log: SqliteLog, disk: Disk) -> None:
    """Nothing has to be written for it."""
    await log.append([entry(1)])
    await log.trim({})  # by now the index has it
    disk.fail(segment_only, FULL)

    old, new = await asyncio.gather(log.append([entry(1)]), log.append([entry(2)]), return_exceptions=True)

    assert old == [Appended(PARTITION, 1, is_duplicate=True)]
    assert isinstance(new, LogFull)


async def test_a_duplicate_of_what_could_not_be_stored_is_refused_too(log: SqliteLog, disk: Disk) -> None:
    disk.fail(segment_only, FULL)

    answers = await asyncio.gather(*(log.append([entry(1)]) for _ in range(5)), return_exceptions=True)

    assert all(isinstance(answer, LogFull) for answer in answers)


async def test_what_is_stored_can_be_read_while_the_disk_is_full(log: SqliteLog, disk: Disk) -> None:
    await log.append(entries(1, 300))
    disk.fail(anything, FULL)

    assert await sequences(log) == list(range(1, 301))


async def test_a_wait_outlives_a_fault(log: SqliteLog, disk: Disk) -> None:
    wait = asyncio.create_task(log.wait(PARTITION, 0))
    disk.fail(anything, IOERR_WRITE)
    with pytest.raises(LogAway):
        await log.append([entry(1)])
    assert not wait.done()
    disk.work()

    await log.append([entry(1)])

    await asyncio.wait_for(wait, 20)


# --- the index has no room, or is behind ---


async def test_promise_4_what_was_not_indexed_before_a_kill_is_known_to_the_next_start(
    log: SqliteLog, disk: Disk, directory: Path, clock: StillClock
) -> None:
    """The index follows the log at a distance, and is read on from its mark."""
    disk.fail(index_only, FULL)
    await log.append(entries(1, 100))
    killed = directory.with_name("killed")
    shutil.copytree(directory, killed)
    disk.work()
    assert read_index_mark(killed / INDEX_NAME, log.id) == 0, "the kill came too late: the test tests nothing"

    again = await SqliteLog.open(killed, OPTIONS, clock)
    answers = await again.append(entries(51, 110))
    await again.close()

    assert [answer.is_duplicate for answer in answers] == [True] * 50 + [False] * 10
    assert [answer.sequence for answer in answers] == list(range(51, 111))


@pytest.mark.parametrize("code", [FULL, IOERR_WRITE, sqlite3.SQLITE_CORRUPT], ids=["full", "write", "corrupt"])
async def test_promise_4_no_duplicate_slips_in_while_the_index_cannot_be_written(
    log: SqliteLog, disk: Disk, directory: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Its events may be refused meanwhile, but memory does not grow and nothing is stored twice."""
    monkeypatch.setattr(writer, "INDEXED_TOGETHER", 500)
    await log.append(entries(1, 10))
    await log.trim({})
    disk.fail(index_only, code)
    last = 10 + 3 * 500
    taken = 10
    for start in range(11, last, 100):
        answers = await asyncio.gather(log.append(entries(start, start + 99)), return_exceptions=True)
        taken += 0 if isinstance(answers[0], BaseException) else 100
    assert taken <= 10 + 500, "what could not be indexed is kept in memory without end"
    disk.work()

    await log.append(entries(1, last))
    found = await message_ids(log)
    await log.close()
    again = await SqliteLog.open(directory, OPTIONS, clock)
    repeated = await again.append(entries(1, last))
    await again.close()

    assert sorted(found) == sorted(f"m{n}" for n in range(1, last + 1))
    assert all(answer.is_duplicate for answer in repeated)


# --- really full ---


def limit_pages(disk: Disk, pages: int) -> None:
    for name, connection in disk.connections:
        if name.startswith("segment-"):
            try:
                connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
            except sqlite3.ProgrammingError:
                continue  # closed


async def test_a_database_that_may_not_grow_refuses_and_goes_on_when_it_may(
    directory: Path, disk: Disk, clock: StillClock
) -> None:
    """SQLite itself says here that it is full."""
    log = await SqliteLog.open(directory, replace(OPTIONS, segment_bytes=10_000_000), clock)
    await log.append(entries(1, 10))
    limit_pages(disk, 8)
    ledger = Ledger(log)
    await ledger.append(entries(11, 200))
    await ledger.append(entries(201, 203))
    assert len(ledger.refused) == 190
    assert log.end(PARTITION) == 13
    limit_pages(disk, 1_000_000)

    await ledger.append(entries(11, 200))

    assert len(ledger.stored) == 193
    found = await message_ids(log)
    await log.close()
    assert found == [f"m{n}" for n in (*range(1, 11), 201, 202, 203, *range(11, 201))]


@contextmanager
def no_file_longer_than(size_bytes: int) -> Iterator[None]:
    """The operating system cuts every write of this process there."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("size_bytes", [0, 9_000, 30_000, 60_000, 110_000])
async def test_writes_that_are_cut_short_tear_nothing(directory: Path, clock: StillClock, size_bytes: int) -> None:
    """The operating system takes a part of a write and refuses the rest, at whatever place the files have come to."""
    log = await SqliteLog.open(directory, replace(OPTIONS, segment_bytes=200_000), clock)
    ledger = Ledger(log)
    await ledger.append(entries(1, 10))
    with capture_logs(), no_file_longer_than(size_bytes):  # what is printed goes to a file too
        for start in range(11, 311, 30):
            await ledger.append(entries(start, start + 29, size=700))
    assert ledger.refused
    refused = ledger.refused.copy()
    await ledger.append(refused)
    after = await records_of(log)
    await log.close()

    again = await SqliteLog.open(directory, OPTIONS, clock)
    reopened = await records_of(again)
    await again.close()

    for found in (after, reopened):
        ledger.check_read(found)
        assert sorted(item.message_id for item in found.values()) == sorted(f"m{n}" for n in range(1, 311))


# --- starting with a full disk ---


async def test_a_start_on_a_full_disk_delivers_what_is_there_and_takes_events_when_there_is_room(
    disk: Disk, directory: Path, clock: StillClock
) -> None:
    log = await SqliteLog.open(directory, OPTIONS, clock)
    await log.append(entries(1, 300))
    await log.close()

    disk.fail(lambda name, statement: not statement.startswith("PRAGMA"), FULL)
    log = await SqliteLog.open(directory, OPTIONS, clock)
    found = await read_all(log)
    with pytest.raises(LogFull):
        await log.append([entry(301)])
    disk.work()
    answers = await log.append([entry(300), entry(301)])
    await log.close()

    assert found == [record(n, entry(n)) for n in range(1, 301)]
    assert answers == [Appended(PARTITION, 300, is_duplicate=True), Appended(PARTITION, 301)]


async def test_a_first_start_on_a_full_disk_says_what_to_do(
    directory: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(OperatorError, match=r"log.json: can't be written .* Make room"):
            await SqliteLog.open(directory, OPTIONS, clock)

    log = await SqliteLog.open(directory, OPTIONS, clock)
    assert await log.append([entry(1)]) == [Appended(PARTITION, 1)]
    await log.close()


async def test_a_next_segment_that_cannot_be_made_refuses_and_leaves_nothing_behind(
    directory: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await SqliteLog.open(directory, OPTIONS, clock)
    ledger = Ledger(log)
    await ledger.append_some(1)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", no_space)
        await ledger.append_some(101)
    assert ledger.refused
    assert not list(directory.glob("*.new*"))

    await ledger.append(ledger.refused.copy())

    assert len(ledger.stored) == 200
    ledger.check_read(await records_of(log))
    await log.close()


async def test_a_directory_that_is_not_synced_is_not_written_to(
    directory: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut could take the new file with all that was acknowledged in it."""
    log = await SqliteLog.open(directory, OPTIONS, clock)
    ledger = Ledger(log)
    await ledger.append_some(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        await ledger.append_some(101)
    assert ledger.refused

    await ledger.append(ledger.refused.copy())

    ledger.check_read(await records_of(log))
    await log.close()
    again = await SqliteLog.open(directory, OPTIONS, clock)
    found = await read_all(again)
    await again.close()
    assert not assert_only_lost(found, ledger.stored)


def replace_by_a_copy(directory: Path) -> None:
    copy = shutil.copytree(directory, directory.with_name("copy"))
    directory.rename(directory.with_name("old"))
    copy.rename(directory)


@pytest.mark.parametrize(
    "remove",
    [
        pytest.param(shutil.rmtree, id="the directory is removed"),
        pytest.param(lambda directory: directory.rename(directory.with_name("old")), id="the directory is renamed"),
        pytest.param(replace_by_a_copy, id="the directory is replaced, as by a backup"),
    ],
)
async def test_promise_1_nothing_is_acknowledged_in_a_directory_that_is_no_longer_there(
    directory: Path, clock: StillClock, remove: Callable[[Path], object]
) -> None:
    """SQLite goes on writing into files without a name; a process that ends takes them with it."""
    directory = directory / "log"
    reserve = Reserve(directory.with_name("reserve"), 1_000_000)
    log = await SqliteLog.open(directory, OPTIONS, clock, reserve=reserve, monotonic=clock)
    ledger = Ledger(log)
    await ledger.append_some(1)

    remove(directory.parent)
    for start in (101, 201):
        await ledger.append_some(start)

    assert len(ledger.refused) == 200
    assert "removed or replaced while the router runs; restart the router" in log.obstacle
    clock.now_s += 10
    assert log.stuck
    await log.close()


@pytest.mark.parametrize("place", [last_of, wal_of], ids=["the segment", "its write-ahead log"])
async def test_promise_1_nothing_is_acknowledged_in_a_file_that_is_no_longer_there(
    directory: Path, clock: StillClock, place: Callable[[Path], Path]
) -> None:
    log = await SqliteLog.open(directory, LogOptions(tail_bytes=0), clock)
    ledger = Ledger(log)
    await ledger.append(entries(1, 10))
    place(directory).unlink()
    await ledger.append(entries(11, 20))
    assert len(ledger.refused) == 10

    await ledger.append(ledger.refused.copy())

    assert len(ledger.stored) == 20
    image = shutil.copytree(directory, directory.with_name("image"))  # as a kill leaves it
    await log.close()
    again = await SqliteLog.open(image, OPTIONS, clock)
    found = await read_all(again)
    await again.close()
    assert assert_only_lost(found, ledger.stored) <= set(range(1, 11))


# --- the budget ---


async def test_promise_8_the_log_takes_no_more_than_it_may(directory: Path, clock: StillClock) -> None:
    log = await SqliteLog.open(directory, BUDGET, clock)
    ledger = Ledger(log)
    for number in range(1, 1_001):
        await ledger.append([entry(number, size=1_000)])

    assert ledger.refused
    assert 500 < len(ledger.stored) < 900
    used = sum(path.stat().st_size for path in directory.glob("segment-*") if not path.name.endswith("-shm"))
    assert used < BUDGET.max_bytes * 1.1
    ledger.check_read(await records_of(log))
    await log.close()


async def test_what_is_needed_is_never_given_up_for_room(directory: Path, clock: StillClock) -> None:
    log = await SqliteLog.open(directory, BUDGET, clock)
    ledger = Ledger(log)
    for number in range(1, 1_001):
        await ledger.append([entry(number, size=1_000)])
    stored = len(ledger.stored)

    await log.trim({PARTITION: 1})

    assert await sequences(log) == list(range(1, stored + 1))
    await log.close()


async def test_room_comes_back_when_the_destinations_have_caught_up(directory: Path, clock: StillClock) -> None:
    """Segments that nobody needs are given up before their time, and a log that is full does not stay full."""
    log = await SqliteLog.open(directory, BUDGET, clock)
    ledger = Ledger(log)
    for number in range(1, 1_001):
        await ledger.append([entry(number, size=1_000)])
    refused = len(ledger.refused)
    assert refused > 50

    for start in range(1_001, 3_001, 20):
        await log.trim({PARTITION: log.end(PARTITION) + 1})
        await ledger.append(entries(start, start + 19, size=1_000))

    assert len(ledger.refused) == refused
    assert log.start(PARTITION) > 1_000
    await log.close()


async def test_retention_makes_room_on_a_full_disk(log: SqliteLog, disk: Disk, clock: StillClock) -> None:
    for start in range(1, 201, 20):
        await log.append(entries(start, start + 19, size=400))
    clock.now_s += 30 * DAY_S
    used = log.size_bytes
    disk.fail(anything, FULL)

    await log.trim({PARTITION: 201})

    assert log.size_bytes < used / 2
    assert log.start(PARTITION) > 100


async def test_a_segment_that_the_disk_does_not_let_go_of_is_given_up_later(
    log: SqliteLog, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Ledger(log).append_some(1)
    clock.now_s += 100 * DAY_S
    with monkeypatch.context() as patch:
        patch.setattr(SegmentFile, "unlink", no_space)
        with pytest.raises(OSError, match="No space"):
            await log.trim({PARTITION: 101})
    used_bytes = log.size_bytes

    await log.trim({PARTITION: 101})

    assert log.size_bytes < used_bytes
    assert log.start(PARTITION) > 1
    assert segments_of(log._segments.directory) == [file.path for file in log._segments.files]


async def test_a_call_that_does_not_fit_leaves_room_for_one_that_does(directory: Path, clock: StillClock) -> None:
    log = await SqliteLog.open(directory, BUDGET, clock)

    large, small = await asyncio.gather(
        log.append(entries(1, 10, size=150_000)), log.append([entry(11)]), return_exceptions=True
    )
    await log.close()

    assert isinstance(large, LogFull)
    assert small == [Appended(PARTITION, 1)]


async def test_a_refusal_says_which_setting_it_is(directory: Path, clock: StillClock) -> None:
    log = await SqliteLog.open(directory, replace(OPTIONS, max_bytes=100_000), clock)

    with pytest.raises(LogFull, match="100000 bytes it may use"):
        await log.append([entry(1, size=200_000)])

    await log.close()
