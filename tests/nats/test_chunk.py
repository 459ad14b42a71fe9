"""Events as they lie in a message."""

from __future__ import annotations

import pytest

from router.log.jetstream.chunk import DamagedChunk, UnknownVersion, pack_chunk, pack_event, unpack_chunk
from tests.log.harness import entries, record

EVENTS = entries(1, 5)
DATA = pack_chunk(1, 7.0, [pack_event(entry) for entry in EVENTS])


def test_what_was_packed_comes_back() -> None:
    chunk = unpack_chunk(0, DATA)

    assert list(chunk.records) == [record(n, entry) for n, entry in enumerate(EVENTS, 1)]
    assert (chunk.first, chunk.last, chunk.newest_s) == (1, 5, 7.0)


def test_any_bit_that_flips_is_noticed() -> None:
    for at in range(len(DATA)):
        flipped = bytearray(DATA)
        flipped[at] ^= 1 << at % 8
        with pytest.raises((DamagedChunk, UnknownVersion)):
            unpack_chunk(0, bytes(flipped))


@pytest.mark.parametrize("length", [0, 1, 8, 9, 28, 29, 100, len(DATA) - 1])
def test_a_cut_message_is_noticed(length: int) -> None:
    with pytest.raises(DamagedChunk):
        unpack_chunk(0, DATA[:length])


def test_a_newer_version_is_told_from_damage() -> None:
    newer = DATA[:4] + bytes([2]) + DATA[5:]

    with pytest.raises(UnknownVersion, match="version 2, this program knows 1"):
        unpack_chunk(0, newer)
