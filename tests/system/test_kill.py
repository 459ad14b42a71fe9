"""Promise 1, the hard way: `kill -9` at random moments under load."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import pytest

from tests.system.checks import (
    Interruption,
    check_books,
    check_delivered,
    check_repeats_straddle,
    interruption,
    lanes_of,
)
from tests.system.harness import Router, Stage, Vendor

LANES = 4
ANSWER_DELAY_S = 0.03
"""Between what a vendor takes and its answer, so that many kills fall between the two."""
UP_S = 0.5
STARTING_S = 0.4


@pytest.mark.parametrize(
    ("plugins", "kills", "seed"),
    [
        pytest.param(("mixpanel", "customerio"), 8, 1, id="8 kills", marks=pytest.mark.timeout(120)),
        pytest.param(
            ("mixpanel", "customerio"), 50, 2, id="50 kills", marks=[pytest.mark.full, pytest.mark.timeout(300)]
        ),
        pytest.param(
            ("mixpanel", "customerio", "intercom", "webhook"),
            15,
            3,
            id="15 kills, four vendors",
            marks=[pytest.mark.full, pytest.mark.timeout(300)],
        ),
    ],
)
def test_nothing_acknowledged_is_lost_by_kill_9(stage: Stage, plugins: tuple[str, ...], kills: int, seed: int) -> None:
    """A repeat is what was in flight at a kill, and carries the same idempotency key."""
    vendors = stage.vendors(*plugins)
    for vendor in vendors:
        vendor.fail(hang_s=ANSWER_DELAY_S, after=True)
    router = stage.router({vendor.name: vendor.destination(delivery={"concurrency": LANES}) for vendor in vendors})
    generator = stage.generator(router, users=40, batch=5, workers=4, pause_s=0.01 * len(plugins), seed=seed)

    interruptions = kill_at_random_moments(router, vendors, kills, random.Random(seed))
    acked = generator.stop()
    for vendor in vendors:
        vendor.heal()
    router.until_settled()

    assert len(acked) > kills
    check_delivered(acked, *vendors)
    for vendor in vendors:
        check_repeats_straddle(vendor.arrivals(), interruptions, lanes_of(vendor, LANES))
    check_books(router, **{vendor.name: len(acked) for vendor in vendors})


@pytest.mark.full
@pytest.mark.timeout(300)
def test_nothing_acknowledged_is_lost_by_kill_9_of_a_router_with_processes_of_its_own(stage: Stage) -> None:
    """The main process dies, and takes the others with it, whatever they are at."""
    vendors = stage.vendors("mixpanel", "customerio")
    for vendor in vendors:
        vendor.fail(hang_s=ANSWER_DELAY_S, after=True)
    destinations = {vendor.name: vendor.destination(delivery={"concurrency": LANES}) for vendor in vendors}
    router = stage.router(destinations, "--processes", "2")
    generator = stage.generator(router, users=40, batch=5, workers=4, pause_s=0.02)

    interruptions = kill_at_random_moments(router, vendors, 5, random.Random(4))
    acked = generator.stop()
    for vendor in vendors:
        vendor.heal()
    router.until_settled()

    check_delivered(acked, *vendors)
    for vendor in vendors:
        check_repeats_straddle(vendor.arrivals(), interruptions, lanes_of(vendor, LANES))
    check_books(router, mixpanel=len(acked), customerio=len(acked))


def kill_at_random_moments(
    router: Router, vendors: Sequence[Vendor], kills: int, chance: random.Random
) -> list[Interruption]:
    """Kill a router that is up, again and again, and leave it up. One in four dies while it is still starting."""
    interruptions = []
    for _ in range(kills):
        is_ready = chance.random() < 0.75
        if is_ready:
            router.wait_ready()
        time.sleep(chance.uniform(0, UP_S if is_ready else STARTING_S))
        began_s = time.time()
        router.kill()
        interruptions.append(interruption(began_s, *vendors))
        router.spawn()
    router.wait_ready()
    return interruptions
