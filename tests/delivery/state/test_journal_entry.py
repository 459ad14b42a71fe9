"""Entries of a journal: put together from their messages, and nothing taken for whole that is not."""

from __future__ import annotations

import pytest

from router.delivery.state.journal.entry import Assembler, Draft, Entry, Hole, Kind


def messages(
    body: bytes, first: int, previous: int, room: int = 2, kind: Kind = "operation", writer: str = "a", number: int = 1
) -> list[tuple[int, dict[str, str], bytes]]:
    """An entry as it lies in a stream in which every other message is of somebody else."""
    draft = Draft(kind, writer, number, body)
    parts = draft.parts(room)
    found = []
    for index, part in enumerate(parts):
        sequence = first + 2 * index
        found.append((sequence, draft.headers(index, len(parts), previous), part))
        previous = sequence
    return found


def test_an_entry_of_many_parts_is_put_together() -> None:
    assembler = Assembler(0)

    *early, last = [assembler.add(*message) for message in messages(b"abcde", 3, 0)]

    assert early == [None, None]
    assert last == Entry(Draft("operation", "a", 1, b"abcde"), first=3, last=7, previous=0)
    assert assembler.head == 7


def test_an_entry_without_content_is_one_message() -> None:
    [message] = messages(b"", 1, 0, kind="claim")

    entry = Assembler(0).add(*message)

    assert entry is not None
    assert entry.draft.body == b""


def test_what_a_dead_writer_left_half_done_counts_for_nothing() -> None:
    assembler = Assembler(0)
    left = messages(b"abcde", 1, 0)[:2]
    whole = messages(b"xy", 5, 3, writer="b")

    found = [assembler.add(*message) for message in [*left, *whole]]

    assert [entry.draft.body for entry in found if entry] == [b"xy"]


def test_a_missing_message_is_noticed() -> None:
    with pytest.raises(Hole, match="message 5 follows 3, and 1 is the last before it"):
        Assembler(1).add(*messages(b"x", 5, 3)[0])


def test_a_missing_part_is_noticed() -> None:
    assembler = Assembler(0)
    first, _, third = messages(b"abcde", 1, 0)
    assembler.add(*first)

    with pytest.raises(Hole):
        assembler.add(*third)


def test_a_snapshot_needs_nothing_before_it() -> None:
    entry = Assembler(1).add(*messages(b"x", 50, 48, kind="snapshot")[0])

    assert entry is not None
    assert (entry.first, entry.previous) == (50, 48)
