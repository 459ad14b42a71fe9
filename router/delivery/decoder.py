"""The events of the log, decoded once for all destinations that come to them at about the same time."""

from __future__ import annotations

from router.event import Event
from router.log.record import Record

MAX_BYTES = 2_000_000
"""Of events, as JSON, that are kept decoded; in that form they take about six times as much."""


class Decoder:
    """One for all destinations: who reads along with the others finds most events here, who is far behind finds none."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._room = max_bytes
        self._events: dict[tuple[int, int], tuple[Event, int]] = {}
        """By partition and sequence, in the order in which they came: the first is the first to go."""

    def event(self, record: Record) -> Event:
        """The event of *record*; shared, so nobody changes it.

        Raises:
            ValueError: the bytes are no JSON.
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
