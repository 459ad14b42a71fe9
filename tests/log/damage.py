"""A log as a SIGKILL leaves it, and the ways in which its files can be damaged."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from router.log.record import Entry
from router.log.sqlite import LogOptions, SqliteLog
from tests.log.harness import StillClock, entries, entry

OPTIONS = LogOptions(segment_bytes=40_000, tail_bytes=0)
EVENTS = 300
WRITTEN: dict[int, Entry] = {n: entry(n) for n in range(1, EVENTS + 1)}
EVERYTHING = set(WRITTEN)


def make_killed(directory: Path, image: Path) -> None:
    """*image* is what a SIGKILL leaves of a log of 300 events; the last of them are in a write-ahead log alone."""

    async def fill() -> None:
        log = await SqliteLog.open(directory, OPTIONS, StillClock())
        for start in range(1, EVENTS + 1, 5):
            await log.append(entries(start, start + 4))
        await log.trim({})  # comes after the index
        shutil.copytree(directory, image)
        await log.close()

    asyncio.run(fill())


def segments_of(directory: Path) -> list[Path]:
    return [path for path in sorted(directory.glob("segment-*.sqlite")) if "rescued" not in path.name]


def first_in(segment: Path) -> int:
    return int(segment.stem.removeprefix("segment-"))


def middle_of(directory: Path) -> Path:
    """A sealed segment: neither the first nor the last."""
    segments = segments_of(directory)
    return segments[len(segments) // 2]


def range_of(segment: Path) -> set[int]:
    """The sequences that belong into a segment."""
    segments = segments_of(segment.parent)
    following = [first_in(other) for other in segments if first_in(other) > first_in(segment)]
    return set(range(first_in(segment), following[0] if following else EVENTS + 1))


def last_of(directory: Path) -> Path:
    return segments_of(directory)[-1]


def wal_of(directory: Path) -> Path:
    last = last_of(directory)
    return last.with_name(last.name + "-wal")


# --- how files are damaged ---


def delete(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def fill_with_zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def fill_with_noise(path: Path) -> None:
    path.write_bytes(bytes(n * 167 % 251 for n in range(path.stat().st_size)))


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_the_last_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def add_noise(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"noise" * 1_000)


def flip_in_the_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def flip_an_event(path: Path, number: int) -> None:
    """One bit, in the bytes of the event *number*."""
    data = bytearray(path.read_bytes())
    data[data.index(b'{"n":%d}' % number) + 2] ^= 0x01
    path.write_bytes(data)


def zero_the_first_page(path: Path) -> None:
    path.write_bytes(bytes(4_096) + path.read_bytes()[4_096:])


Damage = Callable[[Path], None]
ALL = {
    each.__name__: each
    for each in (
        delete,
        empty,
        fill_with_zeros,
        fill_with_noise,
        cut_in_half,
        cut_the_last_byte,
        add_noise,
        flip_in_the_middle,
        zero_the_first_page,
    )
}
TOTAL = {name: ALL[name] for name in ("delete", "empty", "fill_with_zeros", "fill_with_noise")}
