"""What is read in answers: the documented as they are meant, and in any other nothing that costs an event."""

from __future__ import annotations

from collections.abc import Iterator

from router.plugin import BatchEndpoint, Response
from router.testing.answers import (
    ODD_BODIES,
    SUCCESSES,
    Answer,
    why_broken,
    why_delivered,
    why_lost,
    why_no_judgement,
    why_unlike,
)
from router.testing.contract.answered import Answered
from router.testing.waiting import in_time


class VerdictsContract(Answered):
    def test_documented_answers_are_read_rightly(self) -> None:
        """One verdict per payload, in order. If a single payload would be dead, a request of several may also be split."""
        for status, answer, endpoint in self._documented():
            is_alike = isinstance(answer.verdict, type)
            for most in (1, 3) if is_alike else (len(list(answer.verdict)),):  # type: ignore[arg-type]
                payloads = self._batch(endpoint, most)
                judgement = in_time("judge", endpoint.judge, answer.response(status, payloads), payloads, self.settings)
                wrong = why_no_judgement(judgement, len(payloads))
                wrong = wrong or why_unlike(answer.verdict, judgement, len(payloads))
                assert not wrong, f"{endpoint.name}: what was read in a {status} for {len(payloads)} payloads {wrong}"

    def test_undocumented_answers_break_nothing(self) -> None:
        """A proxy's page, a cut body or JSON of another shape lead to a judgement or to `UnreadableAnswer`, and to nothing
        else."""
        settings = self.settings
        for endpoint in self.rehearsal.batch_endpoints:
            payloads = self._batch(endpoint, 3)
            for what, response in self._odd_responses(endpoint, payloads):
                wrong = why_broken(endpoint, response, payloads, settings)
                assert not wrong, f"{endpoint.name}: what was read in {what} {wrong}"

    def test_a_page_is_no_delivery(self) -> None:
        """A page that a proxy, a firewall or a login answers in the vendor's place, even with a 2xx: the vendor has nothing."""
        for endpoint in self.rehearsal.batch_endpoints:
            payloads = self._batch(endpoint, 3)
            for status in SUCCESSES:
                read = why_delivered(endpoint, Response(status, ODD_BODIES["a page"]), payloads, self.settings)
                assert not read, f"{endpoint.name}: a page with a {status} {read}; judge response.unless_page()"

    def test_an_outage_costs_no_event(self) -> None:
        """A status that speaks for the whole vendor, without the vendor's own words: a proxy answers so in its place."""
        settings, rehearsal = self.settings, self.rehearsal
        for batch in rehearsal.batch_endpoints:
            payloads = self._batch(batch, 3)
            for response in self._untold_outages(batch):
                lost = why_lost(batch.judge, response, payloads, settings)
                assert not lost, f"{batch.name}: a {response.status} {lost}"
        for event in self.rehearsal.calls.values():
            for action, endpoint, payload in self._conversations(event):
                for place in range(len(rehearsal.talk(endpoint, payload).requests)):
                    for response in self._untold_outages(endpoint):
                        lost = why_lost(rehearsal.end, endpoint, payload, {place: response})
                        assert not lost, f"{action}: a {response.status} at step {place} {lost}"

    def _documented(self) -> Iterator[tuple[int, Answer, BatchEndpoint]]:
        for endpoint in self.rehearsal.batch_endpoints:
            yield from ((status, answer, endpoint) for status, answer in self._answers_of(endpoint))
