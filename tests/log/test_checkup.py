"""Row 20 of the battery, for operators: a check says exactly what a reader would lose, and a repair settles it for good."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from router.errors import OperatorError
from router.log import checkup
from router.log.checkup import LogReport, SegmentReport, check_log
from router.log.record import Appended, Record
from router.log.repair import repair_log
from router.log.sqlite import SqliteLog
from tests.log.damage import (
    ALL,
    EVENTS,
    EVERYTHING,
    OPTIONS,
    WRITTEN,
    Damage,
    cut_in_half,
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
from tests.log.harness import PARTITION, StillClock, assert_only_lost, entries, entry, lost_of, read_all, record

NOBODY = 65_534


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = tmp_path_factory.mktemp("image") / "log"
    make_killed(tmp_path_factory.mktemp("made"), image)
    return image


@pytest.fixture
def directory(killed: Path, tmp_path: Path) -> Path:
    shutil.copytree(killed, tmp_path / "log")
    return tmp_path / "log"


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes here but where a test says so."""
    monkeypatch.setattr(checkup, "AGAIN_S", 0.0)


def first_of(directory: Path) -> Path:
    return segments_of(directory)[0]


PLACES: dict[str, Callable[[Path], Path]] = {
    "the first": first_of,
    "a middle one": middle_of,
    "the last": last_of,
    "its write-ahead log": wal_of,
}


def lost_in(report: LogReport) -> set[int]:
    return {n for segment in report.segments for first, last in segment.lost for n in range(first, last + 1)}


def damaged_in(report: LogReport) -> list[SegmentReport]:
    return [segment for segment in report.segments if segment.state == "damaged"]


async def lost_by_a_reader(directory: Path) -> set[int]:
    """What one who only reads, and changes nothing, gets no more."""
    reader = await SqliteLog.open(directory, OPTIONS, StillClock(), read_only=True)
    found = await read_all(reader)
    await reader.close()
    assert_only_lost(found, WRITTEN)
    return lost_of(found)


def contents_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if not path.name.endswith("-shm")}


# --- checking ---


def test_what_a_kill_leaves_is_sound(directory: Path) -> None:
    heard: list[SegmentReport] = []

    report = check_log(directory, heard.append)

    assert report.is_sound
    assert {segment.state for segment in report.segments} == {"sound"}
    assert (report.start, report.end) == (1, EVENTS)
    assert sum(segment.events for segment in report.segments) == EVENTS
    assert heard == list(report.segments)


@pytest.mark.parametrize("damage", ALL.values(), ids=ALL)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_row_20_a_check_names_exactly_what_is_lost(
    directory: Path, place: Callable[[Path], Path], damage: Damage
) -> None:
    damage(place(directory))
    before = contents_of(directory)

    report = check_log(directory)

    after = contents_of(directory)
    assert {name: content for name, content in after.items() if content or name in before} == before
    assert lost_in(report) == await lost_by_a_reader(directory)
    assert sum(segment.events for segment in report.segments) == EVENTS - len(lost_in(report))
    assert bool(damaged_in(report)) >= bool(lost_in(report))
    assert all(segment.findings for segment in damaged_in(report))


def zero_a_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8_192:12_288] = bytes(4_096)
    path.write_bytes(data)


FINDINGS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a bit of an event": (
        lambda directory: flip_an_event(middle_of(directory), first_in(middle_of(directory)) + 3),
        "the checksum does not match",
    ),
    "the first page": (lambda directory: zero_the_first_page(middle_of(directory)), "not those of a segment"),
    "a page": (lambda directory: zero_a_page(middle_of(directory)), "SQLite: "),
    "a file that is gone": (lambda directory: delete(middle_of(directory)), "in a file of their own that is gone"),
    "a cut file": (lambda directory: cut_in_half(middle_of(directory)), "SQLite: "),
    "the first file": (lambda directory: delete(first_of(directory)), "the file is missing"),
    "the write-ahead log": (lambda directory: empty(wal_of(directory)), "missing at its end"),
}


@pytest.mark.parametrize(("damage", "finding"), FINDINGS.values(), ids=FINDINGS)
def test_a_check_says_what_is_wrong_with_which_segment(
    directory: Path, damage: Callable[[Path], None], finding: str
) -> None:
    damage(directory)

    [damaged] = damaged_in(check_log(directory))

    assert any(finding in each for each in damaged.findings), damaged.findings


def test_what_sqlite_did_not_get_to_is_not_said_to_be_missing(directory: Path) -> None:
    """Most of it can be read past SQLite: "events 14 to 45: missing" stood above "lost: events 15, 19 to 25"."""
    middle = middle_of(directory)
    data = bytearray(middle.read_bytes())
    data[14_288:14_588] = b"A" * 300  # within its first leaf
    middle.write_bytes(data)

    [damaged] = damaged_in(check_log(directory))

    assert damaged.events > 0
    assert damaged.lost
    assert any(finding.startswith("SQLite: ") for finding in damaged.findings), damaged.findings
    assert not any("missing" in finding for finding in damaged.findings), damaged.findings
    assert len(set(damaged.findings)) == len(damaged.findings)


@pytest.mark.parametrize("name", ["dedup.sqlite", "log.mark", "log.start", "log.json"])
def test_a_derived_file_that_is_damaged_is_a_problem_that_costs_no_event(directory: Path, name: str) -> None:
    (directory / "dedup.sqlite-wal").unlink()  # it has a copy of every page
    fill_with_noise(directory / name)

    report = check_log(directory)

    assert not report.is_sound
    assert any(problem.startswith(f"{name}: ") for problem in report.problems)
    assert lost_in(report) == set()


async def test_a_check_beside_a_router_that_writes_finds_nothing(directory: Path) -> None:
    log = await SqliteLog.open(directory, OPTIONS, StillClock())
    for start in range(501, 900, 7):
        await log.append(entries(start, start + 6))
        if start % 5 == 0:
            assert check_log(directory).is_sound
    await log.close()


async def test_a_log_without_an_event_is_sound(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock())
    await log.close()

    assert check_log(tmp_path / "log").is_sound


def test_where_there_is_no_log_it_says_so(tmp_path: Path) -> None:
    for work in (check_log, repair_log):
        with pytest.raises(OperatorError, match="there is no log here"):
            work(tmp_path / "nothing")


# --- repairing ---


@pytest.mark.parametrize("damage", ALL.values(), ids=ALL)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_row_20_a_repair_loses_nothing_more_and_leaves_nothing_to_say(
    directory: Path, place: Callable[[Path], Path], damage: Damage
) -> None:
    """What is sound is read as before, what is lost is counted, and a router goes on behind it."""
    damage(place(directory))
    lost = await lost_by_a_reader(directory)

    repair = repair_log(directory)

    assert lost_in(repair.before) == lost
    assert repair.lost_events == len(lost)
    assert repair.after.is_sound
    assert lost_in(repair.after) == lost
    assert all(path.exists() for path in repair.put_aside)
    assert await lost_by_a_reader(directory) == lost
    log = await SqliteLog.open(directory, OPTIONS, StillClock())
    found = await read_all(log)
    following = log.end(PARTITION) + 1
    assert await log.append(entries(501, 503)) == [Appended(PARTITION, following + n) for n in range(3)]
    grown = await read_all(log)
    await log.close()
    assert following > EVENTS
    assert lost_of(found) & EVERYTHING == lost & EVERYTHING
    assert grown == [*found, *(record(following + n, entry(501 + n)) for n in range(3))]
    assert check_log(directory).is_sound


def test_the_damaged_files_are_kept_apart(directory: Path) -> None:
    middle = middle_of(directory)
    flip_an_event(middle, first_in(middle) + 3)
    content = middle.read_bytes()

    repair = repair_log(directory)

    assert repair.put_aside == (directory / "damaged" / middle.name,)
    assert repair.put_aside[0].read_bytes() == content
    assert not middle.exists()
    [repaired] = [segment for segment in repair.after.segments if segment.state == "repaired"]
    number = first_in(middle) + 3
    assert repaired.lost == ((number, number),)
    assert repaired.findings == (f"event {number}: lost, as a repair has noted",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_what_root_repaired_belongs_to_whom_the_log_belongs(directory: Path) -> None:
    """Else the router's user could not open it."""
    os.chown(directory, NOBODY, NOBODY)
    fill_with_noise(middle_of(directory))

    repair_log(directory)

    assert list(directory.glob("damaged/*"))
    assert {path.stat().st_uid for path in directory.rglob("*")} == {NOBODY}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_a_repair_by_root_takes_no_file_from_the_user_of_the_router(directory: Path) -> None:
    """Where the folder is root's, such as a volume in which a group may write."""
    (directory / "damaged").mkdir()
    for path in directory.rglob("*"):
        os.chown(path, NOBODY, NOBODY)
    fill_with_noise(middle_of(directory))
    before = set(directory.rglob("*"))

    repair_log(directory)

    assert {path.stat().st_uid for path in before if path.exists()} == {NOBODY}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_a_second_repair_has_nothing_to_do(directory: Path, place: Callable[[Path], Path]) -> None:
    fill_with_noise(place(directory))
    first = repair_log(directory)

    second = repair_log(directory)

    assert (second.lost_events, second.put_aside) == (0, ())
    assert second.before == second.after == first.after


async def test_damage_that_a_router_came_across_is_settled_by_a_repair(directory: Path) -> None:
    """It reads from a rescued copy from then on, and a check goes on saying so until somebody has decided."""
    middle = middle_of(directory)
    belonging = range_of(middle)
    fill_with_noise(middle)
    log = await SqliteLog.open(directory, OPTIONS, StillClock())
    await read_all(log)
    await log.close()
    before = check_log(directory)

    after = repair_log(directory).after

    assert lost_in(before) == lost_in(after) == belonging
    assert "read from a rescued copy" in damaged_in(before)[0].findings[0]
    assert after.is_sound


async def test_new_damage_to_what_was_repaired_is_found_and_repaired(directory: Path) -> None:
    middle = middle_of(directory)
    number = first_in(middle)
    flip_an_event(middle, number + 3)
    repair_log(directory)
    flip_an_event(directory / middle.name.replace(".sqlite", ".rescued.sqlite"), number + 5)

    report = check_log(directory)
    repair = repair_log(directory)

    assert len(damaged_in(report)) == 1
    assert lost_in(report) == lost_in(repair.after) == {number + 3, number + 5}
    assert repair.after.is_sound


@pytest.mark.parametrize("number", range(6))
async def test_a_repair_that_is_cut_off_is_finished_by_the_next_one(
    directory: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """No room, or a kill, at each of its steps that others could see."""
    fill_with_noise(middle_of(directory))
    delete(first_of(directory))
    fill_with_noise(last_of(directory))
    lost = await lost_by_a_reader(directory)
    left = [number]

    def fail_later(work: Callable[..., Path]) -> Callable[..., Path]:
        def run(path: Path, target: Path) -> Path:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(28, "No space left on device")
            return work(path, target)

        return run

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail_later(Path.rename))
        patch.setattr(Path, "replace", fail_later(Path.replace))
        with pytest.raises(OperatorError, match="the repair was not finished"):
            repair_log(directory)
    assert await lost_by_a_reader(directory) == lost

    assert repair_log(directory).after.is_sound
    assert await lost_by_a_reader(directory) == lost


async def test_a_log_that_a_router_has_open_is_not_repaired(directory: Path) -> None:
    log = await SqliteLog.open(directory, OPTIONS, StillClock())

    with pytest.raises(OperatorError, match=r"another router .* has this log open"):
        repair_log(directory)

    await log.close()


# --- at random ---


async def check_at_random(killed: Path, directory: Path, seed: int) -> None:
    chance = random.Random(seed)
    shutil.copytree(killed, directory)
    files = sorted(path for path in directory.glob("segment-*") if not path.name.endswith("-shm"))
    for _ in range(chance.choice((1, 1, 1, 3))):
        path = chance.choice(files)
        data = bytearray(path.read_bytes())
        match chance.randrange(3):
            case 0:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            case 1:
                del data[chance.randrange(len(data)) :]
            case _:
                at = chance.randrange(len(data))
                data[at : at + 900] = chance.randbytes(len(data[at : at + 900]))
        path.write_bytes(data or b"\0")
    lost = await lost_by_a_reader(directory)

    report = check_log(directory)
    repair = repair_log(directory)

    assert lost_in(report) == lost_in(repair.after) == lost
    assert repair.after.is_sound
    assert await lost_by_a_reader(directory) == lost


@pytest.mark.parametrize("seed", range(12))
async def test_row_20_wherever_the_damage_is(killed: Path, tmp_path: Path, seed: int) -> None:
    await check_at_random(killed, tmp_path / "log", seed)


@pytest.mark.full
@pytest.mark.timeout(900)
async def test_row_20_at_500_random_places(killed: Path, tmp_path: Path) -> None:
    for seed in range(1_000, 1_500):
        await check_at_random(killed, tmp_path / str(seed), seed)
        shutil.rmtree(tmp_path / str(seed))


@contextmanager
def no_room() -> Iterator[None]:
    """As on a full disk, there is none for the 32 kB of shared memory that SQLite keeps beside a write-ahead log."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("events", [0, 3])
async def test_on_a_full_disk_the_last_segment_of_a_sound_log_is_sound(tmp_path: Path, events: int) -> None:
    """It was called damaged, which `router log repair` was to settle."""
    log = await SqliteLog.open(tmp_path / "log", OPTIONS, StillClock())
    await log.append(entries(1, events))
    await log.close()

    with no_room():
        report = check_log(tmp_path / "log")

    assert report.is_sound, report
    assert [each.events for each in report.segments] == [events]


async def test_what_is_stored_can_be_read_although_a_start_finds_the_disk_full(tmp_path: Path) -> None:
    """And what is stored afterwards, too."""
    directory = tmp_path / "log"
    log = await SqliteLog.open(directory, OPTIONS, StillClock())
    await log.append(entries(1, 3))
    await log.close()
    with no_room():
        log = await SqliteLog.open(directory, OPTIONS, StillClock())
        async with asyncio.timeout(5):
            found = await read_all(log)
    await log.append(entries(4, 5))

    assert [each.sequence for each in found if isinstance(each, Record)] == [1, 2, 3]
    assert [each.sequence for each in await read_all(log) if isinstance(each, Record)] == [1, 2, 3, 4, 5]
    await log.close()
    assert check_log(directory).is_sound
