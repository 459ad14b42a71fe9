"""How conversations end, whatever is answered at whichever step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from router.event import Event
from router.plugin import Blocked, Delivered, Endpoint, Later, Payload, Response, UnreadableAnswer, is_outage
from router.plugin_calls import MAX_STEPS
from router.testing.answers import ODD_BODIES, SUCCESSES, Word, distortions, why_bad_end
from router.testing.contract.answered import Answered
from router.testing.contract.each_sample import every_call, every_sample


class ConversationsContract(Answered):
    @every_sample
    def test_conversations_end_well_where_all_is_as_assumed(self, event: Event) -> None:
        for action, endpoint, payload in self._conversations(event):
            end = self.rehearsal.talk(endpoint, payload).end
            assert isinstance(end, Delivered), f"{action}: with every answer as assumed it ends with {end!r}"

    @every_call
    def test_conversations_stop_where_the_vendor_is_out(self, event: Event) -> None:
        """At any step, an answer that speaks for the whole vendor ends the conversation with the verdict that the core
        needs."""
        rehearsal = self.rehearsal
        for action, endpoint, payload in self._conversations(event):
            for place in range(len(rehearsal.talk(endpoint, payload).requests)):
                for status, word, response in self._outages(endpoint, payload):
                    end = rehearsal.talk(endpoint, payload, {place: response}).end
                    assert isinstance(end, word), f"{action}: a {status} at step {place} ends with {end!r}"

    @every_call
    def test_conversations_take_no_refusal_for_a_delivery(self, event: Event) -> None:
        """If the vendor refuses a step and all after it, the event is not delivered, or with a warning of what is missing."""
        rehearsal = self.rehearsal
        for action, endpoint, payload in self._conversations(event):
            for place in range(len(rehearsal.talk(endpoint, payload).requests)):
                refused = dict.fromkeys(range(place, MAX_STEPS), Response(400))
                try:
                    end = rehearsal.end(endpoint, payload, refused)
                except UnreadableAnswer:
                    continue
                assert end != Delivered(), f"{action}: a 400 from step {place} on ends with {end!r}"

    @every_call
    def test_conversations_take_no_page_for_a_delivery(self, event: Event) -> None:
        """Even if a proxy answers every step."""
        rehearsal = self.rehearsal
        for action, endpoint, payload in self._conversations(event):
            for status in SUCCESSES:
                pages = dict.fromkeys(range(MAX_STEPS), Response(status, ODD_BODIES["a page"]))
                try:
                    end = rehearsal.talk(endpoint, payload, pages).end
                except UnreadableAnswer:
                    continue
                assert not isinstance(end, Delivered), f"{action}: pages with a {status} end with {end!r}"

    @every_call
    def test_conversations_survive_any_answer(self, event: Event) -> None:
        """At any step it goes on, ends with a verdict, or finds the answer unreadable. It reckons with the answer that a step
        assumes: that comes cut, too, with an empty list, or with something else in the place of an id."""
        rehearsal = self.rehearsal
        for action, endpoint, payload in self._conversations(event):
            for place, assumed in enumerate(rehearsal.talk(endpoint, payload).assumed):
                near = [replace(assumed, body=body) for body in distortions(assumed.body)]
                distorted = [(f"{each.status} with {each.body[:200]!r}", each) for each in near]
                for what, response in chain(self._odd_responses(endpoint, [payload]), distorted):
                    wrong = why_bad_end(rehearsal.talk, endpoint, payload, {place: response})
                    assert not wrong, f"{action}: {what} at step {place}: the end {wrong}"

    def _outages(self, endpoint: Endpoint, payload: Payload) -> Iterator[tuple[int, Word, Response]]:
        """Documented answers that speak for the whole vendor: those that block, and those that ask everybody to wait."""
        for status, answer in self._answers_of(endpoint):
            word = answer.verdict
            if isinstance(word, type) and (word is Blocked or (word is Later and is_outage(status))):
                yield status, word, answer.response(status, [payload])
