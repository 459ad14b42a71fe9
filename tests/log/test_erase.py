"""People are erased from the log: nothing of theirs can be read, all else stays as it is and where it is."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from router.event import Event
from router.log.checkup import check_log
from router.log.interface import LogAway
from router.log.record import Entry, Record, last_of
from router.log.schema import PAGE_BYTES
from router.log.segments import Segments
from router.log.sqlite import LogOptions, SqliteLog
from router.log.tombstone import tombstone
from router.suppressed import Person, Suppressed
from tests.log.harness import NOW_S, PARTITION, StillClock, read_all

OPTIONS = LogOptions(segment_bytes=40_000, tail_bytes=0)
EVENTS = 300
SECRET = "nobody else's word"
ADA = Suppressed.of([Person("userId", "ada")])


def make_entry(number: int) -> Entry:
    """Every fifth event is Ada's; she has a phone, and was somebody else before."""
    document: dict[str, Any] = {"type": "track", "messageId": f"m{number}", "userId": f"u{number % 7}", "n": number}
    if number % 5 == 0:
        document |= {"userId": "ada", "anonymousId": "phone", "properties": {"text": SECRET * 3}}
    if number % 50 == 1:
        document |= {"type": "alias", "userId": "u1", "previousId": "ada"}
    event = Event(**document, timestamp="2026-01-01T00:00:00.000Z", receivedAt="2026-01-01T00:00:00.000Z")
    return Entry.of(event, "website", NOW_S, event.to_json())


ENTRIES = {number: make_entry(number) for number in range(1, EVENTS + 1)}
THEIRS = {number for number, entry in ENTRIES.items() if ADA.names(orjson.loads(entry.event))}


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock())
    for first in range(1, EVENTS + 1, 5):
        await log.append([ENTRIES[number] for number in range(first, first + 5)])
    yield log
    await log.close()


def assert_erased(found: Sequence[object], theirs: set[int] = THEIRS) -> None:
    records = [each for each in found if isinstance(each, Record)]
    assert [each.sequence for each in records] == list(range(1, len(records) + 1))
    for each in records:
        before = ENTRIES[each.sequence]
        assert (each.source, each.message_id, each.type, each.received_at_s) == (
            "website",
            before.message_id,
            before.type,
            NOW_S,
        )
        if each.sequence in theirs:
            assert each.event == tombstone(before.type, before.message_id, NOW_S)
            assert each.user_key == before.message_id
        else:
            assert (each.event, each.user_key) == (before.event, before.user_key)


def assert_no_trace(directory: Path) -> None:
    """Not in any byte of any file."""
    for path in directory.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert SECRET.encode() not in data, path
            assert b'"ada"' not in data, path


async def test_row_53_nothing_of_theirs_is_left_in_any_file(log: SqliteLog, tmp_path: Path) -> None:
    assert log.end(PARTITION) == EVENTS

    erased = await log.erase(ADA)

    assert (erased.events, erased.anonymous_ids, erased.left) == (len(THEIRS), {"phone"}, [])
    assert (erased.tombstones, erased.aliases) == (THEIRS, {"ada", "u1"})
    assert_erased(await read_all(log))
    assert_no_trace(tmp_path / "log")
    again = await log.erase(ADA)
    assert (again.events, again.tombstones) == (0, erased.tombstones)
    report = check_log(tmp_path / "log")
    assert (report.is_sound, report.end) == (True, EVENTS)


async def test_a_segment_that_is_only_shorter_than_it_was_is_not_named_as_a_damaged_file_to_remove(
    log: SqliteLog, tmp_path: Path
) -> None:
    """It is the only one with the events of others."""
    await log.close()
    last = sorted((tmp_path / "log").glob("segment-*.sqlite"))[-1]
    with closing(sqlite3.connect(last)) as connection, connection:
        connection.execute("DELETE FROM events WHERE sequence > ?", (EVENTS - 2,))
    again = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock())
    try:
        erased = await again.erase(ADA)

        assert erased.left == []
        assert_erased((await read_all(again))[: EVENTS - 2])
    finally:
        await again.close()


async def test_a_log_whose_folder_is_named_from_here_is_erased_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `data: ./var` names it."""
    monkeypatch.chdir(tmp_path)
    log = await SqliteLog.open(Path("log"), OPTIONS, StillClock())
    await log.append(list(ENTRIES.values()))

    await log.erase(ADA)

    assert_erased(await read_all(log))
    await log.close()
    assert_no_trace(tmp_path / "log")


async def test_the_log_goes_on_after_it_and_over_a_restart(log: SqliteLog, tmp_path: Path) -> None:
    """A repeat of an erased event is still known as one."""
    await log.erase(ADA)

    [repeated, added] = await log.append([ENTRIES[5], make_entry(EVENTS + 1)])
    await log.close()
    again = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock())
    try:
        assert (repeated.is_duplicate, repeated.sequence, added.sequence) == (True, 5, EVENTS + 1)
        found = await read_all(again)
        assert_erased(found[:-1])
        assert len(found) == EVENTS + 1
        [record] = await again.find("m5")
        assert record.event == tombstone("track", "m5", NOW_S)
    finally:
        await again.close()


async def test_who_reads_beside_the_router_sees_it(log: SqliteLog, tmp_path: Path) -> None:
    """Processes that deliver keep connections, which lead to the files as they were."""
    reader = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock(), read_only=True)
    try:
        before = await read_all(reader)
        assert {each.event for each in before if isinstance(each, Record)} == {each.event for each in ENTRIES.values()}

        await log.erase(ADA)
        await reader.look()

        assert_erased(await read_all(reader))
    finally:
        await reader.close()


async def test_a_segment_that_somebody_reads_is_erased_all_the_same(log: SqliteLog, tmp_path: Path) -> None:
    """The write-ahead log of the last segment can't be folded in while it is read."""
    [*_, last] = sorted((tmp_path / "log").glob("segment-*.sqlite"))
    with closing(sqlite3.connect(f"file:{last}?mode=ro", uri=True, isolation_level=None)) as reading:
        cursor = reading.execute("SELECT * FROM events")
        cursor.fetchone()
        with pytest.raises(LogAway, match="somebody is reading it"):
            await log.erase(ADA)
        cursor.close()

    await log.erase(ADA)

    assert_erased(await read_all(log))
    assert_no_trace(tmp_path / "log")


async def test_the_tail_in_memory_does_not_remember(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log", LogOptions(), StillClock())
    await log.append(list(ENTRIES.values()))

    await log.erase(ADA)

    assert_erased(await read_all(log))
    await log.append([make_entry(EVENTS + 1)])
    assert len(await read_all(log)) == EVENTS + 1
    await log.close()


async def test_a_damaged_segment_is_saved_first_and_its_file_is_named(log: SqliteLog, tmp_path: Path) -> None:
    await log.close()
    [_, damaged, *_] = sorted((tmp_path / "log").glob("segment-*.sqlite"))
    first = int(damaged.stem.removeprefix("segment-"))
    hers = next(number for number in sorted(THEIRS) if number > first and number % 5 == 0)
    damaged.write_bytes(damaged.read_bytes().replace(b'"messageId":"m%d"' % hers, b'"messageId":"x%d"' % hers))
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock())

    erased = await log.erase(ADA)

    found = await read_all(log)
    assert erased.left == [damaged]
    assert {each.sequence for each in found if isinstance(each, Record)} == ENTRIES.keys() - {hers}
    for each in found:
        if isinstance(each, Record) and each.sequence in THEIRS:
            assert each.event == tombstone(each.type, each.message_id, NOW_S)
    damaged.unlink()
    assert_no_trace(tmp_path / "log")
    await log.close()


async def test_damage_in_the_events_of_others_does_not_hinder_it(tmp_path: Path) -> None:
    """It is met only when they are copied, and perhaps nobody reads the segment any more who would have it saved."""
    big = replace(ENTRIES[2], message_id="big", event=ENTRIES[2].event.replace(b'"m2"', b'"%b"' % (b"filler" * 5_000)))
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock())
    await log.append([big, ENTRIES[5]])
    await log.erase(Suppressed())  # seals it
    await log.close()
    damaged = tmp_path / "log" / "segment-00000000000000000001.sqlite"
    data = damaged.read_bytes()
    lost = (data.rindex(b"filler" * 100) // PAGE_BYTES - 1) * PAGE_BYTES  # which names the next
    damaged.write_bytes(data[:lost] + bytes(PAGE_BYTES) + data[lost + PAGE_BYTES :])
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock())

    erased = await log.erase(ADA)

    assert (erased.events, erased.left) == (1, [damaged])
    [gap, found] = await read_all(log)
    assert isinstance(found, Record)
    assert (last_of(gap), found.event) == (1, tombstone("track", "m5", NOW_S))
    await log.close()


async def test_promise_1_events_that_only_the_pages_still_have_are_saved_first(tmp_path: Path) -> None:
    """SQLite passes a page over that no other page names any more. In a copy it would not be."""
    log = await SqliteLog.open(tmp_path / "log", LogOptions(), StillClock())
    await log.append(list(ENTRIES.values()))
    await log.erase(Suppressed())  # seals it
    await log.close()
    segment = tmp_path / "log" / "segment-00000000000000000001.sqlite"
    data = bytearray(segment.read_bytes())
    inner = next(place for place in range(0, len(data), PAGE_BYTES) if data[place] == 5)  # it names the other pages
    data[inner + 4] -= 1  # one fewer than it did
    segment.write_bytes(data)
    log = await SqliteLog.open(tmp_path / "log", LogOptions(), StillClock())

    await log.erase(ADA)

    found = await read_all(log)
    assert_erased(found)
    assert len(found) == EVENTS
    await log.close()


async def test_promise_1_a_segment_that_a_failing_disk_ended_is_looked_at_to_its_end(tmp_path: Path) -> None:
    """SQLite drops all of a write-ahead log that lies behind a bad sector, and says nothing."""
    log = await SqliteLog.open(tmp_path / "log", LogOptions(tail_bytes=0), StillClock())
    for first in range(1, 101, 5):
        await log.append([ENTRIES[number] for number in range(first, first + 5)])
    [path] = (tmp_path / "log").glob("segment-*.sqlite")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reading:
        reading.execute("SELECT count(*) FROM events").fetchone()
        assert log._writer is not None
        assert log._store is not None
        await asyncio.wrap_future(log._writer.run(log._store.retire))
    wal = path.with_name(path.name + "-wal")
    wal.write_bytes(wal.read_bytes().replace(b'"messageId":"m51"', b'"messageId":"x51"', 1))

    await log.erase(ADA)

    assert_erased(await read_all(log))
    assert log.end(PARTITION) == len(await read_all(log)) == 100
    await log.close()


async def test_a_damaged_write_ahead_log_is_named_with_its_segment(log: SqliteLog, tmp_path: Path) -> None:
    """After a kill it holds most of the last segment: whoever removed the segment alone would leave it."""
    image = tmp_path / "image"
    shutil.copytree(tmp_path / "log", image)
    [wal] = image.glob("segment-*.sqlite-wal")
    wal.write_bytes(wal.read_bytes().replace(b'"messageId":"m300"', b'"messageId":"x300"'))
    log = await SqliteLog.open(image, OPTIONS, StillClock())

    erased = await log.erase(ADA)

    assert erased.left == [wal.with_name(wal.name.removesuffix("-wal")), wal]
    for path in erased.left:
        path.unlink()
    assert_no_trace(image)
    await log.close()


async def test_promise_1_an_emptied_segment_keeps_its_write_ahead_log_until_there_is_room_to_save_it(
    log: SqliteLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite removes the write-ahead log of a database that is empty, and all that is left lies there."""
    image = tmp_path / "image"
    shutil.copytree(tmp_path / "log", image)
    [wal] = image.glob("segment-*.sqlite-wal")
    wal.with_name(wal.name.removesuffix("-wal")).write_bytes(b"")

    def refuse(*_: Any) -> None:
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr("router.log.segments.rescue", refuse)
        log = await SqliteLog.open(image, OPTIONS, StillClock())
        with pytest.raises(LogAway):
            await log.erase(ADA)

    await log.erase(ADA)

    found = await read_all(log)
    assert [each.sequence for each in found if isinstance(each, Record)] == list(ENTRIES)
    await log.close()


@pytest.mark.parametrize("step", ["the draft is whole", "it has its name"])
async def test_a_kill_on_the_way_leaves_the_old_one_or_the_new_one(
    log: SqliteLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    image = tmp_path / "image"
    replace = Segments.replace

    def break_off(self: Segments, *arguments: Any) -> None:
        if step == "it has its name":
            replace(self, *arguments)
        if not image.exists():
            shutil.copytree(tmp_path / "log", image)

    monkeypatch.setattr(Segments, "replace", break_off)
    with suppress(LogAway):
        await log.erase(ADA)
    monkeypatch.undo()

    started = await SqliteLog.open(image, OPTIONS, StillClock())
    try:
        assert [each.sequence for each in await read_all(started) if isinstance(each, Record)] == list(ENTRIES)
        await started.erase(ADA)
        assert_erased(await read_all(started))
        assert_no_trace(image)
    finally:
        await started.close()


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Any:
    def refuse(*_: Any) -> None:
        full = sqlite3.OperationalError("database or disk is full")
        full.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise full

    with monkeypatch.context() as patch:
        patch.setattr("router.log.erase._fill", refuse)
        yield


async def test_on_a_full_disk_nothing_is_lost_and_it_can_be_done_later(
    log: SqliteLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full_disk(monkeypatch), pytest.raises(LogAway, match="not all could be erased from the log"):
        await log.erase(ADA)

    assert len(await read_all(log)) == EVENTS
    assert list((tmp_path / "log").glob("*.new*")) == []
    await log.erase(ADA)
    assert_erased(await read_all(log))
