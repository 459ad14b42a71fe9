"""The selection: which events of a stretch of the log a replay sends. The replay and its dry run share it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from router.delivery.jobs.spec import ReplaySpec
from router.delivery.state.state import Earlier
from router.log.record import Gap, Record

LOST = "lost"
LEFT_OUT: Mapping[Earlier, str] = {
    "pending": "still pending, delivered anyway",
    "dead letter": "dead letters, for dead-letters retry",
}
"""Events that a replay leaves alone because something else will send them, and the reason it gives."""


@dataclass(slots=True)
class Stretch:
    """What a replay does with the events up to ``last``."""

    last: int
    chosen: list[tuple[Record, Earlier | None]] = field(default_factory=list)
    """The events to send, each with what became of it before."""
    passed: list[tuple[int, str, int]] = field(default_factory=list)
    """Events that meet the conditions but can't or need not be sent: up to which sequence, why, and how many events."""


def select(
    spec: ReplaySpec,
    records: Sequence[Record | Gap],
    earlier: Mapping[int, Earlier],
    after: int,
    done: Collection[int] = (),
) -> Stretch:
    """What to do with *records*, which the log gave for the sequences *after* that one.

    *earlier* says what became of each sequence before. *done* are sequences that this replay has already sent.
    """
    stretch = Stretch(after if records else spec.last)
    for record in records:
        if isinstance(record, Gap):
            first, last = max(record.first, after + 1), min(record.last, spec.last)
            if first <= last:
                stretch.passed.append((last, LOST, last - first + 1))
            stretch.last = min(record.last, spec.last)
            continue
        if record.sequence > spec.last:
            stretch.last = spec.last
            break
        stretch.last = record.sequence
        if record.sequence in done or not spec.fits(record):
            continue
        before = earlier.get(record.sequence)
        why = LEFT_OUT.get(before) if before else None
        if why:
            stretch.passed.append((record.sequence, why, 1))
        elif spec.fits_outcome(before):
            stretch.chosen.append((record, before))
    return stretch
