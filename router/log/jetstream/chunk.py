"""One message of a stream: a run of events that were stored together. Pure.

    magic version checksum │ first count newest │ event event event …
                             └──────── covered by the checksum ─────┘

What an event is made of: when it was received, the lengths of its texts and of its JSON, then those themselves. Numbers are
little-endian. The checksum is CRC-32: the server has its own on disk; this one holds from router to router.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from router.log.record import Entry, Record

MAGIC = b"TRLC"
VERSION = 1

_FRAME = struct.Struct("<4sBI")
_HEAD = struct.Struct("<QId")
_EVENT = struct.Struct("<d5I")

OVERHEAD_BYTES = _FRAME.size + _HEAD.size
"""Of a chunk, beside its events."""


class DamagedChunk(Exception):
    """The bytes are not what was written."""


class UnknownVersion(Exception):
    """A newer router wrote the chunk."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """*records* are in order and follow one another, at least one."""

    records: Sequence[Record]
    newest_s: float
    """When the last to come of them was received, in Unix seconds."""

    @property
    def first(self) -> int:
        return self.records[0].sequence

    @property
    def last(self) -> int:
        return self.records[-1].sequence


def pack_event(entry: Entry) -> bytes:
    """*entry* as it lies in a chunk.

    Raises:
        ValueError: a text with half a surrogate pair, a time that is no number.
    """
    received_at_s = float(entry.received_at_s)
    if not math.isfinite(received_at_s):
        raise ValueError(f"received_at_s: got {received_at_s}, expected Unix seconds")
    source, message_id = entry.source.encode(), entry.message_id.encode()
    user_key, kind, event = entry.user_key.encode(), entry.type.encode(), entry.event
    head = _EVENT.pack(received_at_s, len(source), len(message_id), len(user_key), len(kind), len(event))
    return b"".join((head, source, message_id, user_key, kind, event))


def pack_chunk(first: int, newest_s: float, events: Sequence[bytes]) -> bytes:
    """*events*, each from `pack_event`, as the sequences from *first* on."""
    body = b"".join((_HEAD.pack(first, len(events), newest_s), *events))
    return _FRAME.pack(MAGIC, VERSION, zlib.crc32(body)) + body


def unpack_chunk(partition: int, data: bytes) -> Chunk:
    """What `pack_chunk` made, as records of *partition*.

    Raises:
        DamagedChunk: it is not what was written.
        UnknownVersion: a newer router wrote it.
    """
    try:
        magic, version, checksum = _FRAME.unpack_from(data)
    except struct.error:
        raise DamagedChunk("it is too short") from None
    if magic != MAGIC:
        raise DamagedChunk("it is nothing that a router wrote")
    if version != VERSION:
        raise UnknownVersion(f"version {version}, this program knows {VERSION}")
    if zlib.crc32(memoryview(data)[_FRAME.size :]) != checksum:
        raise DamagedChunk("its checksum is wrong")
    first, count, newest_s = _HEAD.unpack_from(data, _FRAME.size)
    at = OVERHEAD_BYTES
    records = []
    for sequence in range(first, first + count):
        received_at_s, source_bytes, id_bytes, user_bytes, type_bytes, event_bytes = _EVENT.unpack_from(data, at)
        at += _EVENT.size
        source_end = at + source_bytes
        id_end = source_end + id_bytes
        user_end = id_end + user_bytes
        type_end = user_end + type_bytes
        event_end = type_end + event_bytes
        records.append(
            Record(
                partition,
                sequence,
                data[at:source_end].decode(),
                data[source_end:id_end].decode(),
                data[id_end:user_end].decode(),
                data[user_end:type_end].decode(),
                received_at_s,
                data[type_end:event_end],
            )
        )
        at = event_end
    return Chunk(records, newest_s)
