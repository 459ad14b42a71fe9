"""A process that delivers reads a log that another one writes: at once, and with nothing lost when the files are damaged."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from router.log.follower import Follower
from router.log.record import Record
from router.log.segments import Unreadable
from router.log.sqlite import LogOptions, SqliteLog
from tests.log.damage import delete, fill_with_noise, first_in, flip_an_event, last_of, middle_of, range_of, wal_of
from tests.log.faults import no_space
from tests.log.harness import PARTITION, StillClock, entries, read_all

OPTIONS = LogOptions(segment_bytes=16_384, tail_bytes=0)


@dataclass
class Pair:
    """A writer and a reader that has it mend."""

    writer: SqliteLog
    reader: SqliteLog
    is_away: bool = False
    """The writer can't be asked."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self, loop: asyncio.AbstractEventLoop) -> Callable[[int, bool], None]:
        def ask_writer(first: int, is_copy: bool) -> None:
            loop.call_soon_threadsafe(self.asked.set)
            if self.is_away:
                raise Unreadable("nobody there")
            asyncio.run_coroutine_threadsafe(self.writer.mend(first, is_copy), loop).result(10)

        return ask_writer


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    writer = await SqliteLog.open(tmp_path, OPTIONS, StillClock())
    for first in range(1, 301, 5):
        await writer.append(entries(first, first + 4))
    reader = await SqliteLog.open(tmp_path, OPTIONS, StillClock(), read_only=True)
    pair = Pair(writer, reader)
    reader.mend_through(pair.ask(asyncio.get_running_loop()))
    yield pair
    await reader.close()
    await writer.close()


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        pytest.param(lambda directory: fill_with_noise(middle_of(directory)), 5, id="a sealed segment, all of it"),
        pytest.param(lambda directory: flip_an_event(middle_of(directory), 153), 1, id="a sealed segment, one bit"),
        pytest.param(lambda directory: fill_with_noise(last_of(directory)), 0, id="the last segment"),
        pytest.param(lambda directory: flip_an_event(wal_of(directory), 298), 1, id="the last segment's log, one bit"),
    ],
)
async def test_what_comes_after_damage_is_read_and_what_is_lost_is_what_the_writer_says(
    pair: Pair, tmp_path: Path, damage: Callable[[Path], None], lost: int
) -> None:
    """A copy of the reader's own would lack what the writer adds to the same segment later on."""
    damage(tmp_path)
    await read_all(pair.reader)

    await pair.writer.append(entries(301, 320))

    assert pair.asked.is_set()
    await pair.reader.look()
    seen = await read_all(pair.reader)
    assert seen == await read_all(pair.writer)
    records = [each.sequence for each in seen if isinstance(each, Record)]
    assert (len(records), records[-20:]) == (320 - lost, list(range(301, 321)))


def cut_rows(segment: Path) -> int:
    """Take the last two events out of a segment, which is sound without them."""
    with closing(sqlite3.connect(segment)) as connection:
        connection.execute("DELETE FROM events WHERE sequence > (SELECT max(sequence) - 2 FROM events)")
        connection.commit()
    return 2


def remove(segment: Path) -> int:
    lost = len(range_of(segment))
    delete(segment)
    return lost


@pytest.mark.parametrize("damage", [cut_rows, remove])
async def test_what_is_missing_at_the_end_of_a_sound_segment_is_lost_and_what_follows_is_read(
    pair: Pair, tmp_path: Path, damage: Callable[[Path], int]
) -> None:
    """There is nothing to make a copy of: the file itself is all that is left."""
    lost = damage(middle_of(tmp_path))

    async with asyncio.timeout(10):
        seen = await read_all(pair.reader)

    assert pair.asked.is_set()
    assert len([each for each in seen if isinstance(each, Record)]) == 300 - lost
    assert seen == await read_all(pair.writer)


async def test_while_the_writer_can_not_be_asked_nothing_is_given_up(pair: Pair, tmp_path: Path) -> None:
    flip_an_event(middle_of(tmp_path), 153)
    pair.is_away = True
    reading = asyncio.create_task(read_all(pair.reader))
    await pair.asked.wait()
    assert not reading.done()

    pair.is_away = False

    assert await reading == await read_all(pair.writer)


async def test_a_writer_that_can_not_mend_just_now_says_so(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were it to try on, each time that a reader asks anew one more would be trying."""
    damaged = middle_of(tmp_path)
    fill_with_noise(damaged)
    with monkeypatch.context() as patch:
        patch.setattr("router.log.segments.rescue", no_space)
        with pytest.raises(Unreadable, match="No space left"):
            await asyncio.wait_for(pair.writer.mend(first_in(damaged), False), 20)

    await pair.writer.mend(first_in(damaged), False)

    assert list(tmp_path.glob("*rescued*"))


async def test_a_reader_that_is_woken_does_not_wait_for_its_next_look(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.log.sqlite.LOOK_S", 60.0)
    waiting = [asyncio.create_task(pair.reader.wait(PARTITION, 300)) for _ in range(3)]
    await asyncio.sleep(0)
    await pair.writer.append(entries(301, 301))

    pair.reader.wake()

    async with asyncio.timeout(20):
        await asyncio.gather(*waiting)
    assert pair.reader.end(PARTITION) == 301


async def test_all_who_wait_look_together(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eighty destinations at rest in two processes took 40 % of a core, five looks a second each."""
    monkeypatch.setattr("router.log.sqlite.LOOK_S", 60.0)
    looks = 0
    look = Follower.look

    def counting(self: Follower) -> int:
        nonlocal looks
        looks += 1
        return look(self)

    monkeypatch.setattr(Follower, "look", counting)
    waiting = [asyncio.create_task(pair.reader.wait(PARTITION, 300)) for _ in range(40)]
    await asyncio.wait(waiting, timeout=0.1)
    at_rest = looks
    await pair.writer.append(entries(301, 301))
    pair.reader.wake()
    async with asyncio.timeout(20):
        await asyncio.gather(*waiting)

    assert (at_rest, looks) == (1, 2)


@pytest.mark.parametrize("steps", range(4))
async def test_a_reader_that_is_woken_and_cancelled_at_one_time_is_cancelled(pair: Pair, steps: int) -> None:
    """A destination that is stopped under load would never end otherwise. *steps* of the loop lie between the two."""
    waiting = asyncio.create_task(pair.reader.wait(PARTITION, 300))
    await asyncio.sleep(0)
    await pair.reader.look()  # comes after the look of the one that waits

    pair.reader.wake()
    for _ in range(steps):
        await asyncio.sleep(0)
    waiting.cancel()

    await asyncio.wait([waiting], timeout=1.0)
    is_cancelled = waiting.cancelled()
    while not waiting.done():  # so that a failure is no hang
        waiting.cancel()
        await asyncio.wait([waiting], timeout=0.1)
    assert is_cancelled


async def test_a_reader_knows_how_much_there_is_on_disk(pair: Pair) -> None:
    """What `max_backlog` is measured by."""
    before = pair.reader.size_bytes
    await pair.writer.append(entries(301, 400))

    await pair.reader.look()

    assert before < pair.reader.size_bytes == pair.writer.size_bytes
