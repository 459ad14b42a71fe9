"""Suspects: events whose refusal speaks for the whole destination, though it may be about them alone. Pure: time comes in.

    refused alone ──▶ suspect ──others get through, then refused alone again: three times──▶ its own fault, each time

A firewall of the vendor's answers 403 to one event for what stands in it, as to everybody who has no key. With a key that is
revoked nobody gets through, so nothing becomes any event's own fault however often it is tried. A suspect travels alone: else
each of its refusals would be one of all that are in its batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from router.delivery.state.changes import Place

PROOFS: Final = 3
"""How often others must have got through between two refusals. A quota may be used up and open again once or twice."""
MOST_SUSPECTS: Final = 1_000
"""While a destination is blocked, each probe is another suspect. The oldest is forgotten first."""


@dataclass(slots=True)
class _Suspect:
    refused_at: float
    proofs: int = 0


class Suspects:
    """One per worker. All times are seconds of one clock that never jumps."""

    def __init__(self) -> None:
        self._suspects: dict[Place, _Suspect] = {}
        self._got_through: dict[str, float] = {}
        """By endpoint, since a key may be good for one and not for another: when something was last delivered."""

    def __contains__(self, place: Place) -> bool:
        return place in self._suspects

    def got_through(self, endpoint: str, now: float) -> None:
        """The *endpoint* of that name has taken something."""
        self._got_through[endpoint] = now

    def acquit(self, place: Place) -> None:
        """The event at *place* has got through: its refusals were not its own fault. A replay may send it again."""
        self._suspects.pop(place, None)

    def refused(self, place: Place, endpoint: str, now: float) -> bool:
        """The event at *place* was alone in a request that was refused as if nothing could be delivered. Returns whether that
        is its own fault."""
        suspect = self._suspects.get(place)
        if suspect is None:
            if len(self._suspects) >= MOST_SUSPECTS:
                del self._suspects[next(iter(self._suspects))]
            self._suspects[place] = _Suspect(now)
            return False
        is_proof = self._got_through.get(endpoint, suspect.refused_at) > suspect.refused_at
        suspect.refused_at = now
        suspect.proofs += is_proof
        return is_proof and suspect.proofs >= PROOFS
