"""The decoder: decodes an event once for all destinations that read it at about the same time."""

from __future__ import annotations

from router.event import Event
from router.log.record import Record

MAX_BYTES = 2_000_000
"""How many bytes of events, as JSON, are kept decoded. Decoded they take about six times as much."""


class Decoder:
    """One for all destinations. A destination that keeps up finds most events here; one that is far behind finds none."""

    def __init__(self) -> None:
        self._room = MAX_BYTES
        self._events: dict[tuple[int, int], tuple[Event, int]] = {}
        """Events with their sizes, by partition and sequence, oldest first. The oldest goes first."""

    def forget(self) -> None:
        """Decode all events anew: some may have been erased from the log."""
        self._room += sum(size for _, size in self._events.values())
        self._events.clear()

    def event(self, record: Record) -> Event:
        """The event of *record*. It is shared: do not change it.

        Raises:
            ValueError: the bytes are not JSON.
        """
        place = record[:2]
        found = self._events.get(place)
        if found is not None:
            return found[0]
        event = Event.from_log(record.event)
        self._events[place] = event, len(record.event)
        self._room -= len(record.event)
        while self._room < 0:
            _, size = self._events.pop(next(iter(self._events)))
            self._room += size
        return event
