"""A destination's decision on an event: with which of its actions it is delivered, and why not with the others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from router.actions import ActionRule, EventContext
from router.event import Event, EventType
from router.integrations import Flag
from router.plugin import Action, Table
from router.plugin.historical import UNTOLD, Historical, why_not

_URGENT = ("expression", "historical", "trigger", "no action")


class Decision(NamedTuple):
    """Whether a destination gets an event, and why or why not."""

    is_delivered: bool
    reason: str
    """A reason code, a colon and the detail: ``flags: All is false``."""
    flag: Flag | None = None
    actions: tuple[PlannedAction, ...] = ()
    """The actions that the event triggers: at least one if it is delivered. `Destination.map` takes them from here."""
    passed_over: tuple[PassedOver, ...] = ()
    """Actions for this type of event that the event does not trigger."""
    is_historical: bool = False
    """The event is sent long after it happened, so it must not start anything at the vendor."""


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """An action of one destination, with its mapping table and the operator's rule for it."""

    action: Action
    table: Table
    rule: ActionRule = ActionRule()
    historical: Historical = UNTOLD

    @property
    def types(self) -> tuple[EventType, ...]:
        """The types of events that it is for."""
        return self.rule.trigger.on if self.rule.trigger.on is not None else self.action.on


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An action that an event does not trigger. *reason* begins with its code and names the action."""

    action: Action
    reason: str


def ask_triggers(
    planned: Iterable[PlannedAction], event: Event, context: EventContext
) -> tuple[tuple[PlannedAction, ...], tuple[PassedOver, ...]]:
    """Which of the actions the event triggers, and why not the others."""
    triggered: list[PlannedAction] = []
    passed_over: list[PassedOver] = []
    for each in planned:
        name = each.action.name
        if not each.rule.is_enabled:
            passed_over.append(PassedOver(each.action, f"no action: {name} is switched off"))
            continue
        refusal = each.rule.trigger.why_not(event, context)
        if refusal is None:
            triggered.append(each)
        else:
            passed_over.append(PassedOver(each.action, f"{refusal.code}: {name}: {refusal.detail}"))
    return tuple(triggered), tuple(passed_over)


def ask_history(
    planned: Iterable[PlannedAction], age_s: float
) -> tuple[tuple[PlannedAction, ...], tuple[PassedOver, ...]]:
    """Which of the actions are harmless for an event of this age, and why the others are not."""
    harmless: list[PlannedAction] = []
    harmful: list[PassedOver] = []
    for each in planned:
        reason = why_not(each.historical, age_s)
        if reason is None:
            harmless.append(each)
        else:
            harmful.append(PassedOver(each.action, f"historical: {each.action.name}: {reason}"))
    return tuple(harmless), tuple(harmful)


def reason_of(passed_over: Sequence[PassedOver]) -> str:
    """One reason for all of them. The most urgent comes first, since the code in front is the one that is counted."""
    return "; ".join(
        sorted((each.reason for each in passed_over), key=lambda reason: _URGENT.index(reason.split(":")[0]))
    )
