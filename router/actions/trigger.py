"""Triggers: which events something is for, and which part of the trigger rejects an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from router.actions.expression import EventContext, Expression
from router.actions.match import Match
from router.actions.path import Path, dotted, find
from router.event import Event, EventType


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a trigger does not fire. A failing expression is distinguished from a false one, since somebody has to mend it."""

    code: Literal["trigger", "expression"]
    detail: str
    """The part of the trigger and what is wrong with it: ``where properties.plan is absent``."""


@dataclass(frozen=True)
class Trigger:
    """Conditions, all of which must hold. The cheapest is asked first."""

    on: tuple[EventType, ...] | None = None
    """Types of events; None for any."""
    where: tuple[tuple[Path, Match], ...] = ()
    when: Expression | None = None

    def why_not(self, event: Event, context: EventContext) -> Refusal | None:
        """None if it fires. *context* is the event's, which all triggers of a destination share."""
        if self.on is not None and event.type not in self.on:
            return Refusal("trigger", f"on is {', '.join(self.on)}, this is {event.type}")
        for path, match in self.where:
            wrong = match.why_not(find(event.document, path))
            if wrong:
                return Refusal("trigger", f"where {dotted(path)} {wrong}")
        if self.when is not None:
            answer = self.when.ask(context)
            if answer.kind != "true":
                return Refusal("expression" if answer.kind == "failed" else "trigger", f"when {answer.detail}")
        return None
