"""How far one destination has come in one partition of a log that is copied, and what it keeps apart from the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from router.delivery.order import out_of_line
from router.delivery.state.letters import DeadLetter
from router.delivery.state.state import State
from router.log.record import Record

ALL_KEYS: Final = 10_000_000
"""More than there is of anything."""
_PAGE: Final = 500


class Standing:
    """As it is when the copying begins."""

    def __init__(self, state: State, partition: int) -> None:
        self.state = state
        positions = state.positions()
        self.is_new = partition not in positions
        self.position = 0 if self.is_new else positions[partition][1]
        self.above = state.settled_above_position().get(partition, set())
        self.parked: dict[int, Record] = {}
        self.lines: dict[int, str] = {}
        """The line in which each parked event waits."""
        for line in state.parked.places():
            for record in state.parked.first_of(line, ALL_KEYS):
                if record.partition == partition:
                    self.parked[record.sequence] = out_of_line(record)
                    self.lines[record.sequence] = line
        self.letters: dict[int, list[DeadLetter]] = {}
        self.empty = 0
        for letter in _letters_of(state):
            if letter.record.partition == partition:
                if letter.is_empty:
                    self.empty += 1
                else:
                    self.letters.setdefault(letter.record.sequence, []).append(letter)
        self.tries = state.notes.tries()
        self.settled_payloads = state.notes.settled_payloads()
        self.parked_users = state.parked.users()

    def is_pending(self, sequence: int) -> bool:
        return not self.is_new and sequence > self.position and sequence not in self.above

    def is_needed(self, sequence: int) -> bool:
        return self.is_pending(sequence) or sequence in self.parked or sequence in self.letters


def _letters_of(state: State) -> Iterator[DeadLetter]:
    after = 0
    while page := state.letters.find(after=after, limit=_PAGE):
        yield from page
        after = page[-1].id
