"""The tail in memory."""

from __future__ import annotations

import pytest

from router.log.record import Record
from router.log.tail import RECORD_BYTES, Tail
from tests.log.harness import entry, record

SIZE = 400
PLENTY = 1_000_000


def records(first: int, last: int) -> list[Record]:
    return [record(n, entry(n, size=SIZE)) for n in range(first, last + 1)]


@pytest.fixture
def tail() -> Tail:
    """Room for ten; the last ten of thirty are in it."""
    tail = Tail(10 * (SIZE + RECORD_BYTES))
    for n in range(1, 31):
        tail.extend(records(n, n))
    return tail


@pytest.mark.parametrize("after", range(20, 30))
def test_it_gives_what_follows_a_position_in_it(tail: Tail, after: int) -> None:
    assert tail.read(after, 500, PLENTY) == records(after + 1, 30)


@pytest.mark.parametrize("after", [0, 1, 18, 19], ids=["never in it", "long gone", "gone", "just gone"])
def test_it_does_not_answer_for_what_it_gave_up(tail: Tail, after: int) -> None:
    assert tail.read(after, 500, PLENTY) is None


@pytest.mark.parametrize("after", [30, 31, 1000])
def test_it_does_not_answer_for_what_never_came(tail: Tail, after: int) -> None:
    assert tail.read(after, 500, PLENTY) is None


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_it_gives_no_more_than_the_limit(tail: Tail, limit: int) -> None:
    assert tail.read(20, limit, PLENTY) == records(21, 20 + limit)


@pytest.mark.parametrize(("max_bytes", "count"), [(1, 1), (SIZE, 1), (SIZE + 1, 2), (3 * SIZE, 3)])
def test_it_gives_one_and_then_no_more_bytes_than_wanted(tail: Tail, max_bytes: int, count: int) -> None:
    assert tail.read(20, 500, max_bytes) == records(21, 20 + count)


def test_an_empty_one_answers_nothing() -> None:
    assert Tail(PLENTY).read(0, 500, PLENTY) is None


def test_one_without_room_keeps_nothing() -> None:
    tail = Tail(0)
    tail.extend(records(1, 5))

    assert tail.read(4, 500, PLENTY) is None


def test_it_begins_where_the_first_record_is() -> None:
    """After a restart that is far from 1."""
    tail = Tail(PLENTY)
    tail.extend(records(1001, 1003))

    assert tail.read(1000, 500, PLENTY) == records(1001, 1003)
    assert tail.read(999, 500, PLENTY) is None


def test_it_holds_no_more_records_than_twice_its_room(tail: Tail) -> None:
    assert len(tail._records) <= 20
