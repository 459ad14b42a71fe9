"""A berth: a destination's place in the fleet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import structlog

from router.delivery.assignment import Assignment
from router.delivery.ledger import Ledger
from router.delivery.way import Way
from router.delivery.worker import Worker
from router.destination import Destination

_LOGGER = structlog.get_logger()

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
    _is_given_up: bool = False

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

    # --- while it is disabled ---

    def follow_clock(self, jump_s: float) -> None:
        """The wall clock was set: move the start of the hold and the retry windows along with it. A block needs no help: none
        of its time counts."""
        if self.ledger.disabled_since_s is None:
            return
        self.ledger.note("disabled_since_s", str(self.ledger.disabled_since_s + jump_s))
        if not self.is_noted_blocked:
            self.ledger.move_tries(lambda first_s: first_s + jump_s)

    def is_held(self, now_s: float) -> bool:
        """Whether the log keeps its place at *now_s* (Unix seconds)."""
        since_s = self.ledger.disabled_since_s
        return since_s is None or now_s - since_s < self.assignment.hold_s

    def give_up(self) -> None:
        """The hold is over. Tells of it once."""
        if not self._is_given_up:
            self._is_given_up = True
            _LOGGER.warning(
                "the hold of a disabled destination is over: the log keeps its events no longer",
                destination=self.assignment.name,
                hold_s=self.assignment.hold_s,
            )
