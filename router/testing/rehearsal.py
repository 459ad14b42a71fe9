"""A rehearsal: what a plugin makes of events and answers, step by step and without a network. The test kit is built on it."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from pydantic import SecretStr

from router.destination import Destination, Mapped
from router.event import FIELDS, Event, EventType
from router.plugin import (
    GROUP_TRAITS,
    USER_TRAITS,
    BatchEndpoint,
    ConversationEndpoint,
    Converter,
    Endpoint,
    Payload,
    Plugin,
    PluginSettings,
    Request,
    Response,
    Step,
    Table,
    camel_case,
    canonical_trait,
)
from router.plugin_calls import MAX_STEPS
from router.testing.samples import WELL_MADE
from router.testing.waiting import in_time

_FREE = ("traits.", "properties.", "context.")

NOTHING: Mapping[int, Response] = {}
_RESERVED: Mapping[str, Collection[str]] = {"identify": USER_TRAITS, "group": GROUP_TRAITS}


@dataclass(frozen=True)
class Sent:
    """One request, and the action that makes it."""

    action: str
    number: int
    """Its number among the action's requests for one event, from 0."""
    request: Request

    @property
    def bytes(self) -> bytes:
        """Everything that goes over the wire, except credentials."""
        request = self.request
        head = f"{request.method} {request.url} {sorted(request.headers.items())} gzip={request.gzip} form={request.form}\n"
        return head.encode("utf-8", "surrogatepass") + orjson.dumps(request.json)


@dataclass(frozen=True)
class Talk:
    """A conversation from its first step to its end."""

    requests: tuple[Request, ...]
    end: Any
    """What the generator returned: a `Verdict` or `Blocked` if the plugin is right."""


class Rehearsal:
    """One plugin under one set of settings."""

    def __init__(self, plugin: Plugin, settings: PluginSettings) -> None:
        self.plugin = plugin
        self.settings = settings
        self.destination = Destination(plugin.slug, plugin, settings)
        self._endpoints = self.destination.endpoints

    @property
    def batch_endpoints(self) -> list[BatchEndpoint]:
        return [endpoint for endpoint in self._endpoints.values() if isinstance(endpoint, BatchEndpoint)]

    def map(self, event: Event, historical_age_s: float | None = None) -> list[Mapped]:
        """What each action makes of *event*, by the same code as delivery. With *historical_age_s* as in a replay."""
        decision = None if historical_age_s is None else self.destination.decide(event, None, historical_age_s)
        return in_time("mapping", self.destination.map, event, decision)

    def origin_of(self, action: str) -> str:
        """The origin that the action's requests go to."""
        [endpoint] = [each.endpoint for each in self.plugin.actions if each.name == action]
        return self.destination.origin_of(self.plugin.endpoint(endpoint))

    def payloads(self, event: Event, historical_age_s: float | None = None) -> Iterator[tuple[str, Endpoint, Payload]]:
        """Every payload, ready to be sent, with the name of its action and its endpoint."""
        for mapped in self.map(event, historical_age_s):
            for written in self.destination.write(mapped):
                yield mapped.action.name, self._endpoints[mapped.action.endpoint], written.payload

    def requests(self, event: Event, historical_age_s: float | None = None) -> list[Sent]:
        """Every request, with conversations answered as they assume."""
        sent: dict[str, list[Request]] = {}
        for action, endpoint, payload in self.payloads(event, historical_age_s):
            sent.setdefault(action, []).extend(self.requests_of(endpoint, payload))
        return [Sent(name, number, each) for name, made in sent.items() for number, each in enumerate(made)]

    def requests_of(self, endpoint: Endpoint, payload: Payload) -> Sequence[Request]:
        """The requests that *payload* takes if it travels alone, with a conversation answered as it assumes."""
        if isinstance(endpoint, BatchEndpoint):
            return [in_time("pack", self.destination.calls.pack, endpoint, [payload])]
        return self.talk(endpoint, payload).requests

    def talk(self, endpoint: Endpoint, payload: Payload, instead: Mapping[int, Response] = NOTHING) -> Talk:
        """Hold a conversation to its end. Each step is answered as it assumes, or by *instead* for its number, from 0.

        Whatever the conversation raises comes through. It may raise `UnreadableAnswer`.
        """
        assert isinstance(endpoint, ConversationEndpoint)
        conversation = endpoint.converse(payload, self.settings)
        assert isinstance(conversation, Generator), f"converse gave {_kind(conversation)}, expected a Generator"
        requests: list[Request] = []
        try:
            step = in_time("converse", next, conversation)
            while len(requests) < MAX_STEPS:
                assert isinstance(step, Step), f"converse gave {_kind(step)}, expected a Step"
                requests.append(step.request)
                step = in_time("converse", conversation.send, instead.get(len(requests) - 1, step.assumed))
        except StopIteration as stop:
            return Talk(tuple(requests), stop.value)
        finally:
            conversation.close()
        raise AssertionError(f"the conversation is not over after {MAX_STEPS} steps")

    def end(self, endpoint: Endpoint, payload: Payload, instead: Mapping[int, Response]) -> Any:
        """What such a conversation returns."""
        return self.talk(endpoint, payload, instead).end

    def batch(self, endpoint: str, events: Mapping[str, Event], most: int) -> list[Payload]:
        """Up to *most* payloads that travel together, made from one of *events* that makes some for *endpoint*; else none."""
        [place] = [each for each in self.batch_endpoints if each.name == endpoint]
        most = min(most, place.max_events)
        best: list[Payload] = []
        for event in events.values():
            copies = [renamed(event, f"m-{number}") for number in range(1, most + 1)]
            made = [payloads[0] for copy in copies if (payloads := self._payloads_at(place, copy))]
            batch = [payload for payload in made if payload.group == made[0].group]
            best = batch if len(batch) > len(best) else best
            if len(best) == most:
                break
        return best

    def people(self, endpoint: BatchEndpoint) -> list[Payload]:
        """Up to three payloads of three people that travel together, made of one of the well-made calls; else none."""
        best: list[Payload] = []
        for event in WELL_MADE.values():
            made = [self._payloads_at(endpoint, of_another(event, number)) for number in (1, 2, 3)]
            firsts = [payloads[0] for payloads in made if payloads]
            alike = [payload for payload in firsts if payload.group == firsts[0].group][: endpoint.max_events]
            best = alike if len(alike) > len(best) else best
        return best

    def _payloads_at(self, endpoint: Endpoint, event: Event) -> list[Payload]:
        return [payload for _, place, payload in self.payloads(event) if place is endpoint]


def _kind(value: Any) -> str:
    return type(value).__name__


def renamed(event: Event, message_id: str) -> Event:
    """The same event under another ``messageId``."""
    return Event.of_document({**event.document, "messageId": message_id})


def of_another(event: Event, number: int) -> Event:
    """The same event of another person or group, by all of its ids."""
    document = {**event.document, "messageId": f"m-{number}"}
    for name in ("userId", "anonymousId", "groupId", "previousId"):
        if name in document:
            document[name] = f"{document[name]}-{number}"
    if "email" in document.get("traits", {}):
        document["traits"] = {**document["traits"], "email": f"person-{number}@example.test"}
    return Event.of_document(document)


def with_marked_secrets(settings: PluginSettings) -> tuple[PluginSettings, list[str]]:
    """A copy in which each secret that is set is replaced by a text that is easily found wherever it shows, and those texts.

    In an address only the last segment is replaced, since the rest has to lead somewhere.
    """
    marks: list[str] = []

    def marked(value: Any) -> Any:
        if isinstance(value, SecretStr) and value.get_secret_value():
            marks.append(f"MARKED7SECRET{len(marks)}END")
            address, slash, _ = value.get_secret_value().rpartition("/")
            return SecretStr(address + slash + marks[-1] if "://" in address else marks[-1])
        if isinstance(value, dict):
            return {key: marked(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(marked(item) for item in value)
        return value

    changed = {name: marked(getattr(settings, name)) for name in type(settings).model_fields}
    return settings.model_copy(update=changed), marks


def at_base_url(settings: PluginSettings, url: str) -> PluginSettings:
    """A copy that sends to *url*."""
    return settings.model_copy(update={"base_url": url})


def traits_dealt_with(plugin: Plugin, settings: PluginSettings, call: str) -> set[str] | None:
    """The traits that some row of some action on *call* names; None if no action is triggered by it."""
    actions = [action for action in plugin.actions if call in action.on]
    rows = [row for action in actions for row in action.table_for(settings).fields]
    paths = [source.split(".") for row in rows for source in row.sources]
    return {path[1] for path in paths if path[0] == "traits" and len(path) > 1} if actions else None


def traits_sent(table: Table) -> set[str]:
    """The traits that some row of *table* sends, or says to be within what another one sends."""
    rows = [row for row in table.fields if row.to or row.is_within]
    paths = [source.split(".") for row in rows for source in row.sources]
    return {path[1] for path in paths if path[0] == "traits" and len(path) > 1}


def as_events_have_it(source: str, types: Collection[EventType]) -> str:
    """The source of a row, spelt as events of *types* have it: keys of the spec and reserved traits are in camelCase."""
    root, dot, name = source.partition(".")
    root = camel_case(root) if camel_case(root) in FIELDS else root
    reserved = {trait for each in types for trait in _RESERVED.get(each, ())} if root == "traits" else set()
    return root + dot + canonical_trait(name, reserved)


def converters(table: Table) -> Iterator[tuple[str, Converter]]:
    """The converters of traits, properties and the context, which may hold anything, each with where it stands. They are never
    given null."""
    for row in table.fields:
        if row.convert is not None and any(source.startswith(_FREE) for source in row.sources):
            yield " or ".join(row.sources), row.convert
    for custom in table.custom:
        if custom.convert is not None:
            yield f"custom {custom.source}", custom.convert


def written_over(table: Table, event: Event) -> list[str]:
    """The sources of rows whose value is lost, because another row writes above or beneath it (``a`` and ``a.b``)."""
    document = table.apply(event)
    rows = [row for row in table.fields if row.to]
    alone = [_at(row.to, Table((row,), values=table.values).apply(event)) for row in rows]
    return [
        " or ".join(row.sources)
        for row, value in zip(rows, alone, strict=True)
        if value is not None and not isinstance(value, dict) and isinstance(_at(row.to, document), dict | None)
    ]


def _at(path: str, document: Any) -> Any:
    for part in path.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def shape(url: str) -> tuple[int, list[str], bool]:
    """What an id must not change: the depth of the path, the names in the query, and that there is no fragment."""
    parts = urlsplit(url)
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    return parts.path.count("/"), names, bool(parts.fragment)
