"""A partition's share of what a destination may hold: one router may have all partitions, with no more memory. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from router.delivery.assignment import Assignment

MIN_EVENTS: Final = 100
MIN_BYTES: Final = 1_000_000
"""With less than this per partition, batches would not fill."""


def share_of(assignment: Assignment, partitions: int) -> Assignment:
    """The assignment in each of so many *partitions*."""
    options = assignment.options
    shared = replace(
        options,
        lanes=max(1, options.concurrency // partitions),
        max_parked=max(MIN_EVENTS, options.max_parked // partitions),
        max_in_flight=max(MIN_EVENTS, options.max_in_flight // partitions),
        max_in_flight_bytes=max(MIN_BYTES, options.max_in_flight_bytes // partitions),
    )
    return replace(assignment, options=shared, max_dead_letters_bytes=assignment.max_dead_letters_bytes // partitions)
