"""Names in events' ``integrations`` that match no destination: counted, since the caller meant something by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from router.event import Event
from router.integrations import DestinationNames, folded_names, unknown_names

MAX_NAMES = 20
"""Names that are kept; they are the callers', and nobody bounds those."""


class UnknownNames:
    """Counts since the start. All destinations read the same events: each event is counted by the first that comes to it."""

    def __init__(self, end: Callable[[int], int]) -> None:
        """*end* tells the last sequence of a partition of the log; what lies before it was counted by an earlier run."""
        self.events = 0
        """Events with at least one such name."""
        self.names: Counter[str] = Counter()
        """How many events had which name."""
        self._end = end
        self._seen: dict[int, int] = {}
        self._known: frozenset[str] = frozenset()

    def configure(self, partitions: Iterable[int], destinations: Iterable[DestinationNames]) -> None:
        """Take the names of *destinations* for known from now on."""
        self._known = folded_names(destinations)
        for partition in partitions:
            self._seen.setdefault(partition, self._end(partition))

    def look(self, event: Event, partition: int, sequence: int) -> None:
        """Count the unknown names of the event that lies there, if no destination came to it before."""
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
