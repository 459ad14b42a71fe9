"""A destination: one configured use of a plugin. It decides on events and maps them, for delivery and explain. Pure: no I/O.

source ──▶ flags ──▶ consent ──▶ filter ──▶ each action's trigger ──▶ privacy, changes ──▶ the plugin's table and build
                                                      │                                                    │
                                       of a replay: is it harmless?                       of a replay: the vendor's mark
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import orjson
from pydantic import BaseModel

from router import returned
from router.actions import ActionRule, DropCustom, EventContext, Trigger
from router.actions.draft import Draft
from router.consent import Consent
from router.decision import Decision, PlannedAction, ask_history, ask_triggers, reason_of
from router.event import EVENT_TYPES, Document, Event, EventType
from router.guard import PluginExceeds, PluginFailed
from router.integrations import DestinationNames, Flag, read_flags
from router.origin import origin_of
from router.plugin import Action, BatchEndpoint, Endpoint, Payload, Plugin, PluginSettings, Skip
from router.plugin.historical import Marked
from router.plugin.trace import Trace
from router.plugin_calls import PluginCalls
from router.privacy import Privacy
from router.source_choice import ANY_SOURCE, SourceChoice
from router.suppressed import NOBODY, Suppressed

MAX_PAYLOAD_BYTES = 10_000_000
"""All that one action makes of one event, as JSON. Waiting payloads are kept in memory, and no vendor takes nearly as much."""


@dataclass(slots=True)
class Mapped:
    """What one action made of one event. Treat it as immutable."""

    action: Action
    payloads: tuple[Payload, ...] = ()
    unmarked: tuple[Payload, ...] = ()
    """The same as they are without the vendor's word for old events. By these they are known; see `router.payload_key`."""
    skipped: str = ""
    """Why there are no payloads; "" if there are some."""
    trace: Trace | None = None
    changes: tuple[str, ...] = ()
    """What the operator's privacy settings and changes did to the event first, each after its code: ``hash: traits.email``."""
    mark: str = ""
    """The vendor's word for old events, if the payloads carry it."""


@dataclass(slots=True)
class Written:
    """A payload that is ready to be sent. Treat it as immutable."""

    payload: Payload
    """Its body is already written as JSON if the endpoint's bodies are opaque."""
    size: int
    """Bytes as JSON."""
    too_big: str
    """Why it is too big to be sent; "" if it is not."""


class MappingFailed(Exception):
    """A table or a build function raised, or made something that can't be sent. The event becomes a dead letter of this
    destination alone. The text names the plugin."""

    def __init__(self, text: str, is_by_plugin: bool = True) -> None:
        """Not *is_by_plugin*: it is only too much, which the event may bring about."""
        super().__init__(text)
        self.is_by_plugin = is_by_plugin


def write_payload(payload: Payload, endpoint: Endpoint) -> Written:
    """*payload*, ready to be sent by *endpoint*.

    Raises:
        TypeError: JSON can't hold it.
    """
    body = orjson.dumps(payload.body)
    size, too_big = len(body), ""
    if isinstance(endpoint, BatchEndpoint):
        limit = endpoint.max_payload_bytes or endpoint.max_bytes
        if size > limit:
            too_big = f"{size} bytes, the vendor takes {limit}"
        if endpoint.are_bodies_opaque:
            kept = bytes(memoryview(body))  # a copy: the codec's own bytes hold on to the buffer they were written into
            payload = Payload(orjson.Fragment(kept), payload.key, payload.group, payload.notes)
    if size > MAX_PAYLOAD_BYTES and not too_big:
        too_big = f"{size} bytes, the router takes {MAX_PAYLOAD_BYTES}"
    return Written(payload, size, too_big)


@dataclass(frozen=True)
class Destination:
    """One configured use of a plugin."""

    name: str
    plugin: Plugin
    settings: PluginSettings
    sources: SourceChoice = ANY_SOURCE
    is_opt_in: bool = False
    is_enabled: bool = True
    consent: Consent | None = None
    filter: Trigger | None = None
    """Which events it takes at all; None for all."""
    rules: Mapping[str, ActionRule] = field(default_factory=dict, hash=False)
    """The operator's rules for actions, by the actions' names."""
    privacy: Privacy | None = None
    is_ordered: bool = True
    """Whether the events of one user wait for each other; see `router.delivery.order`."""
    former_name: str | None = None
    suppressed: Suppressed = NOBODY
    """Of whom it gets nothing."""
    _order: object = field(init=False, repr=False, hash=False)
    """The order of the keys in the settings. It decides which of several wins where they write one field, so destinations
    whose settings differ only in it are not equal."""
    calls: PluginCalls = field(init=False, repr=False, compare=False)
    """All calls into the plugin."""
    names: DestinationNames = field(init=False, repr=False, compare=False)
    planned: Sequence[PlannedAction] = field(init=False, repr=False, compare=False)
    """Each action with its table for these settings and with its rule, in the plugin's order."""
    _by_type: Mapping[EventType, tuple[PlannedAction, ...]] = field(init=False, repr=False, compare=False)
    """The planned actions that an event of each type may trigger, or that the plugin has for it."""
    _flag_of_unnamed: Flag = field(init=False, repr=False, compare=False)
    """For an event without integrations flags."""
    _plain: Mapping[EventType, Decision] = field(init=False, repr=False, compare=False)
    """The decision for each type of event, where it is the same for every event that the flags and the consent let through."""

    def __post_init__(self) -> None:
        """Raises PluginFailed if the plugin has no table for these settings."""
        self._derive("_order", _order_of(self.settings))
        self._derive("calls", PluginCalls(self.name, self.plugin, self.settings))
        names = DestinationNames(
            destination=self.name,
            display=self.plugin.name,
            slug=self.plugin.slug,
            aliases=self.plugin.aliases,
            former=self.former_name,
        )
        self._derive("names", names)
        planned = tuple(self._plan(action) for action in self.plugin.actions)
        self._derive("planned", planned)
        by_type = {
            kind: tuple(each for each in planned if kind in each.types or kind in each.action.on)
            for kind in EVENT_TYPES
        }
        self._derive("_by_type", by_type)
        flag = read_flags({}, names, opt_in=self.is_opt_in)
        self._derive("_flag_of_unnamed", flag)
        is_plain = self.filter is None and all(each.rule.is_plain for each in planned)
        plain = {kind: Decision(True, flag.reason, flag, each) for kind, each in by_type.items() if is_plain and each}
        self._derive("_plain", plain)

    def _derive(self, name: str, value: object) -> None:
        """Set a field that follows from the others: once, before anybody sees the destination."""
        object.__setattr__(self, name, value)

    def _plan(self, action: Action) -> PlannedAction:
        table = self.calls.table(action)
        rule = self.rules.get(action.name, ActionRule())
        changes = [each.for_table(table) if isinstance(each, DropCustom) else each for each in rule.changes]
        historical = self.calls.historical(action)
        return PlannedAction(action, table, replace(rule, changes=tuple(changes)), historical)

    @cached_property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """The plugin's endpoints by name, with their limits for these settings. May raise PluginFailed."""
        return {endpoint.name: self.calls.endpoint(endpoint) for endpoint in self.plugin.endpoints}

    @property
    def origin(self) -> str:
        """The scheme, host and port that requests may go to: the operator's choice, never the event's. May raise
        PluginFailed."""
        return origin_of(self.calls.address())

    def origin_of(self, endpoint: Endpoint) -> str:
        """The same for one endpoint, which may declare an origin of its own. A ``base_url`` replaces them all."""
        if endpoint.origin is None or self.settings.base_url:
            return self.origin
        return origin_of(self.calls.address_of(endpoint))

    @property
    def origins(self) -> tuple[str, ...]:
        """`origin`, then the ones that endpoints declare."""
        return tuple(dict.fromkeys((self.origin, *map(self.origin_of, self.plugin.endpoints))))

    def decide(self, event: Event, source: str | None, historical_age_s: float | None = None) -> Decision:
        """Whether this destination gets *event*, and with which actions.

        Asked in this order: whose event it is, the source, the caller's flags, the person's consent, the operator's filter,
        then each action's trigger (facts/event-spec.md section 6.9). All of them see the event as it arrived. A disabled
        destination asks none.

        Args:
            source: the event's source. None stands for one that may reach every destination (explain without ``--source``).
            historical_age_s: in a replay, how many seconds ago the event happened. Each action must then be harmless too.
                None for an event that counts as new.
        """
        if not self.is_enabled:
            return Decision(False, "disabled: its events wait in the log, as long as the config's `hold` says")
        if self.suppressed and self.suppressed.names(event.document):
            return Decision(False, "suppressed: nothing of this person is sent (router suppressed list)")
        if source is not None and not self.sources.takes(source):
            return Decision(
                False, f"source: {source} is left out, by its own `destinations` or by `sources` of {self.name}"
            )
        flag = self._flag_of_unnamed
        if event.integrations:
            flag = read_flags(event.integrations, self.names, opt_in=self.is_opt_in)
        if not flag.is_on:
            return Decision(False, f"flags: {flag.reason}", flag)
        if self.consent is not None:
            refused = self.consent.why_not(event)
            if refused:
                return Decision(False, f"consent: {refused}", flag)
        plain = self._plain.get(event.type)
        if plain is not None and historical_age_s is None:
            return plain if plain.flag is flag else plain._replace(reason=flag.reason, flag=flag)
        planned = self._by_type[event.type]
        context = EventContext(event)
        if self.filter is not None:
            refusal = self.filter.why_not(event, context)
            if refusal is not None:
                code = "filter" if refusal.code == "trigger" else refusal.code
                return Decision(False, f"{code}: {refusal.detail}", flag)
        if not planned:
            return Decision(False, f"no action: {self.plugin.name} has none for {event.type}", flag)
        triggered, passed_over = ask_triggers(planned, event, context)
        if historical_age_s is not None:
            triggered, harmful = ask_history(triggered, historical_age_s)
            passed_over += harmful
        reason = flag.reason if triggered else reason_of(passed_over)
        return Decision(bool(triggered), reason, flag, triggered, passed_over, historical_age_s is not None)

    def map(self, event: Event, decision: Decision | None = None, with_trace: bool = False) -> list[Mapped]:
        """What each triggered action makes of *event*, in the plugin's order.

        *decision* is the answer of `decide`; without one, the actions' triggers are asked here.

        Raises:
            MappingFailed: the plugin raised, or returned something that it must not.
        """
        if decision is not None:
            triggered = decision.actions
        else:
            triggered, _ = ask_triggers(self._by_type[event.type], event, EventContext(event))
        is_historical = decision is not None and decision.is_historical
        run = self.calls.guard.run
        mapped: list[Mapped] = []
        try:
            for each in triggered:  # not a comprehension, which costs a call more
                mapped.append(run(each.action, self._map_action, each, event, with_trace, is_historical))
        except PluginFailed as error:
            raise MappingFailed(str(error), not isinstance(error, PluginExceeds)) from error
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
        built = returned.built(action.build(event, fields, self.settings), self.calls.guard.tell)
        changes = tuple(draft.notes or ()) if draft is not None else ()
        if isinstance(built, Skip):
            return Mapped(action, (), (), built.reason, trace, changes)
        if not built:
            return Mapped(action, (), (), "nothing to send", trace, changes)
        if mark is None:
            return Mapped(action, built, built, "", trace, changes)
        marked = returned.built([mark.mark(payload, self.settings) for payload in built], self.calls.guard.tell)
        assert not isinstance(marked, Skip)
        return Mapped(action, marked, built, "", trace, changes, mark.word)

    def write(self, mapped: Mapped) -> list[Written]:
        """The payloads, ready to be sent, in their order.

        Raises:
            MappingFailed: JSON can't hold one of them, or together they are more than `MAX_PAYLOAD_BYTES`.
        """
        endpoint = self.endpoints[mapped.action.endpoint]
        written: list[Written] = []
        total = 0
        try:
            for payload in mapped.payloads:
                each = write_payload(payload, endpoint)
                total += each.size
                written.append(each)
        except TypeError as error:
            label = self.calls.guard.label(mapped.action)
            raise MappingFailed(f"{label} made a payload that JSON can't hold: {error}") from error
        if total > MAX_PAYLOAD_BYTES and len(written) > 1:
            label = self.calls.guard.label(mapped.action)
            text = f"{label} made {total} bytes of one event, the router takes {MAX_PAYLOAD_BYTES}"
            raise MappingFailed(text, is_by_plugin=False)
        return written

    def _change(self, planned: PlannedAction, event: Event, with_notes: bool) -> Draft:
        """Apply the operator's privacy settings and changes. Privacy comes first, so that no change can carry a value
        elsewhere, and again last, so that no change can bring a blocked name back."""
        draft = Draft(event, {} if with_notes else None)
        if self.privacy is not None:
            self.privacy.apply(draft)
        for change in planned.rule.changes:
            change.apply(draft)
        if self.privacy is not None and planned.rule.changes:
            self.privacy.apply(draft)
        return draft


def _order_of(value: Any) -> object:
    """The keys of all mappings within *value*, in their order."""
    if isinstance(value, BaseModel):
        told = type(value).model_fields.keys() | (value.model_extra or {}).keys()
        value = {key: inner for key, inner in value if key in told}  # and not what was worked out of it since
    if isinstance(value, Mapping):
        return tuple((key, _order_of(inner)) for key, inner in value.items())
    return tuple(map(_order_of, value)) if isinstance(value, list | tuple) else None
