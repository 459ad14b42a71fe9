"""Groups of outcomes that are alike, so that of each event only its place needs to be stored. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from router.delivery.state.changes import Kind, Outcome, Place

MAX_SPAN: Final = 4_096
"""The most sequences from the first to the last of a group. A search for one event need look no further."""


class OutcomeGroup(NamedTuple):
    """What became of these *sequences* (ascending) of one partition within one second. *at_s* belongs to the last of them."""

    partition: int
    kind: Kind
    reason: str
    at_s: float
    sequences: Sequence[int]

    def outcomes(self) -> Iterator[Outcome]:
        for sequence in self.sequences:
            yield Outcome(Place(self.partition, sequence), self.kind, self.reason, self.at_s)


def group(outcomes: Iterable[Outcome]) -> list[OutcomeGroup]:
    """All *outcomes* in groups; of several outcomes of one event only the last. To group the outcomes of groups again changes
    nothing."""
    latest = {outcome.place: outcome for outcome in outcomes}
    alike: dict[tuple[int, Kind, str, int], list[Outcome]] = {}
    for outcome in latest.values():
        alike.setdefault((outcome.place.partition, outcome.kind, outcome.reason, int(outcome.at_s)), []).append(outcome)
    groups = []
    for (partition, kind, reason, _), members in alike.items():
        at_s = max(outcome.at_s for outcome in members)
        sequences = sorted(outcome.place.sequence for outcome in members)
        groups += [OutcomeGroup(partition, kind, reason, at_s, part) for part in _parts(sequences)]
    return groups


def _parts(sequences: list[int]) -> Iterator[list[int]]:
    """Cut *sequences* into parts of at most `MAX_SPAN`."""
    start = 0
    for end, sequence in enumerate(sequences):
        if sequence - sequences[start] >= MAX_SPAN:
            yield sequences[start:end]
            start = end
    yield sequences[start:]
