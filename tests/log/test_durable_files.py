"""Promise 1 over power cuts, of all that SQLite does not sync by itself: a file is on disk before it has its name, and the name
before anybody relies on it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from router.log.durable_files import write_whole
from router.log.pulse import Pulse
from router.log.repair import repair_log
from router.log.rescue import rescue
from router.log.segment import Segment
from router.log.segment_file import SegmentFile
from router.log.sqlite import LogOptions, SqliteLog
from router.suppressed import Person, Suppressed
from router.suppressed_file import suppress
from tests.log.damage import delete, fill_with_noise, segments_of
from tests.log.harness import StillClock, entries, entry

LOG_ID = "log-of-the-test"
OPTIONS = LogOptions(segment_bytes=16_384, tail_bytes=0)


@dataclass
class Disk:
    """Knows what was synced, by inode, and what was named."""

    synced: list[int] = field(default_factory=list)
    named: list[tuple[Path, bool, int]] = field(default_factory=list)
    """The new name of a file, whether the file was synced before, and how much had been synced by then."""

    @property
    def unsynced(self) -> list[str]:
        """The files that had their name before they were on disk."""
        return [path.name for path, is_synced, _ in self.named if not is_synced]

    @property
    def forgotten(self) -> list[str]:
        """The files whose name was not synced."""
        return [path.name for path, _, by_then in self.named if path.parent.stat().st_ino not in self.synced[by_then:]]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk()
    fsync = os.fsync

    def sync(descriptor: int) -> None:
        fsync(descriptor)
        disk.synced.append(os.fstat(descriptor).st_ino)

    def noting(move: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
        def name(old: Path, new: Path) -> None:
            disk.named.append((Path(new), os.stat(old).st_ino in disk.synced, len(disk.synced)))
            move(old, new)

        return name

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "rename", noting(os.rename))
    monkeypatch.setattr(os, "replace", noting(os.replace))
    yield disk
    monkeypatch.undo()


async def make_log(directory: Path) -> Path:
    """A log of several segments."""
    log = await SqliteLog.open(directory, OPTIONS, StillClock())
    for first in range(1, 200, 20):
        await log.append(entries(first, first + 19))
    await log.close()
    return directory


def test_a_file_that_is_written_whole_outlives_a_power_cut(tmp_path: Path, disk: Disk) -> None:
    write_whole(tmp_path / "log.json", b"{}")

    assert [path.name for path, _, _ in disk.named] == ["log.json"]
    assert (disk.unsynced, disk.forgotten) == ([], [])


def test_a_new_segment_outlives_a_power_cut(tmp_path: Path, disk: Disk) -> None:
    """SQLite has synced it."""
    file = SegmentFile(tmp_path, 1, tmp_path)

    Segment.create(file, LOG_ID, 64_000, Pulse(time.monotonic)).close()

    assert [path for path, _, _ in disk.named] == [file.path]
    assert disk.forgotten == []


async def test_what_was_rescued_outlives_a_power_cut(tmp_path: Path, disk: Disk) -> None:
    path = segments_of(await make_log(tmp_path))[0]
    fill_with_noise(path)
    file = SegmentFile(tmp_path, 1, tmp_path)
    disk.named.clear()

    rescue(file, LOG_ID, 9)

    assert [path for path, _, _ in disk.named] == [file.rescued]
    assert (disk.unsynced, disk.forgotten) == ([], [])


async def test_a_segment_from_which_somebody_was_erased_outlives_a_power_cut(tmp_path: Path, disk: Disk) -> None:
    log = await SqliteLog.open(tmp_path, OPTIONS, StillClock())
    await log.append([replace(entry(1), user_id="ada", event=b'{"type":"track","messageId":"m1","userId":"ada"}')])

    await log.erase(Suppressed.of([Person("userId", "ada")]))

    await log.close()
    first, *_ = segments_of(tmp_path)
    assert [is_synced for path, is_synced, _ in disk.named if path == first] == [
        False,
        True,
    ]  # made by SQLite, and again
    assert disk.forgotten == []


@pytest.mark.parametrize("damage", [fill_with_noise, delete], ids=lambda damage: damage.__name__)
async def test_a_repair_outlives_a_power_cut(tmp_path: Path, disk: Disk, damage: Callable[[Path], None]) -> None:
    damage(segments_of(await make_log(tmp_path))[1])
    disk.named.clear()

    repair_log(tmp_path)

    assert disk.named
    assert disk.forgotten == []


def test_the_first_who_is_suppressed_is_so_after_a_power_cut(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "suppressed.sqlite"

    suppress(path, [Person("userId", "ada")], 0.0)

    assert [path for path, _, _ in disk.named] == [path]
    assert disk.forgotten == []
