"""What holds at the end of every test: nothing lost, in order, repeats harmless, the books balanced."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from router.registry import Registry
from tests.system.evidence import (
    Sighting,
    find_changed_keys,
    find_inversions,
    find_lost,
    find_repeats,
    find_stale,
)
from tests.system.harness import Router, Vendor


@dataclass(frozen=True)
class Interruption:
    """When a router was killed or stood still, in Unix seconds."""

    began_s: float
    """Just before it."""
    ended_s: float
    """When it was over, and the vendors had read what was sent before it: a slow machine may take a while for that."""


def interruption(began_s: float, *vendors: Vendor) -> Interruption:
    """One that began then and is over now; these vendors were sent something."""
    for vendor in vendors:
        vendor.catch_up()
    return Interruption(began_s, time.time())


def check_delivered(acked: Sequence[str], *vendors: Vendor, dead: Sequence[str] = ()) -> None:
    """Promises 1, 3 and 4 at each vendor: L = 0 (*dead* are dead letters), O = 0, one idempotency key an event."""
    for vendor in vendors:
        kept, arrivals = vendor.kept(), vendor.arrivals()
        assert find_lost(acked, kept, dead) == set(), f"acknowledged, and lost at {vendor.name}"
        assert find_inversions(kept) == [], f"out of order at {vendor.name}"
        assert find_stale(kept) == {}, f"users whose traits went back at {vendor.name}"
        assert find_changed_keys(arrivals) == {}, f"another idempotency key at {vendor.name}"


def check_books(router: Router, **accepted: int) -> None:
    """Promise 5: at the destinations named, so many events were accepted; everywhere all are settled and accounted for."""
    status = router.status()
    for each in status["destinations"]:
        books = each["books"]
        assert books["pending"] == 0, each
        assert books["unaccounted"] == 0, each
        assert books["accepted"] == books["delivered"] + books["skipped"] + books["dead"], each
    named = {each["destination"]: each["books"]["accepted"] for each in status["destinations"]}
    assert {name: named[name] for name in accepted} == accepted


def lanes_of(vendor: Vendor, concurrency: int) -> int:
    """How many lanes a destination of *vendor* has. Each has one request that is under way, or that has its answer and is not
    noted on disk yet, while another lane's is under way."""
    endpoints = Registry.load().get(vendor.plugin).endpoints
    return concurrency * len({each.name if each.is_independent else "" for each in endpoints})


def check_repeats_straddle(
    arrivals: Sequence[Sighting], interruptions: Sequence[Interruption], requests_at_once: int
) -> None:
    """D: an event came twice only if the router was interrupted in between, and only what was in flight at that moment.

    *requests_at_once* is how many requests may be unsettled at a time (`lanes_of`). What a router sends as it wakes, after it
    stood still, may have run out of its time by then, and is sent again.
    """

    def straddles(first: Sighting, each: Interruption, second: Sighting) -> bool:
        return first.at <= each.ended_s and each.began_s <= second.at

    taken = [sighting for sighting in arrivals if sighting.status is None or sighting.status < 400]
    repeats = find_repeats(taken)
    for first, second in repeats:
        assert any(straddles(first, each, second) for each in interruptions), (
            f"sent twice for no reason: {first}, {second}"
        )
    for before, each in pairwise([Interruption(0.0, 0.0), *interruptions]):
        requests = {
            first.request for first, second in repeats if before.ended_s < first.at and straddles(first, each, second)
        }
        assert len(requests) <= requests_at_once, f"repeated at one interruption: {sorted(requests)}"
