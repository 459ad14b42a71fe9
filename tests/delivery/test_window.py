"""The position and what is settled above it, against a set of numbers."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from router.delivery.window import Window

LAST = 60


class Model(RuleBasedStateMachine):
    """Whatever is read and settled in whatever order: the position is the end of the unbroken line of settled sequences."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: set[int] = set()
        self.read = self.read_before = 0
        self.window = Window(0)

    @rule(by=st.integers(-5, 5))
    def read_on(self, by: int) -> None:
        """The reader may come past what the window has closed up over meanwhile."""
        last = min(self.read + by, LAST)
        self.read = max(self.read, last)
        self.window.open(last)

    @rule(sequence=st.integers(1, LAST))
    def settle(self, sequence: int) -> None:
        self.settled.add(sequence)
        self.window.settle(sequence)

    @rule(first=st.integers(1, LAST), count=st.integers(1, 20))
    def settle_a_run(self, first: int, count: int) -> None:
        self.settled |= set(range(first, first + count))
        self.window.settle(first, first + count - 1)

    @rule(sequences=st.lists(st.integers(1, LAST), max_size=10))
    def settle_each(self, sequences: list[int]) -> None:
        self.settled |= set(sequences)
        self.window.settle_each(sequences)

    @rule()
    def restart(self) -> None:
        """What is on disk is the position and what lies above it; the reader begins again."""
        self.read_before = max(self.window.above, default=0)
        self.window = Window(self.window.position, self.window.above)
        self.read = self.position

    @property
    def position(self) -> int:
        return next(number for number in range(LAST * 2) if number + 1 not in self.settled)

    @invariant()
    def agrees(self) -> None:
        self.read = max(self.read, self.position)
        assert self.window.position == self.position
        assert self.window.above == {sequence for sequence in self.settled if sequence > self.position}
        assert self.window.read == self.read
        assert self.window.in_flight == len(set(range(1, self.read + 1)) - self.settled)
        assert self.window.is_rereading == (self.read < self.read_before)
        assert self.window.span == self.read - self.position
        for sequence in (1, self.position, self.position + 1, self.read, self.read + 1):
            assert self.window.is_settled(sequence) == (sequence <= self.position or sequence in self.settled)


TestWindow = Model.TestCase


def test_the_runs_that_are_unsettled_are_all_of_what_is_unsettled() -> None:
    """However six events are settled, and of whatever stretch of them."""
    for mask, first, last in itertools.product(range(2**6), range(1, 8), range(8)):
        settled = {sequence for sequence in range(1, 7) if mask >> sequence - 1 & 1}
        window = Window(0)
        window.settle_each(sorted(settled))

        runs = window.unsettled(first, last)

        found = [sequence for start, end in runs for sequence in range(start, end + 1)]
        assert found == [sequence for sequence in range(first, last + 1) if sequence not in settled]
        assert all(one[1] + 1 < other[0] for one, other in itertools.pairwise(runs))


@pytest.mark.parametrize("is_run", [True, False], ids=["a run", "each"])
def test_what_is_in_flight_is_what_was_read_and_is_not_settled(is_run: bool) -> None:
    """However five events are settled, then read up to one of them, then settled from one to another."""
    for mask, read, first, last in itertools.product(range(2**5), range(6), range(1, 6), range(1, 6)):
        before = {sequence for sequence in range(1, 6) if mask >> sequence - 1 & 1}
        window = Window(0, before)
        window.open(read)

        if is_run and first <= last:
            window.settle(first, last)
        else:
            window.settle_each(range(first, last + 1))

        settled = before | set(range(first, last + 1))
        assert window.in_flight == len(set(range(1, window.read + 1)) - settled)


def test_what_an_earlier_run_settled_right_behind_the_position_belongs_to_it() -> None:
    window = Window(3, {2, 4, 5, 7})

    assert (window.position, window.above, window.read) == (5, {7}, 5)


@pytest.mark.parametrize("last", [10, 10_000_000_000])
def test_a_run_of_any_length_is_passed_in_one_step(last: int) -> None:
    """The log may have lost millions of events at once: they must not become millions of numbers."""
    window = Window(3, {5, 7})
    window.open(last)

    window.settle(4, last)

    assert (window.position, window.above, window.in_flight) == (last, set(), 0)
