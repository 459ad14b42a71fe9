"""Files damaged at random, seeded places: a start always succeeds, what is left is delivered, what is lost is named."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from router.log.record import Entry, Gap, Record
from router.log.sqlite import LogOptions, SqliteLog

NOW_S = 1_700_000_000.0
OPTIONS = LogOptions(segment_bytes=120_000, tail_bytes=0, read_bytes=200_000)
EVENTS = 300
ROWS_ON_A_PAGE = 60
"""More than any page of these files holds."""


def clock() -> float:
    return NOW_S


def entry(number: int) -> Entry:
    """Most are small; every tenth needs pages of its own."""
    size = 9_000 if number % 10 == 0 else 100 + number
    return Entry(
        source="website",
        message_id=f"m{number}",
        user_key=f"u{number % 7}",
        user_id=f"u{number % 7}",
        anonymous_id=None,
        email="ada@example.com" if number % 2 else None,
        type="track",
        received_at_s=NOW_S + number / 8,
        event=bytes([number % 251]) * size,
    )


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a log's directory is like right after a SIGKILL: the last segment's write-ahead log was not folded in."""
    directory = tmp_path_factory.mktemp("made")
    image = tmp_path_factory.mktemp("image") / "log"
    asyncio.run(fill(directory, image))
    return image


async def fill(directory: Path, image: Path) -> None:
    log = await SqliteLog.open(directory, OPTIONS, clock)
    number = 1
    while number <= EVENTS:
        count = min(1 + number % 9, EVENTS - number + 1)
        await log.append([entry(n) for n in range(number, number + count)])
        number += count
    shutil.copytree(directory, image)
    await log.close()


async def read_all(log: SqliteLog) -> list[Record | Gap]:
    found: list[Record | Gap] = []
    after = 0
    while batch := await log.read(0, after, 70):
        found += batch
        last = batch[-1]
        reached = last.last if isinstance(last, Gap) else last.sequence
        assert reached > after
        after = reached
    return found


async def lost_after(directory: Path) -> int:
    """Open, check everything that is promised, append, open again; returns how many events are lost."""
    log = await SqliteLog.open(directory, OPTIONS, clock)
    try:
        found = await read_all(log)
        check(found, log.end(0))
        (appended,) = await log.append([entry(EVENTS + 1)])
        assert appended.sequence == log.end(0) > EVENTS
        again = await read_all(log)
        assert again[: len(found)] == found
    finally:
        await log.close()
    log = await SqliteLog.open(directory, OPTIONS, clock)
    try:
        assert await read_all(log) == again
    finally:
        await log.close()
    return EVENTS - sum(isinstance(each, Record) for each in found)


def check(found: list[Record | Gap], end: int) -> None:
    following = 1
    for each in found:
        if isinstance(each, Gap):
            assert each.first == following
            assert each.reason == "damaged" or (each.reason == "expired" and each.first == 1)
            following = each.last + 1
        else:
            expected = entry(each.sequence)
            assert each.sequence == following
            assert (each.message_id, each.event) == (expected.message_id, expected.event)
            following += 1
    assert following == end + 1
    assert end >= EVENTS


def flip(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    place = chance.randrange(len(data) * 8)
    data[place // 8] ^= 1 << place % 8
    path.write_bytes(data)


def flip_in_the_first_page(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[chance.randrange(120)] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def truncate(path: Path, chance: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: chance.randrange(len(data))])


def overwrite(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    place = chance.randrange(len(data))
    data[place : place + 700] = chance.randbytes(len(data[place : place + 700]))
    path.write_bytes(data)


def empty(path: Path, chance: random.Random) -> None:
    path.write_bytes(b"")


def delete(path: Path, chance: random.Random) -> None:
    path.unlink()


Damage = Callable[[Path, random.Random], None]


def pick(directory: Path, chance: random.Random, patterns: tuple[str, ...]) -> Path:
    files = sorted(path for pattern in patterns for path in directory.glob(pattern) if path.stat().st_size)
    return chance.choice(files)


EVERY_FILE = ("segment-*.sqlite", "segment-*-wal", "dedup.sqlite*", "log.json", "log.mark", "segment-*-shm")


@pytest.mark.parametrize("seed", range(40))
async def test_one_flipped_bit_costs_no_more_than_a_page(crashed: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    shutil.copytree(crashed, tmp_path / "log")
    flip(pick(tmp_path / "log", chance, EVERY_FILE), chance)

    assert await lost_after(tmp_path / "log") <= ROWS_ON_A_PAGE


@pytest.mark.parametrize("seed", range(24))
async def test_a_damaged_header_costs_nothing(crashed: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    shutil.copytree(crashed, tmp_path / "log")
    flip_in_the_first_page(pick(tmp_path / "log", chance, ("segment-*.sqlite", "segment-*-wal")), chance)

    assert await lost_after(tmp_path / "log") == 0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("damage", [truncate, overwrite, empty, delete], ids=lambda damage: str(damage.__name__))
async def test_what_is_lost_is_named_and_the_rest_is_there(
    crashed: Path, tmp_path: Path, damage: Damage, seed: int
) -> None:
    chance = random.Random(seed)
    shutil.copytree(crashed, tmp_path / "log")
    damage(pick(tmp_path / "log", chance, EVERY_FILE), chance)

    assert await lost_after(tmp_path / "log") < EVENTS


@pytest.mark.parametrize("seed", range(12))
async def test_several_kinds_of_damage_at_once(crashed: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    shutil.copytree(crashed, tmp_path / "log")
    for damage in (flip, truncate, flip, delete):
        damage(pick(tmp_path / "log", chance, ("segment-*.sqlite", "segment-*-wal")), chance)

    await lost_after(tmp_path / "log")


async def test_nothing_is_lost_by_a_plain_crash(crashed: Path, tmp_path: Path) -> None:
    shutil.copytree(crashed, tmp_path / "log")

    assert await lost_after(tmp_path / "log") == 0
    assert not list((tmp_path / "log").glob("*rescued*"))
