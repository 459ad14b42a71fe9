"""The window: a destination's position in one partition, and what is settled above it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class Window:
    """Everything up to ``position`` is settled or parked. ``above`` holds the sequences settled or parked beyond it.

    1 2 3 4 5 6 7 8 9 …
        ▲   ▲   ▲   ▲─ read: how far the reader has come
        │   └───┴── above
        position

    Sequences are passed to `open` in order as they are read, and to `settle` in any order.
    """

    def __init__(self, position: int, above: Iterable[int] = ()) -> None:
        """*above* are sequences that an earlier run left settled or parked. The reader passes them again."""
        self.position = position
        self.above = {sequence for sequence in above if sequence > position}
        self._ahead = len(self.above)
        """How many of ``above`` the reader has not passed yet."""
        self.read = position
        """The last sequence read from the log."""
        self._read_before = max(self.above, default=position)
        self._close_up()

    @property
    def in_flight(self) -> int:
        """Events read and not yet settled or parked."""
        return self.read - self.position - (len(self.above) - self._ahead)

    @property
    def span(self) -> int:
        """How far the reader is ahead of the position. All of that is either in flight or in ``above``."""
        return self.read - self.position

    @property
    def is_rereading(self) -> bool:
        """Whether an earlier run was further ahead than the reader is now."""
        return self.read < self._read_before

    def open(self, last: int) -> None:
        """The reader has passed everything up to *last*."""
        if last <= self.read:
            return
        if last == self.read + 1:
            self._ahead -= last in self.above
        elif self._ahead:
            self._ahead -= sum(1 for sequence in self.above if self.read < sequence <= last)
        self.read = last

    def is_settled(self, sequence: int) -> bool:
        return sequence <= self.position or sequence in self.above

    def unsettled(self, first: int, last: int) -> list[tuple[int, int]]:
        """The runs of sequences within *first* to *last* (both included) that are neither settled nor parked, in order."""
        runs: list[tuple[int, int]] = []
        start = max(first, self.position + 1)
        for closed in sorted(sequence for sequence in self.above if start <= sequence <= last):
            if start < closed:
                runs.append((start, closed - 1))
            start = closed + 1
        if start <= last:
            runs.append((start, last))
        return runs

    def settle(self, first: int, last: int | None = None) -> None:
        """*first* (to *last*, both included) is settled or parked. The position moves if nothing before it is open."""
        last = first if last is None else last
        if first > self.position + 1:
            for sequence in range(first, last + 1):
                if sequence not in self.above:
                    self.above.add(sequence)
                    self._ahead += sequence > self.read
            return
        if last > self.position + 1 and self.above:  # a run of several: what it covers must leave ``above``
            covered = {sequence for sequence in self.above if sequence <= last}
            self._ahead -= sum(1 for sequence in covered if sequence > self.read)
            self.above -= covered
        self.position = max(self.position, last)
        self._close_up()

    def settle_each(self, sequences: Sequence[int]) -> None:
        """Like `settle` for each of *sequences*, but the position is looked at only once."""
        opened = {sequence for sequence in sequences if sequence > self.position} - self.above
        self.above |= opened
        if opened and max(opened) > self.read:
            self._ahead += sum(1 for sequence in opened if sequence > self.read)
        self._close_up()

    def _close_up(self) -> None:
        while self.position + 1 in self.above:
            self.position += 1
            self.above.discard(self.position)
            self._ahead -= self.position > self.read
        self.read = max(self.read, self.position)
