"""The one file of the log that changes: whole from its first moment, durable by transaction, plain when it is sealed."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pytest

from router.log.pulse import Pulse
from router.log.recovery import remove_drafts
from router.log.row import Row
from router.log.schema import SCHEMA_VERSION, read_header
from router.log.segment import Segment
from router.log.segment_file import SegmentFile, find_segments
from tests.log.faults import FULL, IOERR_FSYNC, failing_disk
from tests.log.harness import entry

SEGMENT_BYTES = 100_000


def rows(first: int, last: int) -> list[Row]:
    return [Row.of(n, entry(n)) for n in range(first, last + 1)]


@pytest.fixture
def file(tmp_path: Path) -> SegmentFile:
    return SegmentFile(tmp_path, 1, tmp_path)


@pytest.fixture
def segment(file: SegmentFile) -> Iterator[Segment]:
    segment = Segment.create(file, "the id", SEGMENT_BYTES, Pulse(time.monotonic))
    yield segment
    segment.close()


def sequences_in(path: Path) -> list[int]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return [n for (n,) in connection.execute("SELECT sequence FROM events ORDER BY sequence")]


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_segment_is_named_for_its_first_sequence(tmp_path: Path) -> None:
    assert SegmentFile(tmp_path, 65_537, tmp_path).path.name == "segment-00000000000000065537.sqlite"


def test_a_new_segment_is_of_this_version_and_empty(segment: Segment, file: SegmentFile) -> None:
    assert read_header(file.path).is_sane
    assert read_header(file.path).version == SCHEMA_VERSION
    assert sequences_in(file.path) == []


def test_every_commit_is_synced(segment: Segment) -> None:
    """In a write-ahead database that takes ``synchronous = FULL``, which is not everywhere the default."""
    assert segment._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert segment._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_rows_are_there_for_others_when_append_returns(segment: Segment, file: SegmentFile) -> None:
    segment.append(rows(1, 5))

    assert sequences_in(file.path) == [1, 2, 3, 4, 5]


def test_all_rows_of_an_append_or_none(segment: Segment, file: SegmentFile) -> None:
    segment.append(rows(1, 5))

    with pytest.raises(sqlite3.IntegrityError):
        segment.append([*rows(6, 9), *rows(5, 5)])

    assert sequences_in(file.path) == [1, 2, 3, 4, 5]


def test_an_append_that_failed_is_no_hindrance_to_the_next(segment: Segment, file: SegmentFile) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        segment.append([*rows(1, 2), *rows(1, 1)])

    segment.append(rows(1, 2))

    assert sequences_in(file.path) == [1, 2]


def test_its_size_counts_the_write_ahead_log(segment: Segment, file: SegmentFile) -> None:
    before = file.bytes
    segment.append(rows(1, 50))

    assert file.wal.stat().st_size > 0
    assert file.bytes == file.path.stat().st_size + file.wal.stat().st_size > before


def test_a_probe_writes_to_the_disk(segment: Segment, file: SegmentFile) -> None:
    """A full or failing disk does not show in a transaction without a change."""
    segment.append(rows(1, 1))
    before = file.wal.read_bytes()

    segment.touch()

    assert file.wal.read_bytes() != before
    assert sequences_in(file.path) == [1]


def test_the_write_ahead_log_does_not_grow_with_the_segment(segment: Segment, file: SegmentFile) -> None:
    for start in range(1, 2_001, 10):
        segment.append(rows(start, start + 9))

    assert file.wal.stat().st_size < SEGMENT_BYTES
    assert file.path.stat().st_size > 4 * SEGMENT_BYTES


def test_a_sealed_segment_is_one_plain_file(segment: Segment, file: SegmentFile, tmp_path: Path) -> None:
    segment.append(rows(1, 50))
    segment.seal()

    assert names_in(tmp_path) == [file.path.name]
    assert sequences_in(file.path) == list(range(1, 51))
    assert file.bytes == file.path.stat().st_size


def test_sealing_waits_for_no_reader_and_loses_nothing(segment: Segment, file: SegmentFile) -> None:
    """The next start seals it then."""
    segment.append(rows(1, 50))
    with closing(sqlite3.connect(f"file:{file.path}?mode=ro", uri=True)) as reader:
        cursor = reader.execute("SELECT sequence FROM events")
        assert cursor.fetchone() == (1,)
        began = time.monotonic()
        segment.seal()

        assert time.monotonic() - began < 5, "SQLite would wait for 10 s"
        assert len(cursor.fetchall()) == 49
    assert sequences_in(file.path) == list(range(1, 51))


def test_a_segment_is_gone_on_with(segment: Segment, file: SegmentFile) -> None:
    segment.append(rows(1, 5))
    segment.close()

    again = Segment.open(file, SEGMENT_BYTES, Pulse(time.monotonic))
    again.append(rows(6, 7))
    again.close()

    assert sequences_in(file.path) == list(range(1, 8))


@pytest.mark.parametrize("code", [FULL, IOERR_FSYNC], ids=["full", "fsync"])
@pytest.mark.parametrize("number", range(8))
def test_a_segment_that_cannot_be_made_leaves_nothing_under_its_name(
    file: SegmentFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    with failing_disk(monkeypatch) as disk:
        disk.fail_at(range(number, 1_000), code)
        try:
            Segment.create(file, "the id", SEGMENT_BYTES, Pulse(time.monotonic)).close()
        except sqlite3.Error:
            made = False
        else:
            made = True
        assert made == (number >= len(disk.statements))

    assert made or not list(tmp_path.glob("*.new*"))
    assert all(read_header(found.path).is_sane for found in find_segments(tmp_path, tmp_path))


def test_what_a_kill_left_half_made_is_made_over(file: SegmentFile, tmp_path: Path) -> None:
    for suffix in (".new", ".new-journal", ".new-wal"):
        file.path.with_name(file.path.name + suffix).write_bytes(b"half made")

    Segment.create(file, "the id", SEGMENT_BYTES, Pulse(time.monotonic)).seal()

    assert names_in(tmp_path) == [file.path.name]


def test_what_a_failed_try_left_under_the_name_of_a_segment_is_no_part_of_it(tmp_path: Path) -> None:
    """No event in it was ever acknowledged. SQLite would take its write-ahead log for that of the new file."""
    (tmp_path / "tried").mkdir()
    tried = Segment.create(SegmentFile(tmp_path / "tried", 1, tmp_path), "the id", SEGMENT_BYTES, Pulse(time.monotonic))
    tried.append(rows(1, 5))
    shutil.copytree(tmp_path / "tried", tmp_path / "killed")
    tried.close()
    file = SegmentFile(tmp_path / "killed", 1, tmp_path)

    segment = Segment.create(file, "the id", SEGMENT_BYTES, Pulse(time.monotonic))

    assert sequences_in(file.path) == []
    segment.append(rows(1, 2))
    assert sequences_in(file.path) == [1, 2]
    segment.close()


def test_segments_are_found_in_order_by_whichever_file_is_left(tmp_path: Path) -> None:
    names = {
        "segment-00000000000000000101.sqlite": 101,
        "segment-00000000000000000001.sqlite": 1,
        "segment-00000000000000000051.rescued.sqlite": 51,
        "segment-00000000000000000201.sqlite-wal": 201,
    }
    others = [
        "dedup.sqlite",
        "log.json",
        "segment-1.sqlite",
        "segment-00000000000000000301.sqlite.new",
        "segment-x.sqlite",
    ]
    for name in [*names, *others]:
        (tmp_path / name).write_bytes(b"x")

    found = find_segments(tmp_path, tmp_path)

    assert [file.first for file in found] == sorted(names.values())
    assert [file.mended for file in found] == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("number", "is_damage"),
    [(errno.EACCES, False), (errno.EMFILE, False), (errno.ENOENT, True), (errno.EIO, True), (errno.EISDIR, True)],
    ids=["no permission", "no file handles", "gone", "a bad sector", "a directory"],
)
def test_what_says_nothing_of_the_file_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_damage: bool
) -> None:
    def refuse(*arguments: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", refuse)

    with nullcontext() if is_damage else pytest.raises(OSError, match=os.strerror(number)):
        assert not read_header(tmp_path / "segment").is_sane


def test_a_start_removes_its_own_drafts_and_nothing_of_anybody_else(tmp_path: Path) -> None:
    """With `data: /var`, the folder of the log is /var/log."""
    segment = "segment-00000000000000000301.sqlite"
    drafts = [
        f"{segment}.new",
        f"{segment}.new-wal",
        f"{segment}.new-journal",
        "segment-00000000000000000301.rescued.sqlite.part",
        "segment-00000000000000000301.rescued.sqlite.part-shm",
        "log.json.part",
    ]
    others = ["mail.new", "syslog.part", "list.part-1", segment]
    for name in [*drafts, *others]:
        (tmp_path / name).write_bytes(b"x")

    remove_drafts(tmp_path)

    assert names_in(tmp_path) == sorted(others)


def test_removing_a_segment_removes_all_of_it(segment: Segment, file: SegmentFile, tmp_path: Path) -> None:
    segment.append(rows(1, 5))
    file.rescued.write_bytes(b"x")
    segment.close()

    file.unlink()
    file.unlink()

    assert names_in(tmp_path) == []
