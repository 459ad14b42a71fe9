"""What is made of an event: payloads or a reason, made of it alone, with the keys that it alone decides."""

from __future__ import annotations

import orjson

from router.event import Event
from router.plugin import Payload
from router.returned import NO_REASON
from router.testing.contract.each_sample import every_call, every_sample
from router.testing.contract.plugin_under_test import PluginUnderTest
from router.testing.rehearsal import renamed
from router.testing.samples import SAMPLES


class PayloadsContract(PluginUnderTest):
    @every_sample
    def test_every_event_is_mapped_or_skipped_with_a_reason(self, event: Event) -> None:
        before = event.to_json()
        for mapped in self.rehearsal.map(event):
            is_mute = not mapped.payloads and mapped.skipped.strip() in ("", NO_REASON)
            assert not is_mute, f"{mapped.action.name}: skipped without a reason"
            assert len(self.rehearsal.destination.write(mapped)) == len(mapped.payloads)
        assert event.to_json() == before, "mapping changed the event, which other destinations share"

    def test_events_share_nothing(self) -> None:
        """What is made of an event is neither changed by those after it nor holds anything of those before it: of a dict at the
        top of a module, or of a function's default, one person would get what another's event said."""
        made = {name: self._payloads(event) for name, event in SAMPLES.items()}
        bodies = {name: [orjson.dumps(payload.body) for payload in payloads] for name, payloads in made.items()}
        backwards = {name: self._payloads(event) for name, event in reversed(list(SAMPLES.items()))}
        for name, payloads in made.items():
            now = [orjson.dumps(payload.body) for payload in payloads]
            assert now == bodies[name], f"{name}: its payload changed when other events were mapped"
            then = [orjson.dumps(payload.body) for payload in backwards[name]]
            assert then == bodies[name], f"{name}: its payload depends on which events were mapped before it"

    @every_sample
    def test_all_attempts_have_one_key(self, event: Event) -> None:
        """Only the event decides the idempotency key and the group."""
        first, second = self._keys(event), self._keys(Event.from_json(event.to_json()))
        assert first == second, (
            f"another key or group at the second try: {first}, then {second}; make them of the event alone"
        )

    @every_call
    def test_different_events_have_different_keys(self, event: Event) -> None:
        """Events that differ only in ``messageId`` happened twice. A vendor that took one for the other would lose it."""
        first, second = (self._keys(renamed(event, name)) for name in ("m-1", "m-2"))
        shared = {key for _, key, _ in first if key} & {key for _, key, _ in second}
        assert not shared, f"keys that do not depend on messageId: {shared}; make them of event.message_id"

    def _payloads(self, event: Event) -> list[Payload]:
        return [payload for _, _, payload in self.rehearsal.payloads(event)]

    def _keys(self, event: Event) -> list[tuple[str, str, str]]:
        return [(action, payload.key, payload.group) for action, _, payload in self.rehearsal.payloads(event)]
