"""What requests say: all that their payloads do and nothing made up, and the same at each try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson

from router.event import Event
from router.plugin import BatchEndpoint, Payload
from router.testing.asked_time import asked_time
from router.testing.contract.each_sample import every_sample
from router.testing.contract.plugin_under_test import PluginUnderTest

_LONG_AGO_S = 10 * 365 * 86_400.0


class RequestsContract(PluginUnderTest):
    def test_a_request_carries_all_its_payloads(self) -> None:
        """Whatever a request leaves out counts as delivered with the rest of it."""
        for endpoint in self.rehearsal.batch_endpoints:
            payloads = self.rehearsal.people(endpoint)
            if len(payloads) < 2:
                continue
            whole = self._written(endpoint, payloads)
            for place in range(len(payloads)):
                others = [*payloads[:place], *payloads[place + 1 :]]
                assert self._written(endpoint, others) != whole, (
                    f"{endpoint.name}: nothing of payload {place + 1} of {len(payloads)} is in the request; "
                    f"pack all of them, or declare max_events=1"
                )

    @every_sample
    def test_opaque_bodies_go_out_as_they_are(self, event: Event) -> None:
        """If an endpoint declares ``are_bodies_opaque``, bodies that are already JSON make the same request as plain ones."""
        rehearsal = self.rehearsal
        for mapped in rehearsal.map(event):
            endpoint = rehearsal.destination.endpoints[mapped.action.endpoint]
            if isinstance(endpoint, BatchEndpoint) and endpoint.are_bodies_opaque:
                for payload, written in zip(mapped.payloads, rehearsal.destination.write(mapped), strict=True):
                    open_, opaque = (endpoint.pack([each], self.settings) for each in (payload, written.payload))
                    assert orjson.dumps(opaque.json) == orjson.dumps(open_.json), f"{mapped.action.name}: another body"
                    assert replace(opaque, json=None) == replace(open_, json=None), (
                        f"{mapped.action.name}: another request"
                    )

    @every_sample
    def test_the_same_event_makes_the_same_request(self, event: Event) -> None:
        """Byte for byte, whichever process makes it: after a crash the same request is sent again."""
        again = Event.from_json(event.to_json())
        first, second = ([sent.bytes for sent in self.rehearsal.requests(each)] for each in (event, again))
        assert first == second, "another request at the second try: make it of the event and the settings alone"

    @every_sample
    def test_requests_do_not_depend_on_the_time(self, event: Event) -> None:
        """A retry or a replay may come days later, and must say when the event happened. A time in whole seconds is the same
        whenever a test asks twice, so that this test looks for who asks."""
        asked = dict.fromkeys(asked_time(self.rehearsal.requests, event))
        assert not asked, f"{', '.join(asked)}: take the time from the event (its timestamp)"

    @every_sample
    def test_a_retry_makes_the_same_request(self, event: Event) -> None:
        """What is sent again is the payload that was sent before, so *pack* and a conversation leave it as it is."""
        for action, endpoint, payload in self.rehearsal.payloads(event):
            before = orjson.dumps(payload.body)
            first, second = (self.rehearsal.requests_of(endpoint, payload) for _ in range(2))
            assert orjson.dumps(payload.body) == before, f"{action}: making a request of a payload changed the payload"
            assert first == second, f"{action}: another request at the second try"

    @every_sample
    def test_no_null_is_made_up(self, event: Event) -> None:
        """To many vendors null means "clear this". What an event does not say must be absent, and not null."""
        if not _has_null(event.document):
            for sent in self.rehearsal.requests(event):
                body = orjson.loads(orjson.dumps(sent.request.json)) if sent.request.json is not None else ()
                assert not _has_null(body), f"{sent.action}: sends null for what the event does not have: {body}"

    @every_sample
    def test_the_mark_of_an_old_event_is_sent_and_changes_no_key(self, event: Event) -> None:
        """A replay must start nothing, so its mark has to be in the request. What is not marked must stay the same."""
        rehearsal = self.rehearsal
        live = {mapped.action.name: mapped for mapped in rehearsal.map(event)}
        requests, marked = self._by_action(event, None), self._by_action(event, _LONG_AGO_S)
        for old in rehearsal.map(event, _LONG_AGO_S):
            name = old.action.name
            assert [p.key for p in old.payloads] == [p.key for p in live[name].payloads], f"{name}: another key"
            is_alike = marked.get(name) == requests.get(name)
            assert not (old.mark and is_alike and old.payloads), f"{name}: {old.mark} is not in the request"
            assert old.mark or is_alike, f"{name}: what is not marked differs"

    def _by_action(self, event: Event, historical_age_s: float | None) -> dict[str, list[bytes]]:
        sent: dict[str, list[bytes]] = {}
        for each in self.rehearsal.requests(event, historical_age_s):
            sent.setdefault(each.action, []).append(each.bytes)
        return sent

    def _written(self, endpoint: BatchEndpoint, payloads: Sequence[Payload]) -> tuple[str, bytes]:
        request = endpoint.pack(payloads, self.settings)
        return request.url, orjson.dumps(request.json)


def _has_null(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_null, value.values() if isinstance(value, dict) else value))
    return value is None
