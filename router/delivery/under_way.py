"""The live events of a worker that are in its lanes or in a request, and how heavy they are together."""

from __future__ import annotations

from collections.abc import Iterator

from router.delivery.state import Place
from router.delivery.transit import Transit


class UnderWay:
    """Those of the log and those that were parked, each by its place. Replays aren't here: their jobs bound them."""

    def __init__(self) -> None:
        self.bytes = 0
        """See `Transit.weigh`."""
        self._transits: dict[Place, Transit] = {}

    def __iter__(self) -> Iterator[Transit]:
        return iter(self._transits.values())

    def find(self, place: Place) -> Transit | None:
        return self._transits.get(place)

    def add(self, transit: Transit) -> None:
        """It may be here already."""
        if transit.place not in self._transits:
            self._transits[transit.place] = transit
            transit.weigh()
            self.bytes += transit.weight

    def remove(self, transit: Transit) -> None:
        """It may be gone already."""
        if self._transits.pop(transit.place, None) is not None:
            self.bytes -= transit.weight
