"""What answers are tried with: payloads and conversations to be answered, and answers, documented and odd."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from router.event import Event
from router.plugin import BatchEndpoint, ConversationEndpoint, Endpoint, Payload, Response
from router.testing.answers import ODD_BODIES, ODD_STATUSES, OUTAGES, Answer, as_answers, distortions
from router.testing.contract.plugin_under_test import PluginUnderTest
from router.testing.samples import SAMPLES


class Answered(PluginUnderTest):
    """What the tests of verdicts, of conversations and of secrets share."""

    def _batch(self, endpoint: BatchEndpoint, most: int) -> list[Payload]:
        """Payloads for *endpoint*; a made-up one if no sample event gets there under these settings."""
        return self.rehearsal.batch(endpoint.name, SAMPLES, most) or [Payload({}, key="m-1")]

    def _conversations(self, event: Event) -> Iterator[tuple[str, Endpoint, Payload]]:
        for action, endpoint, payload in self.rehearsal.payloads(event):
            if isinstance(endpoint, ConversationEndpoint):
                yield action, endpoint, payload

    def _answers_of(self, endpoint: Endpoint) -> Iterator[tuple[int, Answer]]:
        for status, answers in self.answers.items():
            yield from ((status, each) for each in as_answers(answers) if each.endpoint in ("", endpoint.name))

    def _untold_outages(self, endpoint: Endpoint) -> Iterator[Response]:
        """Answers that speak for the whole vendor, of those that are not documented."""
        told = {status for status, _ in self._answers_of(endpoint)}
        yield from (Response(status) for status in OUTAGES if status not in told)

    def _odd_responses(self, endpoint: Endpoint, payloads: Sequence[Payload]) -> Iterator[tuple[str, Response]]:
        for status in ODD_STATUSES:
            yield from ((f"{status} with {what}", Response(status, body)) for what, body in ODD_BODIES.items())
        for status, answer in self._answers_of(endpoint):
            for body in distortions(answer.response(status, payloads).body):
                yield f"{status} with {body[:200]!r}", Response(status, body, answer.headers)
