"""Damaged files, case by case: a start always succeeds, what is left is delivered, exactly what is lost is named, and no
sequence is given out twice. `test_damage_fuzz` does the same at random places.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from router.log.connections import Connections
from router.log.record import Appended, Gap, Record
from router.log.row import Row
from router.log.segment_file import SegmentFile
from router.log.segments import Segments
from router.log.sqlite import SqliteLog
from tests.log.damage import (
    ALL,
    EVENTS,
    EVERYTHING,
    OPTIONS,
    TOTAL,
    WRITTEN,
    Damage,
    add_noise,
    delete,
    empty,
    fill_with_noise,
    first_in,
    flip_an_event,
    last_of,
    make_killed,
    middle_of,
    range_of,
    segments_of,
    wal_of,
    zero_the_first_page,
)
from tests.log.harness import DAY_S, PARTITION, StillClock, assert_only_lost, entries, entry, lost_of, read_all, record


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = tmp_path_factory.mktemp("image") / "log"
    make_killed(tmp_path_factory.mktemp("made"), image)
    return image


@pytest.fixture
def directory(killed: Path, tmp_path: Path) -> Path:
    shutil.copytree(killed, tmp_path / "log")
    return tmp_path / "log"


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


async def lost_by(directory: Path, clock: StillClock) -> set[int]:
    """Start, read everything, append, start again; returns what is lost, which is the same each time."""
    log = await SqliteLog.open(directory, OPTIONS, clock)
    found = await read_all(log)
    lost = assert_only_lost(found, WRITTEN)
    assert log.end(PARTITION) >= EVENTS
    assert lost_of(found) <= EVERYTHING | {log.end(PARTITION)}, "one number more may be given up, and is named too"
    following = log.end(PARTITION) + 1
    assert await log.append(entries(501, 560)) == [Appended(PARTITION, following + n) for n in range(60)]
    await log.close()

    log = await SqliteLog.open(directory, OPTIONS, clock)
    again = await read_all(log)
    await log.close()
    assert again[: len(found)] == found
    assert again[len(found) :] == [record(following + n, entry(501 + n)) for n in range(60)]
    return lost & EVERYTHING


# --- at a start ---


async def test_a_kill_costs_nothing(directory: Path, clock: StillClock) -> None:
    assert await lost_by(directory, clock) == set()
    assert not list(directory.glob("*rescued*"))


@pytest.mark.parametrize("damage", TOTAL.values(), ids=TOTAL)
async def test_a_sealed_segment_that_is_gone_costs_its_events_and_no_other(
    directory: Path, clock: StillClock, damage: Damage
) -> None:
    middle = middle_of(directory)
    belonging = range_of(middle)

    damage(middle)

    assert await lost_by(directory, clock) == belonging


@pytest.mark.parametrize("damage", ALL.values(), ids=ALL)
async def test_damage_stays_within_its_segment(directory: Path, clock: StillClock, damage: Damage) -> None:
    middle = middle_of(directory)
    belonging = range_of(middle)

    damage(middle)

    assert await lost_by(directory, clock) <= belonging


@pytest.mark.parametrize(
    "damage", [add_noise, zero_the_first_page], ids=["bytes behind its end", "the page with the schema"]
)
async def test_what_is_no_event_costs_no_event(directory: Path, clock: StillClock, damage: Damage) -> None:
    damage(middle_of(directory))

    assert await lost_by(directory, clock) == set()


async def test_a_bit_of_an_event_costs_that_event(directory: Path, clock: StillClock) -> None:
    middle = middle_of(directory)
    flip_an_event(middle, first_in(middle) + 3)

    assert await lost_by(directory, clock) == {first_in(middle) + 3}


@pytest.mark.parametrize("name", ["a segment", "dedup.sqlite"])
async def test_what_sqlite_has_no_words_for_costs_no_event(directory: Path, clock: StillClock, name: str) -> None:
    """It quotes the schema that it can't read, byte by byte, and Python can't read that in its turn."""
    path = middle_of(directory) if name == "a segment" else directory / name
    if name != "a segment":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
    content = path.read_bytes()
    assert b"CREATE TABLE" in content
    path.write_bytes(content.replace(b"CREATE TABLE", b"CRE\xe5TE TABLE"))

    assert await lost_by(directory, clock) == set()


@pytest.mark.parametrize("page", [2, 3, 4])
async def test_a_page_costs_the_events_on_it(directory: Path, clock: StillClock, page: int) -> None:
    middle = middle_of(directory)
    belonging = range_of(middle)
    data = bytearray(middle.read_bytes())
    data[page * 4_096 : (page + 1) * 4_096] = bytes(4_096)
    middle.write_bytes(data)

    lost = await lost_by(directory, clock)

    assert len(lost) <= len(belonging) * 3 // 4
    assert lost <= belonging


@pytest.mark.parametrize("damage", ALL.values(), ids=ALL)
async def test_a_damaged_last_segment_is_never_written_again(
    directory: Path, clock: StillClock, damage: Damage
) -> None:
    last = last_of(directory)
    damage(last)
    content = last.read_bytes() if last.exists() else None
    belonging = range_of(last) if last.exists() else set(range(first_in(last), EVENTS + 1))

    lost = await lost_by(directory, clock)

    kept = last.read_bytes() if last.exists() else None
    assert lost <= belonging
    assert kept == content or not lost, "where the write-ahead log has a sound copy of the page, nothing is damaged"


@pytest.mark.parametrize("damage", ALL.values(), ids=ALL)
async def test_a_damaged_write_ahead_log_costs_what_was_in_it_alone(
    directory: Path, clock: StillClock, damage: Damage
) -> None:
    """SQLite takes a torn write-ahead log for a shorter one, without a word; the marks know better."""
    belonging = range_of(last_of(directory))

    damage(wal_of(directory))

    assert await lost_by(directory, clock) <= belonging


@pytest.mark.parametrize("damage", [delete, empty], ids=["deleted", "emptied"])
async def test_a_write_ahead_log_that_is_gone_is_noticed(directory: Path, clock: StillClock, damage: Damage) -> None:
    damage(wal_of(directory))

    lost = await lost_by(directory, clock)

    assert lost
    assert max(lost) == EVENTS


async def test_an_empty_last_segment_in_front_of_a_damaged_one_is_no_trouble(
    directory: Path, clock: StillClock
) -> None:
    """Each start after damage begins a segment; a kill right then leaves it empty."""
    fill_with_noise(last_of(directory))
    for _ in range(3):
        log = await SqliteLog.open(directory, OPTIONS, clock)
        image = directory.with_name(directory.name + "x")
        shutil.copytree(directory, image)
        await log.close()
        directory = image

    log = await SqliteLog.open(directory, OPTIONS, clock)
    first = await log.append([entry(501)])
    found = await read_all(log)
    await log.close()

    assert assert_only_lost(found[:-1], WRITTEN) <= EVERYTHING
    assert first == [Appended(PARTITION, EVENTS + 1)]


MARKS = ["dedup.sqlite", "dedup.sqlite-wal", "log.mark"]


@pytest.mark.parametrize("damage", ALL.values(), ids=ALL)
@pytest.mark.parametrize("name", [*MARKS, "log.json"])
async def test_a_derived_file_costs_no_event(directory: Path, clock: StillClock, name: str, damage: Damage) -> None:
    damage(directory / name)

    assert await lost_by(directory, clock) == set()


@pytest.mark.parametrize("damage", TOTAL.values(), ids=TOTAL)
@pytest.mark.parametrize("name", ["dedup.sqlite", "log.mark"])
async def test_one_mark_is_enough_to_know_where_the_log_ended(
    directory: Path, clock: StillClock, name: str, damage: Damage
) -> None:
    """The last segment and one of the two marks beside it: no sequence is given out twice all the same."""
    last = last_of(directory)
    belonging = range_of(last)
    wal_of(directory).unlink()
    damage(last)
    damage(directory / name)

    assert await lost_by(directory, clock) == belonging


async def test_without_any_mark_what_can_be_saved_of_the_last_segment_says_where_the_log_ended(
    directory: Path, clock: StillClock
) -> None:
    """It is saved first: else its sequences would be given out again."""
    await (await SqliteLog.open(directory, OPTIONS, clock)).close()  # now it is a plain file
    last_of(directory).unlink()  # the one that was begun, which is empty
    zero_the_first_page(last_of(directory))
    for name in MARKS:
        (directory / name).unlink(missing_ok=True)

    log = await SqliteLog.open(directory, OPTIONS, clock)
    [answer] = await log.append([entry(501)])
    found = await read_all(log)
    await log.close()

    assert answer.sequence > EVENTS
    assert assert_only_lost(found[:-1], WRITTEN) & EVERYTHING == set()


async def test_without_any_mark_all_that_is_there_is_delivered(directory: Path, clock: StillClock) -> None:
    """Four files at once: then nothing tells how far the log went, and it goes on after what is left."""
    last = last_of(directory)
    for path in (
        last,
        wal_of(directory),
        directory / "log.mark",
        directory / "dedup.sqlite",
        directory / "dedup.sqlite-wal",
    ):
        path.unlink()

    log = await SqliteLog.open(directory, OPTIONS, clock)
    found = await read_all(log)
    answers = await log.append([entry(501)])
    await log.close()

    assert [item for item in found if isinstance(item, Record)] == [
        record(n, WRITTEN[n]) for n in range(1, first_in(last))
    ]
    assert answers[0].sequence >= first_in(last)


async def test_only_the_write_ahead_log_of_the_last_segment_is_left(directory: Path, clock: StillClock) -> None:
    last = last_of(directory)
    belonging = range_of(last)
    last.unlink()

    lost = await lost_by(directory, clock)

    assert lost < belonging


async def test_every_segment_is_damaged_somewhere(directory: Path, clock: StillClock) -> None:
    flipped = {first_in(segment) + 3 for segment in segments_of(directory)[:-1]}
    for segment in segments_of(directory)[:-1]:
        flip_an_event(segment, first_in(segment) + 3)

    assert await lost_by(directory, clock) == flipped


@pytest.mark.parametrize("damage", TOTAL.values(), ids=TOTAL)
async def test_all_segments_are_gone(directory: Path, clock: StillClock, damage: Damage) -> None:
    log_id = (directory / "log.json").read_bytes()
    for path in directory.glob("segment-*"):
        damage(path)

    log = await SqliteLog.open(directory, OPTIONS, clock)
    found = await read_all(log)
    answers = await log.append([entry(1)])
    await log.close()

    assert not [item for item in found if isinstance(item, Record)]
    assert lost_of(found) >= EVERYTHING
    assert answers[0] == Appended(PARTITION, max(lost_of(found)) + 1), "a lost event that comes again is taken"
    assert (directory / "log.json").read_bytes() == log_id


@pytest.mark.parametrize("count", [1, 3])
async def test_the_first_segments_are_lost_and_not_given_up(directory: Path, clock: StillClock, count: int) -> None:
    """Retention takes segments from the front too; what it did not take is damage."""
    lost = set().union(*(range_of(segment) for segment in segments_of(directory)[:count]))
    for segment in segments_of(directory)[:count]:
        segment.unlink()

    log = await SqliteLog.open(directory, OPTIONS, clock)
    found = await read_all(log)
    answers = await log.append([WRITTEN[1]])
    await log.close()

    assert found[0] == Gap(PARTITION, 1, max(lost), "damaged")
    assert assert_only_lost(found, WRITTEN) == lost
    assert answers == [Appended(PARTITION, EVENTS + 1)]


@pytest.fixture
async def trimmed(directory: Path, clock: StillClock) -> Path:
    """Retention took the first segments and a kill came: ``log.start`` says how far."""
    clock.now_s += 10 * DAY_S
    log = await SqliteLog.open(directory, OPTIONS, clock)
    await log.trim({PARTITION: 150})
    image = directory.with_name("trimmed")
    shutil.copytree(directory, image)
    await log.close()
    return image


async def test_what_retention_took_can_be_told_from_what_was_lost(trimmed: Path, clock: StillClock) -> None:
    start = first_in(segments_of(trimmed)[0])
    belonging = range_of(segments_of(trimmed)[0])
    segments_of(trimmed)[0].unlink()

    log = await SqliteLog.open(trimmed, OPTIONS, clock)
    found = await read_all(log)
    await log.close()

    assert 1 < start <= 150
    assert found[:2] == [
        Gap(PARTITION, 1, start - 1, "expired"),
        Gap(PARTITION, start, max(belonging), "damaged"),
    ]


@pytest.mark.parametrize("damage", ALL.values(), ids=ALL)
async def test_retention_is_not_taken_for_damage_though_its_mark_is(
    trimmed: Path, clock: StillClock, damage: Damage
) -> None:
    start = first_in(segments_of(trimmed)[0])
    damage(trimmed / "log.start")

    for _ in range(2):
        log = await SqliteLog.open(trimmed, OPTIONS, clock)
        found = await read_all(log)
        reader = await SqliteLog.open(trimmed, OPTIONS, clock, read_only=True)
        assert await read_all(reader) == found
        await reader.close()
        await log.close()

    assert found[0] == Gap(PARTITION, 1, start - 1, "expired")
    assert not any(item.reason == "damaged" for item in found if isinstance(item, Gap))


# --- what SQLite would not notice ---


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


COLUMNS = {
    "source": "'other'",
    "message_id": "'other'",
    "user_key": "'other'",
    "user_id": "NULL",
    "anonymous_id": "'other'",
    "email": "'eve@example.com'",
    "type": "'identify'",
    "received_at_s": "received_at_s + 1",
    "event": "CAST(event || ' ' AS BLOB)",
    "checksum": "x'00'",
}


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_row_that_is_not_what_was_written_is_lost_and_no_other(
    directory: Path, clock: StillClock, column: str
) -> None:
    middle = middle_of(directory)
    changed = first_in(middle) + 7
    change(middle, f"UPDATE events SET {column} = {COLUMNS[column]} WHERE sequence = {changed}")

    assert await lost_by(directory, clock) == {changed}


async def test_a_row_that_is_missing_is_named(directory: Path, clock: StillClock) -> None:
    middle = middle_of(directory)
    missing = first_in(middle) + 7
    change(middle, f"UPDATE events SET event = zeroblob(200) WHERE sequence = {missing}")
    change(middle, f"DELETE FROM events WHERE sequence = {missing}")

    assert await lost_by(directory, clock) == {missing}


async def test_a_row_under_another_sequence_is_not_delivered_as_that(directory: Path, clock: StillClock) -> None:
    middle = middle_of(directory)
    first = first_in(middle)
    change(middle, f"UPDATE events SET event = zeroblob(200) WHERE sequence = {first + 3}")
    change(middle, f"DELETE FROM events WHERE sequence = {first + 3}")
    change(middle, f"UPDATE events SET sequence = {first + 3} WHERE sequence = {first + 9}")

    assert await lost_by(directory, clock) >= {first + 3}


async def test_a_segment_under_another_name_gives_nothing_that_is_wrong(directory: Path, clock: StillClock) -> None:
    """Somebody restores files by hand."""
    middle = middle_of(directory)
    belonging = range_of(middle)
    other = segments_of(directory)[2]
    shutil.copyfile(other, middle)

    assert await lost_by(directory, clock) == belonging


# --- duplicates of what is lost ---


async def test_a_lost_event_that_comes_again_is_taken(directory: Path, clock: StillClock) -> None:
    """The index still has its key; but a key without its event answers nobody."""
    middle = middle_of(directory)
    lost = min(range_of(middle))
    fill_with_noise(middle)

    log = await SqliteLog.open(directory, OPTIONS, clock)
    (again,) = await log.append([WRITTEN[lost]])
    (third,) = await log.append([WRITTEN[lost]])
    (kept,) = await log.append([WRITTEN[lost - 1]])
    await log.close()

    assert not again.is_duplicate
    assert again.sequence > EVENTS
    assert third == Appended(PARTITION, again.sequence, is_duplicate=True)
    assert kept == Appended(PARTITION, lost - 1, is_duplicate=True)


# --- while the log is open ---


@pytest.mark.parametrize("damage", ALL.values(), ids=ALL)
async def test_damage_under_a_running_log_stops_nobody(directory: Path, clock: StillClock, damage: Damage) -> None:
    log = await SqliteLog.open(directory, OPTIONS, clock)
    middle = middle_of(directory)
    belonging = range_of(middle)
    first = await read_all(log)

    damage(middle)
    found = await read_all(log)
    more = await log.append([entry(501)])
    again = await read_all(log)
    await log.close()

    assert not lost_of(first)
    assert assert_only_lost(found, WRITTEN) <= belonging
    assert more == [Appended(PARTITION, EVENTS + 1)]
    assert again == [*found, record(EVENTS + 1, entry(501))]


async def test_what_is_mended_again_while_it_is_read_is_read_again(
    directory: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of what was sound can be damaged too, and several read it: what one has just mended is not lost to another."""
    middle = middle_of(directory)
    flip_an_event(middle, sorted(range_of(middle))[3])
    log = await SqliteLog.open(directory, OPTIONS, clock)
    lost = lost_of(await read_all(log))
    select = Segments._select

    def overtaken(segments: Segments, file: SegmentFile, *limits: int) -> tuple[list[Row], int, bool]:
        rows, reached, is_whole = select(segments, file, *limits)
        if file.mended not in range(1, 4):
            return rows, reached, is_whole
        segments.mend(file, file.mended)  # as another reader does
        return rows[:1], reached, False

    monkeypatch.setattr(Segments, "_select", overtaken)

    assert lost_of(await read_all(log)) == lost != set()
    await log.close()


def test_a_connection_to_a_file_that_was_replaced_is_not_used_again(directory: Path) -> None:
    path, connections = segments_of(directory)[0], Connections()
    with connections.borrow(path) as first:
        connections.drop(path)
    with connections.borrow(path) as second:
        pass
    with connections.borrow(path) as third:
        pass

    assert first is not second is third
    connections.drop()


async def test_a_damaged_active_segment_is_left_and_a_new_one_begun(directory: Path, clock: StillClock) -> None:
    log = await SqliteLog.open(directory, replace(OPTIONS, segment_bytes=10_000_000), clock)
    await log.append(entries(501, 700))
    written = {**WRITTEN, **{EVENTS + n: entry(500 + n) for n in range(1, 201)}}
    last = last_of(directory)
    content = bytearray(last.read_bytes())
    content[8_192:12_288] = bytes(4_096)
    last.write_bytes(content)
    wal = last.with_name(last.name + "-wal")
    wal.write_bytes(wal.read_bytes()[:-3_000])

    await read_all(log)
    answers = await log.append(entries(701, 760))
    found = await read_all(log)
    await log.close()
    log = await SqliteLog.open(directory, OPTIONS, clock)
    reopened = await read_all(log)
    await log.close()

    assert [answer.sequence for answer in answers] == list(range(501, 561))
    written |= {500 + n: entry(700 + n) for n in range(1, 61)}
    assert assert_only_lost(found, written) <= set(range(first_in(last), 501))
    assert assert_only_lost(reopened, written) <= set(range(first_in(last), 501))


async def test_damage_is_said_once_and_not_at_every_read(directory: Path, clock: StillClock) -> None:
    middle = middle_of(directory)
    belonging = range_of(middle)
    fill_with_noise(middle)
    log = await SqliteLog.open(directory, OPTIONS, clock)

    with capture_logs() as said:
        for _ in range(5):
            await asyncio.gather(*(read_all(log) for _ in range(4)))
    await log.close()

    errors = [line for line in said if line["log_level"] == "error"]
    assert len(errors) == 1
    assert errors[0]["segment"].endswith(middle.name)
    assert errors[0]["lost"] == [(min(belonging), max(belonging))]


@pytest.mark.parametrize("limit", [1, 3, 500])
async def test_reading_damage_always_comes_to_the_end(directory: Path, clock: StillClock, limit: int) -> None:
    """`read_all` fails where a read does not go on; every limit meets the borders of the gap elsewhere."""
    for segment in segments_of(directory)[3:9:2]:
        for number in (0, 1, 7, 19):
            flip_an_event(segment, first_in(segment) + number)
    fill_with_noise(segments_of(directory)[6])
    log = await SqliteLog.open(directory, OPTIONS, clock)

    found = await read_all(log, limit=limit)
    await log.close()

    assert assert_only_lost(found, WRITTEN)


async def test_a_wait_is_not_held_up_by_damage(directory: Path, clock: StillClock) -> None:
    fill_with_noise(last_of(directory))
    log = await SqliteLog.open(directory, OPTIONS, clock)

    await asyncio.wait_for(log.wait(PARTITION, first_in(last_of(directory)) - 2), 20)
    await log.close()


async def test_find_finds_what_was_saved(directory: Path, clock: StillClock) -> None:
    middle = middle_of(directory)
    zero_the_first_page(middle)
    log = await SqliteLog.open(directory, OPTIONS, clock)

    found = await log.find(f"m{first_in(middle) + 2}")
    await log.close()

    assert found == [record(first_in(middle) + 2, WRITTEN[first_in(middle) + 2])]


@pytest.mark.parametrize("names", [[], ["dedup.sqlite", "dedup.sqlite-wal"]], ids=["by the index", "by looking"])
async def test_find_does_not_fail_for_what_is_lost(directory: Path, clock: StillClock, names: list[str]) -> None:
    middle = middle_of(directory)
    first = first_in(middle)
    fill_with_noise(middle)
    for name in names:
        (directory / name).unlink()
    log = await SqliteLog.open(directory, OPTIONS, clock, read_only=True)

    assert await log.find(f"m{first}") == []
    assert await log.find(f"m{first - 1}") == [record(first - 1, WRITTEN[first - 1])]
    await log.close()


# --- afterwards ---


async def test_who_only_reads_mends_nothing(directory: Path, clock: StillClock) -> None:
    fill_with_noise(wal_of(directory))
    flip_an_event(middle_of(directory), first_in(middle_of(directory)))
    before = {path.name: path.read_bytes() for path in directory.iterdir() if not path.name.endswith("-shm")}

    reader = await SqliteLog.open(directory, OPTIONS, clock, read_only=True)
    found = await read_all(reader)
    await reader.close()

    assert assert_only_lost(found, WRITTEN)
    after = {path.name: path.read_bytes() for path in directory.iterdir() if not path.name.endswith("-shm")}
    assert {name: content for name, content in after.items() if content or name in before} == before


async def test_retention_gives_up_what_is_damaged_and_what_was_saved_of_it(directory: Path, clock: StillClock) -> None:
    flip_an_event(middle_of(directory), first_in(middle_of(directory)))
    fill_with_noise(segments_of(directory)[3])
    for segment in segments_of(directory):
        os.utime(segment, (clock.now_s, clock.now_s))  # all there is to go by where no event can be read
    log = await SqliteLog.open(directory, OPTIONS, clock)
    await read_all(log)
    assert list(directory.glob("*rescued*"))
    clock.now_s += 10 * DAY_S
    await log.append(entries(501, 560, received_at_s=clock.now_s))

    await log.trim({PARTITION: EVENTS + 61})
    found = await read_all(log)
    await log.close()

    assert log.start(PARTITION) >= EVENTS - 20
    assert found[0] == Gap(PARTITION, 1, log.start(PARTITION) - 1, "expired")
    assert not list(directory.glob("*rescued*"))


async def test_what_was_saved_once_is_not_saved_again_at_every_start(directory: Path, clock: StillClock) -> None:
    flip_an_event(middle_of(directory), first_in(middle_of(directory)))
    lost = await lost_by(directory, clock)
    rescued = {path.name: path.stat().st_mtime_ns for path in directory.glob("*rescued*")}
    assert rescued

    log = await SqliteLog.open(directory, OPTIONS, clock)
    found = await read_all(log)
    await log.close()

    assert lost_of(found) == lost
    assert {path.name: path.stat().st_mtime_ns for path in directory.glob("*rescued*")} == rescued
