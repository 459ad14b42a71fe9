"""Unknown names: names in events' ``integrations`` that match no destination. They are counted, since a caller meant something
by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from router.event import Event
from router.integrations import DestinationNames, folded_names, unknown_names

MAX_NAMES = 20
"""How many names are kept. Callers may use any number of them."""


class UnknownNames:
    """Counts since the start. All destinations read the same events, so each is counted for the first destination that reads
    it."""

    def __init__(self, end: Callable[[int], int]) -> None:
        """*end* gives the last sequence of a partition of the log. An earlier run has counted what lies before it."""
        self.events = 0
        """Events with at least one such name."""
        self.names: Counter[str] = Counter()
        """How many events had each name."""
        self._end = end
        self._seen: dict[int, int] = {}
        self._known: frozenset[str] = frozenset()

    def configure(self, partitions: Iterable[int], destinations: Iterable[DestinationNames]) -> None:
        """From now on the names of *destinations* are the known ones."""
        self._known = folded_names(destinations)
        for partition in partitions:
            self._seen.setdefault(partition, self._end(partition))

    def look(self, event: Event, partition: int, sequence: int) -> None:
        """Count the unknown names of the event at that place, unless another destination has read it before."""
        if sequence <= self._seen.get(partition, 0):
            return
        self._seen[partition] = sequence
        unknown = unknown_names(event.integrations, self._known) if event.integrations else ()
        if not unknown:
            return
        self.events += 1
        for name in unknown:
            if name in self.names or len(self.names) < MAX_NAMES:
                self.names[name] += 1
