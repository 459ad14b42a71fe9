"""Promise 3: each user's events arrive in the order they were accepted, whatever the vendor does in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.system.checks import check_books, check_delivered
from tests.system.generator import label_of
from tests.system.harness import Stage, Vendor, until

FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 500, "probability": 0.1},
    {"status": 429, "headers": {"Retry-After": "0"}, "probability": 0.08},
    {"reset": True, "probability": 0.08},
    {"hang_s": 1.0, "after": True, "probability": 0.05},
)
"""Of all requests, 0.1 + 0.9 · 0.08 + … = 28 % of them; with the hang's share, that the time-out below makes a failure."""
TIMEOUT = "300ms"
TRIES_OF_A_FLIGHT = 3
"""What fails that often in a row is an outage: the destination waits."""


def fail_at_random(vendor: Vendor, seed: int) -> None:
    for number, fault in enumerate(FAULTS):
        vendor.fail(**fault, seed=seed * 10 + number)


@dataclass(frozen=True)
class Run:
    """What one run is made of."""

    seed: int
    plugins: tuple[str, ...] = ("mixpanel", "customerio")
    users: int = 50
    events: int = 40
    in_flight: int = 80
    """Few events in flight at a time make many small requests, and many chances to get their order wrong."""


RUNS = [
    pytest.param(Run(1, events=15), id="seed 1, fewer events"),
    pytest.param(Run(1), id="seed 1", marks=pytest.mark.full),
    pytest.param(Run(2, in_flight=30), id="seed 2", marks=pytest.mark.full),
    pytest.param(Run(3, in_flight=30), id="seed 3", marks=pytest.mark.full),
    pytest.param(Run(4), id="seed 4", marks=pytest.mark.full),
    pytest.param(Run(5, ("intercom", "webhook"), users=20, events=5), id="seed 5, one by one", marks=pytest.mark.full),
]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("run", RUNS)
def test_order_per_user_holds_while_three_in_ten_requests_fail(stage: Stage, run: Run) -> None:
    """50 users × 15 or 40 events; refusals, time-outs behind the vendor's back and broken connections."""
    vendors = stage.vendors(*run.plugins)
    for number, vendor in enumerate(vendors):
        fail_at_random(vendor, run.seed * 100 + number)
    delivery = {"timeout": TIMEOUT, "max_in_flight": run.in_flight}
    router = stage.router({vendor.name: vendor.destination(delivery=delivery) for vendor in vendors})

    generator = stage.generator(router, users=run.users, events=run.events, batch=20, seed=run.seed)
    acked = generator.finish()
    router.until_settled(patience_s=150)

    assert len(acked) == run.users * run.events
    check_delivered(acked, *vendors)
    for vendor in vendors:
        failed = [sighting for sighting in vendor.arrivals() if sighting.status in (None, 429, 500)]
        assert failed, f"nothing went wrong at {vendor.name}: the test has tested nothing"
    check_books(router, **{vendor.name: len(acked) for vendor in vendors})


@pytest.mark.in_processes
@pytest.mark.timeout(60)
def test_order_per_user_holds_over_an_outage_under_load(stage: Stage) -> None:
    """What could not be delivered goes before what came meanwhile."""
    vendors = stage.vendors("mixpanel", "customerio")
    router = stage.router({vendor.name: vendor.destination(delivery={"concurrency": 1}) for vendor in vendors})
    generator = stage.generator(router, users=10, batch=5, pause_s=0.02)
    until(lambda: all(vendor.kept() for vendor in vendors), "the first events at both")

    for vendor in vendors:
        vendor.fail(status=503, times=TRIES_OF_A_FLIGHT)
    until(lambda: all(map(is_over_an_outage, router.status()["destinations"])), "an outage at both, and its end")
    acked = generator.stop()
    router.until_settled()

    check_delivered(acked, *vendors)
    check_books(router, mixpanel=len(acked), customerio=len(acked))


def is_over_an_outage(destination: dict[str, Any]) -> bool:
    return bool(destination["outages"] and destination["state"] == "going")


@pytest.mark.full
@pytest.mark.timeout(90)
def test_an_event_that_the_vendor_cannot_stand_parks_its_user_alone(stage: Stage) -> None:
    """The vendor answers 500 whenever one event is in the request: its user waits, in order; the others go on."""
    [vendor] = stage.vendors("mixpanel")
    poison = label_of("user003", 2)
    vendor.fail(status=500, contains=poison)
    router = stage.router({"mixpanel": vendor.destination()})
    generator = stage.generator(router, users=8, batch=2, pause_s=0.1)
    until(lambda: router.destination("mixpanel")["outages"], "the vendor refuses")

    def passed_by() -> set[str]:
        """Who got something that was posted after the first refusal."""
        return {label.rpartition("-")[0] for label in vendor.kept() if label > f"{label.rpartition('-')[0]}-00010"}

    until(lambda: len(passed_by()) == 7, "everybody else's later events at the vendor")
    assert [label for label in vendor.kept() if label.startswith("user003")] == [label_of("user003", 1)]
    acked = generator.stop()
    vendor.heal()
    router.until_settled()

    check_delivered(acked, vendor)
    check_books(router, mixpanel=len(acked))
