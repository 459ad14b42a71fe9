"""Carving rows out of the pages of a segment, and what is made of them."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.log import schema
from router.log.carve import carve, wal_reach
from router.log.pulse import Pulse
from router.log.rescue import examine, holes, last_row, rescue
from router.log.row import Row
from router.log.segment import Segment
from router.log.segment_file import SegmentFile
from tests.log.harness import NOW_S, entry

PAGE = schema.PAGE_BYTES
LOG_ID = "log-of-the-test"
SIZES = [0, 1, 200, 3_800, 4_061, 4_096, 9_000, 70_000]
"""Of events: within a page, about the size of one, and over many."""


def rows(first: int, last: int) -> list[Row]:
    sizes = {n: SIZES[n % len(SIZES)] for n in range(first, last + 1)}
    return [Row.of(n, entry(n, size=size, received_at_s=NOW_S + n / 4)) for n, size in sizes.items()]


def make(directory: Path, first: int, batches: Sequence[Sequence[Row]]) -> tuple[SegmentFile, Segment]:
    directory.mkdir(parents=True, exist_ok=True)
    file = SegmentFile(directory, first, directory)
    segment = Segment.create(file, LOG_ID, 64_000_000, Pulse(time.monotonic))
    for batch in batches:
        segment.append(batch)
    return file, segment


@pytest.fixture
def killed(tmp_path: Path) -> SegmentFile:
    """A segment of 40 rows, with nearly all of them in the write-ahead log alone, as a kill leaves it."""
    _, segment = make(tmp_path / "made", 11, [rows(n, n + 3) for n in range(11, 51, 4)])
    shutil.copytree(tmp_path / "made", tmp_path / "killed")
    segment.close()
    return SegmentFile.find(tmp_path / "killed", 11, tmp_path / "killed")


@pytest.fixture
def sealed(tmp_path: Path) -> SegmentFile:
    """The same rows in one plain file."""
    file, segment = make(tmp_path / "sealed", 11, [rows(n, n + 3) for n in range(11, 51, 4)])
    segment.seal()
    return file


def carved(file: SegmentFile) -> dict[int, Row]:
    found: dict[int, Row] = {}
    for row in carve(file.path, file.wal):
        found.setdefault(row.sequence, row)
    return found


WRITTEN = {row.sequence: row for row in rows(11, 50)}


# --- carving ---


def test_every_row_of_a_plain_file_is_found(sealed: SegmentFile) -> None:
    assert not sealed.wal.exists()
    assert carved(sealed) == WRITTEN


def test_every_row_of_a_write_ahead_log_is_found(killed: SegmentFile) -> None:
    assert carved(killed) == WRITTEN


def test_the_log_alone_is_enough(killed: SegmentFile) -> None:
    killed.path.unlink()

    assert carved(killed) == WRITTEN


@pytest.mark.parametrize("frame", range(6))
@pytest.mark.parametrize("end", ["first", "last"])
def test_a_log_was_synced_up_to_the_transaction_before_its_last(killed: SegmentFile, end: str, frame: int) -> None:
    """Of the last a power cut may have kept any part; before it whatever is broken broke afterwards."""
    assert wal_reach(killed.wal) == 46
    data = bytearray(killed.wal.read_bytes())
    at = 32 + frame * (24 + PAGE) if end == "first" else len(data) - (frame + 1) * (24 + PAGE)
    data[at : at + 24 + PAGE] = bytes(24 + PAGE)
    killed.wal.write_bytes(data)

    assert wal_reach(killed.wal) == 46


def test_a_log_that_tells_rubbish_of_every_page_costs_no_row_of_the_file(sealed: SegmentFile) -> None:
    pages = range(1, sealed.path.stat().st_size // PAGE + 1)
    frames = [number.to_bytes(4, "big") + bytes(20) + b"\xff" * PAGE for number in pages]
    sealed.wal.write_bytes(b"".join((bytes(32), *frames)))

    assert carved(sealed) == WRITTEN


def test_no_files_have_no_rows(tmp_path: Path) -> None:
    assert list(carve(tmp_path / "none", tmp_path / "none-wal")) == []
    assert wal_reach(tmp_path / "none-wal") == 0


@pytest.mark.parametrize("is_wal", [False, True], ids=["file", "log"])
@given(places=st.lists(st.tuples(st.floats(0, 0.9999), st.binary(min_size=1, max_size=40)), min_size=1, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_written_over_it_only_what_was_stored_comes_out(
    sealed: SegmentFile, killed: SegmentFile, is_wal: bool, places: list[tuple[float, bytes]]
) -> None:
    path = killed.wal if is_wal else sealed.path
    whole = path.read_bytes()
    data = bytearray(whole)
    for place, written in places:
        at = int(place * len(data))
        data[at : at + len(written)] = written[: len(data) - at]
    path.write_bytes(data)
    try:
        found = carved(killed if is_wal else sealed)
    finally:
        path.write_bytes(whole)

    assert found.items() <= WRITTEN.items()


@given(data=st.binary(max_size=3 * PAGE))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_to_the_end(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "any").write_bytes(b"\x0d" + data)
    (tmp_path / "any-wal").write_bytes(data)

    assert list(carve(tmp_path / "any", tmp_path / "any-wal")) == []


def test_a_chain_of_pages_that_bites_its_tail_ends(sealed: SegmentFile) -> None:
    """An event over many pages, each of which now says that it is followed by itself."""
    data = bytearray(sealed.path.read_bytes())
    for number in range(2, len(data) // PAGE + 1):
        if data[(number - 1) * PAGE] == 0:  # not a page of a tree
            data[(number - 1) * PAGE : (number - 1) * PAGE + 4] = number.to_bytes(4, "big")
    sealed.path.write_bytes(data)

    found = carved(sealed)

    assert found.items() <= WRITTEN.items()
    assert all(n in found for n, row in WRITTEN.items() if len(row.event) < 1000)


def test_each_page_is_lost_alone(sealed: SegmentFile) -> None:
    whole = sealed.path.read_bytes()
    for number in range(len(whole) // PAGE):
        data = bytearray(whole)
        data[number * PAGE : (number + 1) * PAGE] = bytes(PAGE)
        sealed.path.write_bytes(data)

        assert len(carved(sealed)) >= len(WRITTEN) - 20, f"page {number}"


def test_rolled_back_rows_yield_to_those_that_took_their_place(tmp_path: Path) -> None:
    """The log's file holds both for a while: what a failed commit left lies behind what was committed."""
    file, segment = make(tmp_path / "log", 1, [rows(1, 4)])
    wal = file.wal.read_bytes()
    segment.append(rows(5, 30))
    failed = file.wal.read_bytes()
    segment.close()
    file.path.unlink()
    other = Row.of(5, entry(500))
    file, segment = make(tmp_path / "other", 1, [rows(1, 4), [other]])
    committed = file.wal.read_bytes()
    segment.close()

    assert len(wal) < len(committed) < len(failed)
    file.path.unlink()
    file.wal.write_bytes(committed + failed[len(committed) :])

    assert carved(file)[5] == other


# --- looking at a whole segment ---


def test_a_sound_segment_says_where_it_ends(sealed: SegmentFile, killed: SegmentFile) -> None:
    assert examine(sealed.path, 11) == examine(killed.path, 11) == 50
    last = last_row(sealed.path)
    assert last is not None
    assert last == WRITTEN[50]


def test_an_empty_segment_ends_before_it_starts(tmp_path: Path) -> None:
    file, segment = make(tmp_path / "empty", 11, [])
    segment.seal()

    assert examine(file.path, 11) == 10
    assert last_row(file.path) is None


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM events WHERE sequence = 20",
        "DELETE FROM events WHERE sequence = 11",
        "UPDATE events SET email = 'eve@example.com' WHERE sequence = 33",
        "UPDATE events SET event = x'00' WHERE sequence = 50",
        "UPDATE events SET sequence = 60 WHERE sequence = 50",
        "DROP TABLE events",
    ],
)
def test_a_segment_with_anything_wrong_is_not_sound(sealed: SegmentFile, statement: str) -> None:
    change(sealed.path, statement)

    assert examine(sealed.path, 11) is None


# --- rescuing ---


def test_what_is_sound_in_a_damaged_segment_is_copied_and_the_original_kept(sealed: SegmentFile) -> None:
    data = bytearray(sealed.path.read_bytes())
    data[:100] = bytes(100)
    sealed.path.write_bytes(data)

    saved = rescue(sealed, LOG_ID, 50)

    assert saved == [range(11, 51)]
    assert examine(sealed.rescued, 11) == 50
    assert sealed.path.read_bytes() == data
    assert not list(sealed.directory.glob("*.part*"))


def test_rows_that_belong_to_the_next_segment_are_left_out(killed: SegmentFile) -> None:
    """A commit that failed here was made again there."""
    killed.is_suspect = True

    assert rescue(killed, LOG_ID, 46) == [range(11, 47)]


def test_a_segment_that_is_sound_but_short_is_not_copied(sealed: SegmentFile) -> None:
    assert rescue(sealed, LOG_ID, 60) == [range(11, 51)]
    assert not sealed.rescued.exists()


def test_a_copy_that_is_damaged_in_its_turn_is_made_up_from_both(sealed: SegmentFile) -> None:
    data = bytearray(sealed.path.read_bytes())
    data[:PAGE] = bytes(PAGE)
    sealed.path.write_bytes(data)
    rescue(sealed, LOG_ID, 50)
    change(sealed.rescued, "DELETE FROM events WHERE sequence < 30")
    sealed.path.unlink()

    assert rescue(sealed, LOG_ID, 50) == [range(30, 51)]


@pytest.mark.parametrize(
    ("saved", "missing"),
    [
        ([], [(1, 10)]),
        ([range(1, 11)], []),
        ([range(1, 4), range(6, 11)], [(4, 5)]),
        ([range(3, 5)], [(1, 2), (5, 10)]),
        ([range(10, 11)], [(1, 9)]),
    ],
    ids=["nothing", "all", "the middle", "both ends", "but the last"],
)
def test_holes_are_what_was_not_saved(saved: list[range], missing: list[tuple[int, int]]) -> None:
    assert holes(saved, 1, 10) == missing
