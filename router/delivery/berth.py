"""A berth: a destination's place in the fleet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from router.delivery.assignment import Assignment
from router.delivery.ledger import Ledger
from router.delivery.way import Way
from router.delivery.worker import Worker
from router.destination import Destination

LEFT_OUT_BY = "left_out_by"
"""The note that lists the sources that leave a destination out: their names, separated by blanks."""


@dataclass(slots=True)
class Berth:
    """Its state and connections, and its worker while it is enabled."""

    assignment: Assignment
    ledger: Ledger
    destination: Destination
    """The assignment's destination, which also leaves out the sources that it remembers (see `LEFT_OUT_BY`)."""
    is_noted_blocked: bool
    """It was blocked when it last stopped, and stays so while it is disabled."""
    way: Way | None = None
    worker: Worker | None = None
    is_given_up: bool = False
    """It is disabled, and its hold is over."""

    @classmethod
    def of(cls, assignment: Assignment, ledger: Ledger, notes: Mapping[str, str | None]) -> Self:
        """*notes* are those of the last run. Sources that left the destination out before they went from the config still leave
        it out: the log may hold their events."""
        destination, noted = assignment.destination, notes[LEFT_OUT_BY] or ""
        sources = destination.sources.recall(frozenset(noted.split()))
        names = " ".join(sorted(sources.never))
        if names != noted:
            ledger.note(LEFT_OUT_BY, names, limit=len(names))
        if sources != destination.sources:
            destination = replace(destination, sources=sources)
        return cls(assignment, ledger, destination, is_noted_blocked=bool(notes["blocked_since_s"]))

    def is_as(self, wanted: Assignment | None) -> bool:
        """Whether it already is as *wanted*. A source that it leaves out from memory must not have come back into the
        config."""
        if wanted is None or wanted != self.assignment:
            return False
        remembered = self.destination.sources.never - wanted.destination.sources.never
        return not remembered & (wanted.destination.sources.known or frozenset())
