"""The position of a destination in one partition, and what is settled above it. Pure."""

from __future__ import annotations

from collections.abc import Iterable


class Window:
    """Everything up to ``position`` is settled or parked; ``above`` holds what is settled or parked beyond it.

    Sequences are passed to `open` in order as they are read, and to `settle` in any order.
    """

    def __init__(self, position: int, above: Iterable[int] = ()) -> None:
        self.position = position
        self.above = set(above)
        self.read = position
        """The last sequence read from the log."""

    @property
    def in_flight(self) -> int:
        """Events read and not yet settled."""
        return self.read - self.position - sum(1 for sequence in self.above if sequence <= self.read)

    def is_settled(self, sequence: int) -> bool:
        return sequence <= self.position or sequence in self.above

    def settle(self, first: int, last: int | None = None) -> None:
        """*first* (to *last*, both included) is settled or parked: the position moves if the line before it is closed."""
        last = first if last is None else last
        if first <= self.position + 1:
            self.position = max(self.position, last)
        else:
            self.above.update(range(first, last + 1))
        while self.position + 1 in self.above:
            self.position += 1
            self.above.discard(self.position)
        if self.above and min(self.above) <= self.position:
            self.above = {sequence for sequence in self.above if sequence > self.position}
