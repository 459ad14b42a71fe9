"""The carver: reads the rows of a damaged segment page by page, without SQLite.

SQLite gives up a whole file for one bad page, and silently drops everything after one bad frame of a write-ahead log. But rows
never change once they are written, and each has a checksum, so every page can be read by itself, in any order, and every sound
row is good. A damaged page costs only the rows on it.

Source: https://sqlite.org/fileformat2.html, sections 1.5 (cells of a table leaf, overflow), 2.1 (records) and 4 (the WAL).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import chain
from pathlib import Path

from router.log.row import Row
from router.log.schema import PAGE_BYTES, PASSING_ERRNOS

_LEAF = 0x0D
_WAL_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
_LOCAL_MAX = PAGE_BYTES - 35
_LOCAL_MIN = (PAGE_BYTES - 12) * 32 // 255 - 23
_OVERFLOW_BYTES = PAGE_BYTES - 4
_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)

_Pages = Callable[[int], bytes | None]


def carve(database: Path, wal: Path) -> Iterator[Row]:
    """Every sound row in the two files (either may be missing), with repeats, those of the database first.

    Of two rows with one sequence the first counts: the other was rolled back.

    Raises:
        OSError: one of them can't be opened now (no permission, no file handles).
    """
    with ExitStack() as stack:
        log = _File(stack, wal)
        yield from _carve(_File(stack, database), log, _frames(log))


def wal_reach(wal: Path) -> int:
    """The highest sequence that was synced into a write-ahead log, whatever became of its frames since; 0 for none.

    The last transaction does not count: a power cut may have kept its end but not its beginning, and in that case nobody was
    told that it is on disk. Each earlier transaction was synced before the next one began.

    Raises:
        OSError: it can't be opened now.
    """
    with ExitStack() as stack:
        file = _File(stack, wal)
        nothing = _File(stack, None)
        found = (_carve(nothing, file, frames) for frames in _transactions(_frames(file)))
        reached = {0, *(max((row.sequence for row in rows), default=0) for rows in found)}
        return sorted(reached)[-2] if len(reached) > 1 else 0


def _transactions(frames: list[_Frame]) -> Iterator[list[_Frame]]:
    """The frames of each transaction, and at the end those after the last complete one."""
    begin = 0
    for end, frame in enumerate(frames, 1):
        if frame.is_commit:
            yield frames[begin:end]
            begin = end
    yield frames[begin:]


class _File:
    """A file that may be missing or unreadable in part."""

    def __init__(self, stack: ExitStack, path: Path | None) -> None:
        self._descriptor = -1
        self.size = 0
        if path is None:
            return
        try:
            self._descriptor = os.open(path, os.O_RDONLY)
            stack.callback(os.close, self._descriptor)
            self.size = os.fstat(self._descriptor).st_size
        except OSError as error:
            if error.errno in PASSING_ERRNOS:
                raise

    def read(self, offset: int, length: int) -> bytes:
        """The bytes there, with zeros beyond the end of the file and in place of bad sectors."""
        data = b""
        if 0 <= offset < self.size:
            with suppress(OSError):
                data = os.pread(self._descriptor, length, offset)
        return data.ljust(length, b"\0")


class _Frame:
    """The place of one version of a page in a write-ahead log."""

    __slots__ = ("is_commit", "offset", "page")

    def __init__(self, header: bytes, offset: int) -> None:
        self.page, size_after_commit = struct.unpack_from(">II", header)
        self.is_commit = size_after_commit != 0
        self.offset = offset + _FRAME_HEADER_BYTES


def _frames(wal: _File) -> list[_Frame]:
    offsets = range(_WAL_HEADER_BYTES, wal.size, _FRAME_HEADER_BYTES + PAGE_BYTES)
    return [_Frame(wal.read(offset, _FRAME_HEADER_BYTES), offset) for offset in offsets]


def _carve(database: _File, wal: _File, frames: list[_Frame]) -> Iterator[Row]:
    latest = {frame.page: frame.offset for frame in frames}

    def in_database(number: int) -> bytes | None:
        offset = (number - 1) * PAGE_BYTES
        return database.read(offset, PAGE_BYTES) if 0 <= offset < database.size else None

    def in_wal(number: int) -> bytes | None:
        offset = latest.get(number)
        return None if offset is None else wal.read(offset, PAGE_BYTES)

    def newest(number: int) -> bytes | None:
        return in_wal(number) or in_database(number)

    def oldest(number: int) -> bytes | None:
        return in_database(number) or in_wal(number)

    limit = database.size + wal.size
    offsets = range(0, database.size, PAGE_BYTES)
    in_files = chain(
        ((database.read(offset, PAGE_BYTES), 0 if offset else 100) for offset in offsets),
        ((wal.read(frame.offset, PAGE_BYTES), 0) for frame in frames),
    )
    for page, start in in_files:
        for cell in _cells(page, start):
            row = _row(page, cell, newest, limit) or _row(page, cell, oldest, limit)
            if row:
                yield row


def _cells(page: bytes, start: int) -> Iterator[int]:
    """Where the cells begin in a leaf page of a table; nothing for other pages."""
    if page[start] != _LEAF:
        return
    (count,) = struct.unpack_from(">H", page, start + 3)
    for place in range(start + 8, min(start + 8 + 2 * count, PAGE_BYTES - 1), 2):
        (cell,) = struct.unpack_from(">H", page, place)
        if cell < PAGE_BYTES:
            yield cell


def _row(page: bytes, cell: int, page_of: _Pages, limit: int) -> Row | None:
    """The row in the cell; None if it is not sound. *limit*: the size of the files, which no payload exceeds."""
    try:
        length, place = _varint(page, cell)
        sequence, place = _varint(page, place)
        if length > limit:
            return None
        row = _record(sequence, _payload(page, place, length, page_of))
    except (IndexError, ValueError, TypeError, struct.error):
        return None
    return row if row.is_sound() else None


def _payload(page: bytes, place: int, length: int, page_of: _Pages) -> bytes:
    if length <= _LOCAL_MAX:
        return page[place : place + length]
    local = _LOCAL_MIN + (length - _LOCAL_MIN) % _OVERFLOW_BYTES
    if local > _LOCAL_MAX:
        local = _LOCAL_MIN
    parts = [page[place : place + local]]
    (number,) = struct.unpack_from(">I", page, place + local)
    for _ in range((length - local + _OVERFLOW_BYTES - 1) // _OVERFLOW_BYTES):
        following = page_of(number)
        if following is None:
            raise ValueError("the overflow chain is broken")
        (number,) = struct.unpack_from(">I", following)
        parts.append(following[4:])
    return b"".join(parts)[:length]


def _record(sequence: int, payload: bytes) -> Row:
    header_bytes, place = _varint(payload, 0)
    body = header_bytes
    values: list[object] = []
    while place < header_bytes and len(values) < len(Row._fields):
        kind, place = _varint(payload, place)
        value, body = _value(payload, body, kind)
        values.append(value)
    values[0] = sequence  # SQLite keeps the table's key outside of the record
    received_at_s = values[8]
    if isinstance(received_at_s, int):  # SQLite stores a whole float as an integer
        values[8] = float(received_at_s)
    return Row(*values)  # type: ignore[arg-type]  # a TypeError where columns are missing; is_sound looks at the types


def _value(payload: bytes, place: int, kind: int) -> tuple[object, int]:
    if kind == 0:
        return None, place
    if kind <= 6:
        end = place + _INTEGER_BYTES[kind]
        return int.from_bytes(payload[place:end], "big", signed=True), end
    if kind == 7:
        return struct.unpack_from(">d", payload, place)[0], place + 8
    if kind <= 9:
        return kind - 8, place
    end = place + (kind - 12) // 2
    data = payload[place:end]
    return (data.decode() if kind % 2 else data), end


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = 0
    for at in range(place, place + 8):
        value = value << 7 | data[at] & 0x7F
        if data[at] < 0x80:
            return value, at + 1
    return value << 8 | data[place + 8], place + 9
