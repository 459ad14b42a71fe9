"""A destination: one configured use of a plugin, as mapping, delivery and explain know it. Pure: no I/O in here.

source ──▶ flags ──▶ consent ──▶ filter ──▶ each action's trigger ──▶ privacy, changes ──▶ the plugin's table and build
                                                      │                                                    │
                                       of a replay: is it harmless?                       of a replay: the vendor's mark
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel

from router import returned
from router.actions import ActionRule, DropCustom, EventContext, Trigger
from router.actions.draft import Draft
from router.consent import Consent
from router.event import EVENT_TYPES, Document, Event, EventType
from router.guard import PluginFailed
from router.integrations import DestinationNames, Flag, read_flags
from router.origin import origin_of
from router.plugin import Action, BatchEndpoint, Endpoint, Payload, Plugin, PluginSettings, Skip, Table
from router.plugin.historical import UNTOLD, Historical, Marked, why_not
from router.plugin.table import Trace
from router.plugin_calls import PluginCalls
from router.privacy import Privacy
from router.source_choice import ANY_SOURCE, SourceChoice

MAX_STEPS = 100
"""Requests of one conversation; a plugin that wants more would go on for ever."""
MAX_PAYLOAD_BYTES = 10_000_000
"""Of what an action makes of one event, as JSON. No vendor takes nearly as much of one; what waits is kept in memory."""


class Decision(NamedTuple):
    """Whether a destination gets an event, and why (not)."""

    is_delivered: bool
    reason: str
    """A reason code with its detail after a colon: ``flags: All is false``."""
    flag: Flag | None = None
    actions: tuple[PlannedAction, ...] = ()
    """Those that the event triggers, at least one when it is delivered; for `Destination.map`."""
    passed_over: tuple[PassedOver, ...] = ()
    """Actions for events of this type that it does not trigger."""
    is_historical: bool = False
    """Sent long after it happened, so that the vendor must start nothing because of it."""


@dataclass(slots=True)
class Mapped:
    """What one action made of one event. Nobody changes one."""

    action: Action
    payloads: tuple[Payload, ...] = ()
    skipped: str = ""
    """Why there are no payloads; empty where there are."""
    trace: Trace | None = None
    changes: tuple[str, ...] = ()
    """What the operator's privacy and mapping did to the event before, each with its code in front: ``hash: traits.email``."""
    mark: str = ""
    """The vendor's word for old events that the payloads carry."""


@dataclass(slots=True)
class Written:
    """A payload as it waits to be sent. Nobody changes one."""

    key: str
    """Names it within its event: the action and a number."""
    payload: Payload
    """Its body is JSON written already, where the endpoint's bodies are opaque."""
    size: int
    """Bytes as JSON."""
    too_big: str
    """Why it can't be sent for its size; "" where it can."""


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """An action of one destination: with its table, and with what the operator says of it."""

    action: Action
    table: Table
    rule: ActionRule = ActionRule()
    historical: Historical = UNTOLD

    @property
    def types(self) -> tuple[EventType, ...]:
        """Types of events it is for."""
        return self.rule.trigger.on if self.rule.trigger.on is not None else self.action.on


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An action that an event does not trigger, and why; *reason* begins with its code, and names the action."""

    action: Action
    reason: str


class MappingFailed(Exception):
    """A table or a build function raised, or made what can't be sent: the event becomes a dead letter of this destination
    alone. The text names the plugin."""


def _write(key: str, payload: Payload, endpoint: Endpoint) -> Written:
    """May raise TypeError: JSON can't hold the payload."""
    body = orjson.dumps(payload.body)
    size, too_big = len(body), ""
    if isinstance(endpoint, BatchEndpoint):
        limit = endpoint.max_payload_bytes or endpoint.max_bytes
        if size > limit:
            too_big = f"{size} bytes, the vendor takes {limit}"
        if endpoint.are_bodies_opaque:
            kept = bytes(memoryview(body))  # a copy: the codec's own bytes keep all that they were written into
            payload = Payload(orjson.Fragment(kept), payload.key, payload.group, payload.notes)
    if size > MAX_PAYLOAD_BYTES and not too_big:
        too_big = f"{size} bytes, the router takes {MAX_PAYLOAD_BYTES}"
    return Written(key, payload, size, too_big)


@dataclass(frozen=True)
class Destination:
    """One destination."""

    name: str
    plugin: Plugin
    settings: PluginSettings
    sources: SourceChoice = ANY_SOURCE
    is_opt_in: bool = False
    is_enabled: bool = True
    consent: Consent | None = None
    filter: Trigger | None = None
    """Which events are for it at all; None for any."""
    rules: Mapping[str, ActionRule] = field(default_factory=dict, hash=False)
    """What the operator says of actions, by their names."""
    privacy: Privacy | None = None
    is_ordered: bool = True
    """Whether the events of one user wait for each other; see `router.delivery.order`."""
    former_name: str | None = None
    _order: object = field(init=False, repr=False, hash=False)
    """That of the keys in the settings, which decides where several write one field: two in another order are not equal."""

    def __post_init__(self) -> None:
        """Raises PluginFailed where the plugin has no table for these settings."""
        object.__setattr__(self, "_order", _order_of(dict(self.settings)))
        object.__setattr__(self, "_calls", PluginCalls(self.name, self.plugin, self.settings))
        object.__setattr__(self, "_run", self.calls.guard.run)
        planned = [self._plan(action) for action in self.plugin.actions]
        by_type = {
            kind: tuple(each for each in planned if kind in each.types or kind in each.action.on)
            for kind in EVENT_TYPES
        }
        names = DestinationNames(
            destination=self.name,
            display=self.plugin.name,
            slug=self.plugin.slug,
            aliases=self.plugin.aliases,
            former=self.former_name,
        )
        object.__setattr__(self, "_names", names)
        object.__setattr__(self, "_planned", tuple(planned))
        object.__setattr__(self, "_by_type", by_type)
        is_plain = self.filter is None and all(each.rule.is_plain for each in planned)
        flag = read_flags({}, names, opt_in=self.is_opt_in)
        object.__setattr__(self, "_unnamed", flag)
        plain = {kind: Decision(True, flag.reason, flag, each) for kind, each in by_type.items() if is_plain and each}
        object.__setattr__(self, "_plain", plain)

    def _plan(self, action: Action) -> PlannedAction:
        table = self.calls.table(action)
        rule = self.rules.get(action.name, ActionRule())
        changes = [each.for_table(table) if isinstance(each, DropCustom) else each for each in rule.changes]
        historical = self.calls.historical(action)
        return PlannedAction(action, table, replace(rule, changes=tuple(changes)), historical)

    @property
    def planned(self) -> Sequence[PlannedAction]:
        """Each action with its table for these settings and with its rule, in the plugin's order."""
        planned: Sequence[PlannedAction] = self._planned  # type: ignore[attr-defined]
        return planned

    @property
    def calls(self) -> PluginCalls:
        """All calls into the plugin."""
        calls: PluginCalls = self._calls  # type: ignore[attr-defined]
        return calls

    @property
    def names(self) -> DestinationNames:
        names: DestinationNames = self._names  # type: ignore[attr-defined]
        return names

    @cached_property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """The plugin's endpoints by name, with their limits for these settings. May raise PluginFailed."""
        return {endpoint.name: self.calls.endpoint(endpoint) for endpoint in self.plugin.endpoints}

    @property
    def origin(self) -> str:
        """Scheme, host and port of where requests may go: the operator's choice, never the event's. May raise PluginFailed."""
        return origin_of(self.calls.address())

    def origin_of(self, endpoint: Endpoint) -> str:
        """The same for one endpoint: its own where it declares one, and no ``base_url`` stands in for all."""
        if endpoint.origin is None or self.settings.base_url:
            return self.origin
        return origin_of(self.calls.address_of(endpoint))

    @property
    def origins(self) -> tuple[str, ...]:
        """`origin`, then those that endpoints declare."""
        return tuple(dict.fromkeys((self.origin, *map(self.origin_of, self.plugin.endpoints))))

    def decide(self, event: Event, source: str | None, historical_age_s: float | None = None) -> Decision:
        """Whether *event* from *source* is for this destination, and for which actions.

        In this order: the source, the caller's flags, the person's consent, the operator's filter, then each action's trigger
        (facts/event-spec.md section 6.9). All of them look at the event as it arrived. One that is disabled decides nothing.

        *source* None stands for a source that may reach every destination (explain without ``--source``).
        *historical_age_s* is how long ago an event of a replay happened, in seconds: then each action must be harmless, too.
        None for an event that counts as new.
        """
        if not self.is_enabled:
            return Decision(False, "disabled: its events wait in the log, as long as the config's `hold` says")
        if source is not None and not self.sources.takes(source):
            return Decision(
                False, f"source: {source} is left out, by its own `destinations` or by `sources` of {self.name}"
            )
        flag = self._unnamed  # type: ignore[attr-defined]
        if event.integrations:
            flag = read_flags(event.integrations, self.names, opt_in=self.is_opt_in)
        if not flag.is_on:
            return Decision(False, f"flags: {flag.reason}", flag)
        if self.consent is not None:
            refused = self.consent.why_not(event)
            if refused:
                return Decision(False, f"consent: {refused}", flag)
        plain: Decision | None = self._plain.get(event.type)  # type: ignore[attr-defined]
        if plain is not None and historical_age_s is None:
            return plain if plain.flag is flag else plain._replace(reason=flag.reason, flag=flag)
        planned: tuple[PlannedAction, ...] = self._by_type[event.type]  # type: ignore[attr-defined]
        context = EventContext(event)
        if self.filter is not None:
            refusal = self.filter.why_not(event, context)
            if refusal is not None:
                code = "filter" if refusal.code == "trigger" else refusal.code
                return Decision(False, f"{code}: {refusal.detail}", flag)
        if not planned:
            return Decision(False, f"no action: {self.plugin.name} has none for {event.type}", flag)
        triggered, passed_over = _ask_triggers(planned, event, context)
        if historical_age_s is not None:
            triggered, harmful = _ask_history(triggered, historical_age_s)
            passed_over += harmful
        reason = flag.reason if triggered else _reason(passed_over)
        return Decision(bool(triggered), reason, flag, triggered, passed_over, historical_age_s is not None)

    def map(self, event: Event, decision: Decision | None = None, with_trace: bool = False) -> list[Mapped]:
        """What each action that *event* triggers makes of it, in the plugin's order.

        *decision* is what `decide` has said of it; without one, the actions' triggers are asked here.

        Raises:
            MappingFailed: the plugin raised, or made what it must not.
        """
        if decision is not None:
            triggered = decision.actions
        else:
            triggered, _ = _ask_triggers(self._by_type[event.type], event, EventContext(event))  # type: ignore[attr-defined]
        is_historical = decision is not None and decision.is_historical
        run = self._run  # type: ignore[attr-defined]
        mapped: list[Mapped] = []
        try:
            for each in triggered:  # a comprehension would be one call more
                mapped.append(run(each.action, self._map_action, each, event, with_trace, is_historical))
        except PluginFailed as error:
            raise MappingFailed(str(error)) from error
        return mapped

    def _map_action(self, planned: PlannedAction, event: Event, with_trace: bool, is_historical: bool) -> Mapped:
        action = planned.action
        mark = planned.historical if is_historical and isinstance(planned.historical, Marked) else None
        trace = Trace() if with_trace else None
        draft: Draft | None = None
        if self.privacy is not None or planned.rule.changes:
            draft = self._change(planned, event, with_trace)
            event = draft.finish()
        fields: Document = planned.table.apply(event, trace)
        if draft is not None and trace is not None:
            draft.retrace(trace)
        built = returned.built(action.build(event, fields, self.settings))
        if mark is not None and not isinstance(built, Skip):
            built = returned.built(mark.mark(payload, self.settings) for payload in built)
        changes = tuple(draft.notes or ()) if draft is not None else ()
        if isinstance(built, Skip):
            return Mapped(action, (), built.reason, trace, changes)
        if not built:
            return Mapped(action, (), "nothing to send", trace, changes)
        return Mapped(action, built, "", trace, changes, mark.word if mark is not None else "")

    def write(self, mapped: Mapped) -> list[Written]:
        """The payloads as they wait to be sent, in their order.

        Raises:
            MappingFailed: JSON can't hold one, or they are too much for the router.
        """
        endpoint, name = self.endpoints[mapped.action.endpoint], mapped.action.name
        written: list[Written] = []
        total = 0
        try:
            for payload in mapped.payloads:
                each = _write(f"{name}/{len(written)}", payload, endpoint)
                total += each.size
                written.append(each)
        except TypeError as error:
            label = self.calls.guard.label(mapped.action)
            raise MappingFailed(f"{label} made a payload that JSON can't hold: {error}") from error
        if total > MAX_PAYLOAD_BYTES and len(written) > 1:
            label = self.calls.guard.label(mapped.action)
            raise MappingFailed(f"{label} made {total} bytes of one event, the router takes {MAX_PAYLOAD_BYTES}")
        return written

    def _change(self, planned: PlannedAction, event: Event, with_notes: bool) -> Draft:
        """Privacy comes first, so that no change of the action's can carry a value elsewhere, and last, so that none brings
        back a name."""
        draft = Draft(event, [] if with_notes else None)
        if self.privacy is not None:
            self.privacy.apply(draft)
        for change in planned.rule.changes:
            change.apply(draft)
        if self.privacy is not None and planned.rule.changes:
            self.privacy.apply(draft)
        return draft


def _order_of(value: Any) -> object:
    """The keys of all mappings in *value*, in their order."""
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, Mapping):
        return tuple((key, _order_of(inner)) for key, inner in value.items())
    return tuple(map(_order_of, value)) if isinstance(value, list | tuple) else None


def _ask_triggers(
    planned: Iterable[PlannedAction], event: Event, context: EventContext
) -> tuple[tuple[PlannedAction, ...], tuple[PassedOver, ...]]:
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


def _ask_history(
    planned: Iterable[PlannedAction], age_s: float
) -> tuple[tuple[PlannedAction, ...], tuple[PassedOver, ...]]:
    """Which of the actions may be taken of an event that is so old."""
    harmless: list[PlannedAction] = []
    harmful: list[PassedOver] = []
    for each in planned:
        reason = why_not(each.historical, age_s)
        if reason is None:
            harmless.append(each)
        else:
            harmful.append(PassedOver(each.action, f"historical: {each.action.name}: {reason}"))
    return tuple(harmless), tuple(harmful)


_URGENT = ("expression", "historical", "trigger", "no action")


def _reason(passed_over: Sequence[PassedOver]) -> str:
    """One reason for them all. The code in front is the one that most wants to be seen: it is what is counted."""
    return "; ".join(
        sorted((each.reason for each in passed_over), key=lambda reason: _URGENT.index(reason.split(":")[0]))
    )
