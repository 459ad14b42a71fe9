"""Under way: a worker's live events that are in its lanes or in a request, and how much memory they take."""

from __future__ import annotations

from collections.abc import Iterator

from router.delivery.state.changes import Place
from router.delivery.transit import Transit


class UnderWay:
    """Events read from the log and events that were parked, by their places. Replays are left out: their jobs bound them."""

    def __init__(self) -> None:
        self.bytes = 0
        """See `Transit.weigh`."""
        self._transits: dict[Place, Transit] = {}

    def __iter__(self) -> Iterator[Transit]:
        return iter(self._transits.values())

    def find(self, place: Place) -> Transit | None:
        return self._transits.get(place)

    def add(self, transit: Transit) -> None:
        """Add an event, which may be here already."""
        if transit.place not in self._transits:
            self._transits[transit.place] = transit
            transit.weigh()
            self.bytes += transit.weight

    def remove(self, transit: Transit) -> None:
        """Remove an event, which may be gone already."""
        if self._transits.pop(transit.place, None) is not None:
            self.bytes -= transit.weight
