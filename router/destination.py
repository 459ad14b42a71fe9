"""A destination: one configured use of a plugin, as mapping, delivery and explain know it. Pure: no I/O in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

import orjson

from router.event import EVENT_TYPES, Document, Event, EventType
from router.integrations import DestinationNames, Flag, read_flags
from router.plugin import Action, BatchEndpoint, Endpoint, Payload, Plugin, PluginSettings, Skip, Table
from router.plugin.table import Trace

MAX_STEPS = 100
"""Requests of one conversation; a plugin that wants more would go on for ever."""


class Decision(NamedTuple):
    """Whether a destination gets an event, and why (not)."""

    is_delivered: bool
    reason: str
    """A reason code with its detail after a colon: ``flags: All is false``."""
    flag: Flag | None = None


class Mapped(NamedTuple):
    """What one action made of one event."""

    action: Action
    payloads: tuple[Payload, ...] = ()
    skipped: str = ""
    """Why there are no payloads; empty where there are."""
    trace: Trace | None = None


class MappingFailed(Exception):
    """A table or a build function raised: the event becomes a dead letter of this destination alone."""


def size_of(payload: Payload, endpoint: Endpoint) -> tuple[int, str]:
    """Bytes of the payload as JSON (0 where the endpoint has no limit), and why it can't be sent for it ("" where it can).

    Raises:
        TypeError: the payload can't be written as JSON.
    """
    if not isinstance(endpoint, BatchEndpoint):
        return 0, ""
    size = len(orjson.dumps(payload.body))
    limit = endpoint.max_payload_bytes or endpoint.max_bytes
    return size, f"{size} bytes, the vendor takes {limit}" if size > limit else ""


@dataclass(frozen=True)
class Destination:
    """One destination. ``sources`` None means all."""

    name: str
    plugin: Plugin
    settings: PluginSettings
    sources: frozenset[str] | None = None
    is_opt_in: bool = False

    def __post_init__(self) -> None:
        tables = [(action, action.table_for(self.settings)) for action in self.plugin.actions]
        names = DestinationNames(
            destination=self.name, display=self.plugin.name, slug=self.plugin.slug, aliases=self.plugin.aliases
        )
        triggered = {call: tuple(each for each in tables if call in each[0].on) for call in EVENT_TYPES}
        object.__setattr__(self, "_tables", tuple(tables))
        object.__setattr__(self, "_triggered", triggered)
        object.__setattr__(self, "_names", names)

    @property
    def tables(self) -> Sequence[tuple[Action, Table]]:
        """Each action with its table for these settings."""
        tables: Sequence[tuple[Action, Table]] = self._tables  # type: ignore[attr-defined]
        return tables

    def triggered_by(self, call: EventType) -> Sequence[tuple[Action, Table]]:
        """The actions that a call triggers, in the plugin's order, each with its table."""
        triggered: Mapping[EventType, Sequence[tuple[Action, Table]]] = self._triggered  # type: ignore[attr-defined]
        return triggered[call]

    @property
    def names(self) -> DestinationNames:
        names: DestinationNames = self._names  # type: ignore[attr-defined]
        return names

    @property
    def origin(self) -> str:
        """Scheme, host and port of where requests may go: the operator's choice, never the event's."""
        parts = urlsplit(self.settings.api_url)
        return f"{parts.scheme}://{parts.netloc}"

    def decide(self, event: Event, source: str | None) -> Decision:
        """Whether *event* from *source* is for this destination: source, integrations flags, then the actions' triggers.

        *source* None stands for a source that may reach every destination (explain without ``--source``).
        """
        if source is not None and self.sources is not None and source not in self.sources:
            return Decision(False, f"source: {source} is not among this destination's sources")
        flag = read_flags(event.integrations, self.names, opt_in=self.is_opt_in)
        if not flag.is_on:
            return Decision(False, f"flags: {flag.reason}", flag)
        if not self.triggered_by(event.type):
            return Decision(False, f"no action: {self.plugin.name} has none for {event.type}", flag)
        return Decision(True, flag.reason, flag)

    def map(self, event: Event, with_trace: bool = False) -> list[Mapped]:
        """What each action that *event* triggers makes of it, in the plugin's order.

        Raises:
            MappingFailed: the plugin raised.
        """
        return [self._map_action(action, table, event, with_trace) for action, table in self.triggered_by(event.type)]

    def _map_action(self, action: Action, table: Table, event: Event, with_trace: bool) -> Mapped:
        trace = Trace() if with_trace else None
        try:
            fields: Document = table.apply(event, trace)
            built = action.build(event, fields, self.settings)
        except Exception as error:
            raise MappingFailed(f'action "{action.name}" raised {type(error).__name__}: {error}') from error
        if isinstance(built, Skip):
            return Mapped(action, skipped=built.reason, trace=trace)
        payloads = (built,) if isinstance(built, Payload) else tuple(built)
        if not payloads:
            return Mapped(action, skipped="nothing to send", trace=trace)
        return Mapped(action, payloads, trace=trace)
