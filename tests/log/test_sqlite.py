"""The embedded engine: the contract of a log, and what only it promises."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from router.errors import OperatorError
from router.log import writer
from router.log.dedup_index import read_index_mark
from router.log.interface import LogAway, LogFull
from router.log.record import Appended, Gap, Record
from router.log.segment import Segment
from router.log.segments import Segments, Unreadable
from router.log.sqlite import LogOptions, SqliteLog
from router.log.store import Store
from tests.log.contract import RETENTION_S, WINDOW_S, LogContract, is_waiting
from tests.log.damage import segments_of
from tests.log.harness import (
    DAY_S,
    PARTITION,
    OpenLog,
    StillClock,
    entries,
    entry,
    message_ids,
    read_all,
    record,
    sequences,
)

OPTIONS = LogOptions(segment_bytes=16_384, retention_s=RETENTION_S, dedup_window_s=WINDOW_S, tail_bytes=20_000)


class TestSqliteLog(LogContract):
    @pytest.fixture
    def open_log(self, tmp_path: Path, clock: StillClock) -> OpenLog:
        return lambda: SqliteLog.open(tmp_path / "log", OPTIONS, clock)


class TestSqliteLogWithoutTail(LogContract):
    """Every read goes to the files."""

    @pytest.fixture
    def open_log(self, tmp_path: Path, clock: StillClock) -> OpenLog:
        return lambda: SqliteLog.open(tmp_path / "log", replace(OPTIONS, tail_bytes=0, read_bytes=2_000), clock)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
async def log(directory: Path, clock: StillClock) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(directory, OPTIONS, clock)
    yield log
    await log.close()


# --- one commit for all who wait ---


@dataclass
class Gate:
    """Counts the commits of a segment, and holds them while it is shut: a disk as slow as the test likes."""

    commits: int = 0
    opened: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)

    async def until_reached(self) -> None:
        assert await asyncio.to_thread(self.reached.wait, 10)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    gate.opened.set()
    commit = Segment.commit

    def commit_slowly(segment: Segment) -> None:
        gate.commits += 1
        gate.reached.set()
        gate.opened.wait(30)
        commit(segment)

    monkeypatch.setattr(Segment, "commit", commit_slowly)
    yield gate
    gate.opened.set()


async def test_all_whom_the_event_loop_has_ready_share_a_commit(log: SqliteLog, gate: Gate) -> None:
    """However quick the disk is, and though the writer has nothing else to do. (It may have begun to wait only just now.)"""

    async def call(number: int) -> list[Appended]:
        time.sleep(0.005)  # noqa: ASYNC251  # on purpose: the writer would have its turn
        return await log.append([entry(number)])

    answers = await asyncio.gather(*map(call, range(1, 9)))

    assert answers == [[Appended(PARTITION, n)] for n in range(1, 9)]
    assert gate.commits <= 2


async def test_a_hundred_callers_share_three_commits_at_most(log: SqliteLog, gate: Gate) -> None:
    """However long an fsync takes: whoever comes while one runs shares the next."""
    gate.opened.clear()
    calls = [asyncio.create_task(log.append([entry(n)])) for n in range(1, 101)]
    await gate.until_reached()
    gate.opened.set()
    answers = await asyncio.gather(*calls)

    assert sorted(answer.sequence for (answer,) in answers) == list(range(1, 101))
    assert gate.commits <= 3


async def test_promise_1_nobody_is_answered_and_nothing_is_shown_before_the_commit(log: SqliteLog, gate: Gate) -> None:
    gate.opened.clear()
    call = asyncio.ensure_future(log.append([entry(1)]))
    await gate.until_reached()
    wait = asyncio.ensure_future(log.wait(PARTITION, 0))

    assert await is_waiting(wait)
    assert not call.done()
    assert log.end(PARTITION) == 0
    assert await log.read(PARTITION, 0) == []
    assert await log.find("m1") == []

    gate.opened.set()
    assert await call == [Appended(PARTITION, 1)]
    await wait


async def test_promise_4_a_duplicate_is_answered_only_after_the_commit_that_holds_the_first(
    log: SqliteLog, gate: Gate
) -> None:
    gate.opened.clear()
    first = asyncio.create_task(log.append([entry(1)]))
    await gate.until_reached()
    second = asyncio.create_task(log.append([entry(1)]))
    await asyncio.wait({second}, timeout=0.02)

    assert not second.done()

    gate.opened.set()
    assert await first == [Appended(PARTITION, 1)]
    assert await second == [Appended(PARTITION, 1, is_duplicate=True)]
    assert gate.commits == 1


async def test_promise_2_a_repeat_of_what_can_not_be_read_just_now_is_refused_alone(
    directory: Path, clock: StillClock, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is one, only the log can tell. What others send at that moment is stored with one fsync all the same."""
    log = await SqliteLog.open(directory, OPTIONS, clock)
    await log.append([entry(1)])

    def refuse(*_: Any) -> list[Record | Gap]:
        raise Unreadable("no file handles")

    with monkeypatch.context() as patch:
        patch.setattr(Segments, "read", refuse)
        gate.opened.clear()
        first = asyncio.create_task(log.append([entry(2)]))
        await gate.until_reached()
        calls = [asyncio.create_task(log.append(each)) for each in ([entry(3)], [entry(1), entry(4)], [entry(5)])]
        await asyncio.wait(calls, timeout=0.02)
        gate.opened.set()
        three, repeat, five = await asyncio.gather(*calls, return_exceptions=True)

    assert (await first, three, five) == ([Appended(PARTITION, 2)], [Appended(PARTITION, 3)], [Appended(PARTITION, 4)])
    assert isinstance(repeat, LogAway)
    assert await log.append([entry(1), entry(4)]) == [Appended(PARTITION, 1, is_duplicate=True), Appended(PARTITION, 5)]
    await log.close()


async def test_a_slow_commit_holds_up_neither_the_event_loop_nor_the_readers(log: SqliteLog, gate: Gate) -> None:
    await log.append(entries(1, 300))
    gate.reached.clear()
    gate.opened.clear()
    call = asyncio.create_task(log.append([entry(301)]))
    await gate.until_reached()

    assert await sequences(log) == list(range(1, 301))
    assert await log.find("m7") == [record(7, entry(7))]
    assert not call.done()

    gate.opened.set()
    await call


async def test_row_22_a_commit_that_hangs_is_stuck_until_it_ends(
    directory: Path, clock: StillClock, gate: Gate
) -> None:
    monotonic = StillClock()
    log = await SqliteLog.open(directory, OPTIONS, clock, monotonic=monotonic)
    gate.opened.clear()
    call = asyncio.create_task(log.append([entry(1)]))
    await gate.until_reached()
    monotonic.now_s += 2
    hiccup = log.stuck
    monotonic.now_s += 2
    hang = log.stuck

    gate.opened.set()
    await call
    await log.append([entry(2)])

    assert hiccup == []
    assert hang == ["the disk is too slow: a write of the log has taken 4 s so far"]
    assert log.stuck == []
    await log.close()


class LateTimeout(threading.Condition):
    """What it waits for comes just when its patience ends, again and again: the wait says that nothing has come."""

    def wait(self, timeout: float | None = None) -> bool:
        came = super().wait(timeout)
        return came and timeout is None


async def test_what_comes_as_the_writers_patience_ends_is_answered(
    directory: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that is told to come back in a second does so at the very moment at which the writer turns to the index."""
    monkeypatch.setattr(writer, "INDEX_S", 60.0)
    monkeypatch.setattr(writer, "Condition", LateTimeout)
    log = await SqliteLog.open(directory, OPTIONS, clock)

    async with asyncio.timeout(10):
        answers = [await log.append([entry(n)]) for n in range(1, 4)]
        await log.trim({PARTITION: 1})
    await log.close()

    assert answers == [[Appended(PARTITION, n)] for n in range(1, 4)]


async def test_a_bug_in_the_index_leaves_nobody_without_an_answer(
    directory: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(store: Store) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(writer, "INDEXED_TOGETHER", 1)
    log = await SqliteLog.open(directory, OPTIONS, clock)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "index", fail)
        async with asyncio.timeout(10):
            answers = [await log.append([entry(n)]) for n in range(1, 4)]
            await log.trim({PARTITION: 1})
    await log.close()

    assert answers == [[Appended(PARTITION, n)] for n in range(1, 4)]


async def test_promise_8_what_waits_for_a_slow_disk_is_bounded(directory: Path, clock: StillClock, gate: Gate) -> None:
    log = await SqliteLog.open(directory, replace(OPTIONS, max_waiting_bytes=10_000), clock)
    gate.opened.clear()
    first = asyncio.create_task(log.append([entry(1)]))
    await gate.until_reached()
    calls = [asyncio.create_task(log.append([entry(n, size=1_000)])) for n in range(2, 102)]
    await asyncio.wait(calls, timeout=0.02)
    refused = [call for call in calls if call.done()]

    assert len(refused) == 90
    assert all(isinstance(call.exception(), LogFull) for call in refused)

    gate.opened.set()
    await first
    await asyncio.gather(*(call for call in calls if call not in refused))
    assert (await log.append([entry(500)]))[0].sequence == 12
    await log.close()


async def test_a_call_larger_than_what_may_wait_is_taken_when_it_is_alone(directory: Path, clock: StillClock) -> None:
    log = await SqliteLog.open(directory, replace(OPTIONS, max_waiting_bytes=1_000), clock)

    answers = await log.append(entries(1, 20))
    await log.close()

    assert len(answers) == 20


async def test_one_large_call_is_one_commit(directory: Path, clock: StillClock, gate: Gate) -> None:
    """All of a call or none of it, whatever its size."""
    log = await SqliteLog.open(directory, replace(OPTIONS, group_bytes=1_000), clock)

    await log.append(entries(1, 2_000))
    await log.close()

    assert gate.commits == 1


async def test_retention_waits_for_its_turn_behind_a_commit(log: SqliteLog, gate: Gate) -> None:
    gate.opened.clear()
    call = asyncio.create_task(log.append([entry(1)]))
    await gate.until_reached()
    trim = asyncio.ensure_future(log.trim({PARTITION: 1}))
    assert await is_waiting(trim)

    gate.opened.set()
    await asyncio.gather(call, trim)


# --- one writer, any readers ---


async def test_retention_that_is_broken_off_leaves_the_writer_at_work(log: SqliteLog, gate: Gate) -> None:
    """While it waits for its turn behind a commit."""
    gate.opened.clear()
    first = asyncio.create_task(log.append([entry(1)]))
    await gate.until_reached()
    trimming = asyncio.create_task(log.trim({PARTITION: 1}))
    await asyncio.sleep(0)
    trimming.cancel()
    await asyncio.wait({trimming})
    gate.opened.set()

    async with asyncio.timeout(10):
        assert await first == [Appended(PARTITION, 1)]
        assert await log.append([entry(2)]) == [Appended(PARTITION, 2)]
    assert log.stuck == []


async def test_a_second_writer_is_refused_and_told_why(log: SqliteLog, directory: Path, clock: StillClock) -> None:
    with pytest.raises(OperatorError, match=r"another router .* has this log open"):
        await SqliteLog.open(directory, OPTIONS, clock)

    assert await log.append([entry(1)]) == [Appended(PARTITION, 1)]


SECOND_WRITER = """
import asyncio, pathlib, sys
from router.errors import OperatorError
from router.log.sqlite import LogOptions, SqliteLog
try:
    asyncio.run(SqliteLog.open(pathlib.Path(sys.argv[1]), LogOptions(), lambda: 0.0))
except OperatorError as error:
    sys.exit(str(error))
"""


async def test_a_second_process_is_refused(log: SqliteLog, directory: Path) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", SECOND_WRITER, str(directory)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert "another router" in done.stderr


async def test_a_writer_that_was_refused_has_not_freed_the_lock(
    log: SqliteLog, directory: Path, clock: StillClock
) -> None:
    for _ in range(3):
        with pytest.raises(OperatorError):
            await SqliteLog.open(directory, OPTIONS, clock)


async def test_a_log_that_could_not_be_opened_is_not_locked(directory: Path, clock: StillClock) -> None:
    directory.mkdir()
    (directory / "log.json").mkdir()
    with pytest.raises(OperatorError):
        await SqliteLog.open(directory, OPTIONS, clock)
    (directory / "log.json").rmdir()

    log = await SqliteLog.open(directory, OPTIONS, clock)
    await log.close()


async def test_who_only_reads_sees_what_a_running_writer_has_committed(
    log: SqliteLog, directory: Path, clock: StillClock
) -> None:
    await log.append(entries(1, 100))

    reader = await SqliteLog.open(directory, OPTIONS, clock, read_only=True)
    try:
        assert reader.id == log.id
        assert reader.end(PARTITION) == 100
        assert await read_all(reader) == [record(n, entry(n)) for n in range(1, 101)]
        assert await reader.find("m42") == [record(42, entry(42))]

        waiting = asyncio.create_task(reader.wait(PARTITION, 100))
        await log.append(entries(101, 200))
        await asyncio.wait_for(waiting, 20)
        assert await reader.read(PARTITION, 100, 1) == [record(101, entry(101))]
    finally:
        await reader.close()


async def test_who_only_reads_follows_what_retention_gives_up(
    log: SqliteLog, directory: Path, clock: StillClock
) -> None:
    for start in range(1, 201, 10):
        await log.append(entries(start, start + 9))
    reader = await SqliteLog.open(directory, OPTIONS, clock, read_only=True)
    try:
        clock.now_s += RETENTION_S + 2 * DAY_S
        await log.append(entries(201, 210, received_at_s=clock.now_s))
        await log.trim({PARTITION: 211})
        await reader.wait(PARTITION, 209)
        found = await read_all(reader)
    finally:
        await reader.close()

    start = log.start(PARTITION)
    assert found[0] == Gap(PARTITION, 1, start - 1, "expired")
    assert [each.sequence for each in found[1:] if isinstance(each, Record)] == list(range(start, 211))


def contents_of(directory: Path) -> dict[str, bytes]:
    """Every file there, but for those that SQLite keeps for its locks."""
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir()) if not path.name.endswith("-shm")}


@pytest.mark.parametrize("is_running", [True, False], ids=["beside a writer", "alone"])
async def test_who_only_reads_leaves_the_files_as_they_are(
    directory: Path, clock: StillClock, is_running: bool
) -> None:
    log = await SqliteLog.open(directory, OPTIONS, clock)
    await log.append(entries(1, 100))
    await log.trim({})  # comes after the index, which is written behind the answers
    if not is_running:
        await log.close()
    before = contents_of(directory)

    reader = await SqliteLog.open(directory, OPTIONS, clock, read_only=True)
    assert await sequences(reader) == list(range(1, 101))
    await reader.find("m1")
    await reader.close()

    after = {name: content for name, content in contents_of(directory).items() if content or name in before}
    assert after == before
    await log.close()


async def test_who_only_reads_can_neither_append_nor_trim(log: SqliteLog, directory: Path, clock: StillClock) -> None:
    reader = await SqliteLog.open(directory, OPTIONS, clock, read_only=True)
    try:
        with pytest.raises(RuntimeError, match="reading only"):
            await reader.append([entry(1)])
        with pytest.raises(RuntimeError, match="reading only"):
            await reader.trim({PARTITION: 1})
    finally:
        await reader.close()


@pytest.mark.parametrize(
    "prepare", [lambda path: None, lambda path: path.mkdir()], ids=["no directory", "an empty one"]
)
async def test_who_only_reads_needs_a_log(directory: Path, clock: StillClock, prepare: Callable[[Path], None]) -> None:
    prepare(directory)

    with pytest.raises(OperatorError, match="there is no log here"):
        await SqliteLog.open(directory, OPTIONS, clock, read_only=True)

    assert not directory.exists() or not list(directory.iterdir())


async def test_a_reader_that_has_a_segment_open_does_not_keep_the_writer_from_rolling(
    log: SqliteLog, directory: Path, clock: StillClock
) -> None:
    await log.append(entries(1, 5))
    reader = await SqliteLog.open(directory, OPTIONS, clock, read_only=True)
    try:
        await read_all(reader)
        for start in range(6, 206, 10):
            await log.append(entries(start, start + 9))
            assert await reader.read(PARTITION, start - 1) == [record(n, entry(n)) for n in range(start, start + 10)]
    finally:
        await reader.close()

    assert await sequences(log) == list(range(1, 206))
    assert len(list(directory.glob("segment-*.sqlite"))) > 3


# --- segments and space ---


async def test_the_log_is_spread_over_segments_that_are_plain_files_but_for_the_last(
    log: SqliteLog, directory: Path
) -> None:
    for start in range(1, 301, 10):
        await log.append(entries(start, start + 9))

    segments = sorted(directory.glob("segment-*.sqlite"))
    assert len(segments) > 3
    assert [path.name.removesuffix("-wal") for path in directory.glob("segment-*-wal")] == [segments[-1].name]


@pytest.mark.parametrize("name", ["a b", "100%", "what?mode=memory", "#1", "ünï"])
async def test_any_directory_name_will_do(tmp_path: Path, clock: StillClock, name: str) -> None:
    for start in (1, 101):
        log = await SqliteLog.open(tmp_path / name, OPTIONS, clock)
        await log.append(entries(start, start + 99))
        await log.close()
    log = await SqliteLog.open(tmp_path / name, OPTIONS, clock)

    assert await sequences(log) == list(range(1, 201))
    assert await log.find("m150") == [record(150, entry(150))]
    await log.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]


async def test_what_is_said_to_be_used_is_what_the_segments_take(log: SqliteLog, directory: Path) -> None:
    await log.append(entries(1, 300))

    assert log.size_bytes == sum(path.stat().st_size for path in directory.glob("segment-*") if "-shm" not in path.name)


async def test_a_backlog_is_cut_where_what_follows_fits(log: SqliteLog) -> None:
    for start in range(1, 401, 10):
        await log.append(entries(start, start + 9))

    assert log.sequence_at_backlog(PARTITION, log.size_bytes) == 0
    cuts = [log.sequence_at_backlog(PARTITION, log.size_bytes * share // 10) for share in range(10)]
    assert cuts == sorted(cuts, reverse=True)
    assert 100 < cuts[5] < 300
    assert all(0 <= cut <= 400 for cut in cuts)


async def test_retention_gives_up_the_old_where_few_events_come(log: SqliteLog, clock: StillClock) -> None:
    """One event a day never fills a segment; that must not keep every event for ever."""
    for day in range(1, 41):
        await log.append([entry(day, received_at_s=clock.now_s)])
        clock.now_s += DAY_S
        await log.trim({PARTITION: day + 1})

    assert log.end(PARTITION) == 40
    assert log.start(PARTITION) > 25


@pytest.mark.parametrize("is_stopped", [False, True], ids=["that runs on", "that is stopped meanwhile"])
async def test_events_from_when_a_clock_was_a_year_ahead_keep_no_others_from_being_given_up(
    directory: Path, clock: StillClock, is_stopped: bool
) -> None:
    log = await SqliteLog.open(directory, OPTIONS, clock)
    clock.now_s += 365 * DAY_S
    await log.append([entry(number, received_at_s=clock.now_s) for number in range(1, 101)])
    clock.now_s -= 365 * DAY_S
    if is_stopped:
        await log.close()
        log = await SqliteLog.open(directory, OPTIONS, clock)

    for day in range(101, 141):
        await log.append([entry(day, received_at_s=clock.now_s)])
        clock.now_s += DAY_S
        await log.trim({PARTITION: day + 1})
    start = log.start(PARTITION)
    await log.close()

    assert start > 125


@pytest.mark.parametrize("days", [-365, -1, 365])
async def test_a_clock_that_is_wrong_for_a_day_makes_no_segment_for_each_event(
    directory: Path, clock: StillClock, days: int
) -> None:
    log = await SqliteLog.open(directory, LogOptions(), clock)
    await log.append([entry(1, received_at_s=clock.now_s)])
    for jump_s in (days * DAY_S, -days * DAY_S):
        clock.now_s += jump_s
        for number in range(100):
            clock.now_s += 60
            await log.append([entry(number, source=str(jump_s), received_at_s=clock.now_s)])
    await log.close()

    assert len(segments_of(directory)) <= 4


async def test_what_came_before_a_clock_was_set_back_is_kept_for_its_time(directory: Path, clock: StillClock) -> None:
    """A machine that starts in 1970 and asks for the time afterwards takes nothing that is new for old."""
    log = await SqliteLog.open(directory, OPTIONS, clock)
    await log.append([entry(number, received_at_s=clock.now_s) for number in range(1, 201)])
    now_s, clock.now_s = clock.now_s, 100.0
    await log.append([entry(number, received_at_s=clock.now_s) for number in range(201, 401)])
    await log.trim({PARTITION: 401})
    assert log.start(PARTITION) == 1

    clock.now_s = now_s
    await log.append([entry(401, received_at_s=clock.now_s)])
    await log.trim({PARTITION: 402})

    assert log.start(PARTITION) == 1
    await log.close()


async def test_a_partition_that_nobody_speaks_for_is_needed_whole(log: SqliteLog, clock: StillClock) -> None:
    await log.append(entries(1, 200))
    clock.now_s += 100 * DAY_S

    await log.trim({})

    assert log.start(PARTITION) == 1


async def test_a_partition_that_is_not_there_is_refused(log: SqliteLog) -> None:
    with pytest.raises(LookupError, match="partition 1"):
        await log.read(1, 0)


async def test_a_read_is_bounded_in_bytes_and_never_empty(directory: Path, clock: StillClock) -> None:
    log = await SqliteLog.open(directory, replace(OPTIONS, tail_bytes=0, read_bytes=1_000), clock)
    await log.append([entry(1, size=50_000), *(entry(n, size=400) for n in range(2, 10))])

    sizes = []
    after = 0
    while part := await log.read(PARTITION, after):
        sizes.append(len(part))
        after += len(part)
    await log.close()

    assert sizes == [1, 3, 3, 2]


async def test_many_readers_side_by_side_each_see_everything(directory: Path, clock: StillClock) -> None:
    log = await SqliteLog.open(directory, replace(OPTIONS, tail_bytes=0), clock)
    await log.append(entries(1, 300))

    found = await asyncio.gather(*(read_all(log, limit=7 + n) for n in range(12)))
    await log.close()

    assert all(each == [record(n, entry(n)) for n in range(1, 301)] for each in found)


async def test_a_reader_that_is_cancelled_disturbs_nobody(directory: Path, clock: StillClock) -> None:
    log = await SqliteLog.open(directory, replace(OPTIONS, tail_bytes=0), clock)
    await log.append(entries(1, 300))
    readers = [asyncio.create_task(read_all(log)) for _ in range(10)]
    await asyncio.sleep(0)
    for reader in readers[:9]:
        reader.cancel()

    assert len(await readers[9]) == 300
    await log.close()


# --- derived files may be lost ---


@pytest.mark.parametrize(
    "names", [["dedup.sqlite"], ["log.mark"], ["log.json"], ["dedup.sqlite", "log.mark", "log.json"]]
)
async def test_what_is_derived_is_made_again(directory: Path, clock: StillClock, names: list[str]) -> None:
    log = await SqliteLog.open(directory, OPTIONS, clock)
    log_id = log.id
    await log.append(entries(1, 200))
    await log.close()
    for name in names:
        (directory / name).unlink()

    log = await SqliteLog.open(directory, OPTIONS, clock)
    answers = await log.append(entries(150, 201))
    await log.close()

    assert log.id == log_id
    assert [each.sequence for each in answers] == list(range(150, 202))
    assert [each.is_duplicate for each in answers] == [True] * 51 + [False]


@pytest.mark.parametrize("others", [0, 3_000], ids=["alone", "among many"])
async def test_both_events_of_one_id_are_found_where_a_window_lies_between_them(
    directory: Path, clock: StillClock, others: int
) -> None:
    """The index knows the newer one, and where it knows no older ones."""
    log = await SqliteLog.open(directory, LogOptions(dedup_window_s=DAY_S, retention_s=30 * DAY_S), clock)
    for _ in range(2):
        await log.append([entry(number, received_at_s=clock.now_s) for number in range(1, others + 2)])
        await log.trim({})  # comes after the index
        clock.now_s += 5 * DAY_S

    found = await log.find("m1")
    await log.close()

    assert [each.sequence for each in found] == [1, others + 2]


@pytest.mark.parametrize("mishap", ["the index is lost", "a crash before the index"])
async def test_both_events_of_one_id_are_found_where_the_index_was_read_from_the_log(
    directory: Path, clock: StillClock, mishap: str
) -> None:
    options = LogOptions(dedup_window_s=DAY_S, retention_s=30 * DAY_S)
    log = await SqliteLog.open(directory, options, clock)
    await log.append([entry(1, received_at_s=clock.now_s)])
    await log.trim({})  # comes after the index
    before = shutil.copytree(directory, directory.with_name("before"))
    clock.now_s += DAY_S + 60
    await log.append([entry(1, received_at_s=clock.now_s)])
    await log.close()
    for path in directory.glob("dedup*"):
        path.unlink()
    if mishap == "a crash before the index":
        for path in before.glob("dedup*"):
            shutil.copy(path, directory)

    log = await SqliteLog.open(directory, options, clock)
    found = await log.find("m1")
    await log.close()

    assert [each.sequence for each in found] == [1, 2]


async def test_promise_4_a_repeat_of_what_was_given_up_is_a_duplicate_while_the_window_lasts(
    directory: Path, clock: StillClock
) -> None:
    """Retention may be shorter than the window. Whoever needed the event has had it."""
    log = await SqliteLog.open(directory, replace(OPTIONS, retention_s=DAY_S), clock)
    for start in range(1, 201, 10):
        await log.append(entries(start, start + 9))
    clock.now_s += 3 * DAY_S
    await log.append(entries(201, 220, received_at_s=clock.now_s))
    await log.trim({PARTITION: 221})
    assert log.start(PARTITION) > 5

    answers = await log.append([entry(5, received_at_s=clock.now_s)])
    await log.close()

    assert answers == [Appended(PARTITION, 5, is_duplicate=True)]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"user_id": "half a pair \ud800"}, id="half a character"),
        pytest.param({"received_at_s": float("nan")}, id="no time"),
        pytest.param({"email": 5}, id="no text"),
    ],
)
async def test_what_is_wrong_with_an_entry_is_no_concern_of_those_who_share_its_commit(
    directory: Path, clock: StillClock, bad: dict[str, Any]
) -> None:
    log = await SqliteLog.open(directory, OPTIONS, clock)

    answers = await asyncio.gather(
        log.append([entry(1)]), log.append([replace(entry(2), **bad)]), log.append([entry(3)]), return_exceptions=True
    )

    assert [answers[0], answers[2]] == [[Appended(PARTITION, 1)], [Appended(PARTITION, 2)]]
    assert isinstance(answers[1], ValueError)
    assert await message_ids(log) == ["m1", "m3"]
    await log.close()


async def test_promise_1_a_bug_in_a_commit_is_told_to_its_callers_and_ends_nothing(
    directory: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the writer ended, or kept it to itself, they would wait for ever."""
    log = await SqliteLog.open(directory, OPTIONS, clock)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", lambda store, calls: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(log.append([entry(1)]), 20)

    assert await asyncio.wait_for(log.append([entry(1)]), 20) == [Appended(PARTITION, 1)]
    assert log.stuck == []
    await log.close()


async def test_an_index_of_another_log_is_not_believed(tmp_path: Path, clock: StillClock) -> None:
    """It would answer what was never stored here as duplicates."""
    for name, first in (("ours", 1), ("theirs", 101)):
        log = await SqliteLog.open(tmp_path / name, OPTIONS, clock)
        await log.append(entries(first, first + 9))
        await log.close()
    (tmp_path / "theirs" / "dedup.sqlite").replace(tmp_path / "ours" / "dedup.sqlite")

    log = await SqliteLog.open(tmp_path / "ours", OPTIONS, clock)
    new = await log.append([entry(101)])
    old = await log.append([entry(1)])
    await log.close()

    assert new == [Appended(PARTITION, 11)]
    assert old == [Appended(PARTITION, 1, is_duplicate=True)]


async def test_the_index_is_written_when_nothing_has_come_for_a_while(
    directory: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not with every commit; until then the keys are in memory."""
    monkeypatch.setattr(writer, "INDEX_S", 0.01)
    indexed = threading.Event()
    index = Store.index

    def index_and_tell(store: Store) -> None:
        index(store)
        indexed.set()

    monkeypatch.setattr(Store, "index", index_and_tell)
    log = await SqliteLog.open(directory, OPTIONS, clock)
    await log.append(entries(1, 50))
    assert await asyncio.to_thread(indexed.wait, 20)
    mark = read_index_mark(directory / "dedup.sqlite", log.id)
    await log.close()

    assert mark == 50


async def test_an_index_that_is_older_than_the_log_is_brought_up_to_date(directory: Path, clock: StillClock) -> None:
    """A kill or a power cut costs the index its last transactions."""
    log = await SqliteLog.open(directory, OPTIONS, clock)
    await log.append(entries(1, 50))
    await log.close()
    old = (directory / "dedup.sqlite").read_bytes()
    log = await SqliteLog.open(directory, OPTIONS, clock)
    await log.append(entries(51, 200))
    await log.close()
    (directory / "dedup.sqlite").write_bytes(old)

    log = await SqliteLog.open(directory, OPTIONS, clock)
    answers = await log.append(entries(1, 200))
    found = await message_ids(log)
    await log.close()

    assert [each.sequence for each in answers] == list(range(1, 201))
    assert all(each.is_duplicate for each in answers)
    assert len(found) == 200


@pytest.mark.parametrize("appended", [0, 20], ids=["as it is asked", "as it is brought up to date"])
async def test_promise_4_damage_to_an_index_that_could_be_opened_lets_no_duplicate_in(
    directory: Path, clock: StillClock, appended: int
) -> None:
    """It shows when a page is read. From then on the log itself is asked, and an index is made anew from it."""
    log = await SqliteLog.open(directory, OPTIONS, clock)
    await log.append(entries(1, 200))
    await log.close()
    index = bytearray((directory / "dedup.sqlite").read_bytes())
    index[4096:8192] = bytes(4096)  # the first page of the keys
    log = await SqliteLog.open(directory, OPTIONS, clock)
    await log.append(entries(201, 200 + appended))
    await log.close()
    (directory / "dedup.sqlite").write_bytes(index)

    for _ in range(2):  # and the index that was made is a sound one
        log = await SqliteLog.open(directory, OPTIONS, clock)
        answers = await log.append(entries(1, 200 + appended))
        await log.close()

        assert [each.sequence for each in answers] == list(range(1, 201 + appended))
        assert all(each.is_duplicate for each in answers)
