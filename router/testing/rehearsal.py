"""A rehearsal: what a plugin makes of events and answers, step by step and without a network. The test kit is built on it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from router.destination import Destination, Mapped
from router.event import Event
from router.plugin import (
    BatchEndpoint,
    ConversationEndpoint,
    Endpoint,
    Payload,
    Plugin,
    PluginSettings,
    Request,
    Response,
    Step,
)
from router.plugin_calls import MAX_STEPS
from router.testing.samples import SAMPLES, WELL_MADE
from router.testing.waiting import in_time

NOTHING: Mapping[int, Response] = {}


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
    assumed: tuple[Response, ...]
    """The answer that each of them assumes."""
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

    @cached_property
    def calls(self) -> Mapping[str, Event]:
        """One event of each call and, for an action that makes nothing of them, the first sample of which it does: where a
        vendor knows people by their email, a track call that has one."""
        calls = dict(WELL_MADE)
        try:
            reached = {name for event in WELL_MADE.values() for name in self._acting(event)}
            for sample, event in SAMPLES.items():
                if len(reached) == len(self.plugin.actions):
                    break
                if not reached.issuperset(acting := self._acting(event)):
                    reached |= acting
                    calls[sample] = event
        except Exception:  # the test that asked will meet it too, and say of which event
            return WELL_MADE
        return calls

    def _acting(self, event: Event) -> set[str]:
        """The names of the actions that make something of *event*."""
        return {mapped.action.name for mapped in self.map(event) if mapped.payloads}

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
        steps: list[Step] = []
        try:
            step = in_time("converse", next, conversation)
            while len(steps) < MAX_STEPS:
                assert isinstance(step, Step), f"converse gave {_kind(step)}, expected a Step"
                steps.append(step)
                step = in_time("converse", conversation.send, instead.get(len(steps) - 1, step.assumed))
        except StopIteration as stop:
            return Talk(tuple(each.request for each in steps), tuple(each.assumed for each in steps), stop.value)
        finally:
            conversation.close()
        raise AssertionError(
            f"{endpoint.name}: the conversation is not over after {MAX_STEPS} steps; which answer ends it?"
        )

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


def at_base_url(settings: PluginSettings, url: str) -> PluginSettings:
    """A copy that sends to *url*."""
    return settings.model_copy(update={"base_url": url})
