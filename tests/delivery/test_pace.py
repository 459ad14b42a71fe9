"""The drawing at the top of `router.delivery.pace`, arrow by arrow."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.delivery.pace import Backoff, Pace

Step = Callable[[Pace], object]

BACKOFF = Backoff(first_s=1.0, max_s=300.0, blocked_s=60.0)


def delivered(pace: Pace) -> None:
    pace.delivered(100.0)


def outage(pace: Pace) -> None:
    pace.outage(100.0, "503", None)


def blocked(pace: Pace) -> None:
    pace.blocked(100.0, "401")


def abandoned(pace: Pace) -> None:
    pace.abandoned(100.0)


def leave(pace: Pace) -> None:
    pace.leave(100.0)


def make(steps: Sequence[Step] = ()) -> Pace:
    pace = Pace(BACKOFF, random.Random(1))
    for step in steps:
        step(pace)
    return pace


THROTTLED_PROBE = [outage, leave]
BLOCKED_PROBE = [blocked, leave]


@pytest.mark.parametrize(
    ("before", "step", "state"),
    [
        pytest.param([], leave, "going", id="going: any flight leaves"),
        pytest.param([], delivered, "going", id="going, delivered"),
        pytest.param([], outage, "throttled", id="going, outage"),
        pytest.param([], blocked, "blocked", id="going, blocked"),
        pytest.param([], abandoned, "going", id="going, abandoned"),
        pytest.param([outage], leave, "probing", id="throttled, the time is up"),
        pytest.param([outage], outage, "throttled", id="throttled, outage of a flight that left earlier"),
        pytest.param([outage], blocked, "blocked", id="throttled, block of a flight that left earlier"),
        pytest.param([outage], delivered, "going", id="throttled, delivery of a flight that left earlier"),
        pytest.param([outage], abandoned, "throttled", id="throttled, abandoned"),
        pytest.param([blocked], leave, "probing", id="blocked, the time is up"),
        pytest.param([blocked], outage, "blocked", id="blocked, an earlier flight's outage does not end it"),
        pytest.param([blocked], blocked, "blocked", id="blocked, blocked"),
        pytest.param([blocked], delivered, "going", id="blocked, delivery of a flight that left earlier"),
        pytest.param([blocked], abandoned, "blocked", id="blocked, abandoned"),
        pytest.param(THROTTLED_PROBE, delivered, "going", id="probe delivered"),
        pytest.param(THROTTLED_PROBE, outage, "throttled", id="probe fails"),
        pytest.param(THROTTLED_PROBE, blocked, "blocked", id="probe blocked"),
        pytest.param(THROTTLED_PROBE, abandoned, "throttled", id="probe of an outage abandoned"),
        pytest.param(BLOCKED_PROBE, delivered, "going", id="probe of a block delivered"),
        pytest.param(BLOCKED_PROBE, outage, "throttled", id="probe of a block fails otherwise"),
        pytest.param(BLOCKED_PROBE, blocked, "blocked", id="probe of a block still blocked"),
        pytest.param(BLOCKED_PROBE, abandoned, "blocked", id="probe of a block abandoned"),
    ],
)
def test_every_arrow_of_the_drawing(before: list[Step], step: Step, state: str) -> None:
    pace = make(before)

    step(pace)

    assert pace.state == state


@pytest.mark.parametrize(
    ("steps", "wait_s"),
    [
        pytest.param([], 0.0, id="going"),
        pytest.param([blocked], 60.0, id="blocked: until the next probe"),
        pytest.param(THROTTLED_PROBE, None, id="probing: not before it is back"),
        pytest.param([*THROTTLED_PROBE, abandoned], 0.0, id="a probe that never left: at once"),
        pytest.param([*BLOCKED_PROBE, abandoned], 0.0, id="a probe of a block that never left: at once"),
        pytest.param([outage, delivered], 0.0, id="well again: at once"),
    ],
)
def test_how_long_a_flight_waits(steps: list[Step], wait_s: float | None) -> None:
    assert make(steps).wait_s(100.0) == wait_s


@pytest.mark.parametrize(
    ("steps", "is_blocked"),
    [
        pytest.param([], False, id="going"),
        pytest.param([outage], False, id="throttled"),
        pytest.param([blocked], True, id="blocked"),
        pytest.param(BLOCKED_PROBE, True, id="probing whether it still is"),
        pytest.param(THROTTLED_PROBE, False, id="probing after an outage"),
        pytest.param([*BLOCKED_PROBE, delivered], False, id="delivers again"),
    ],
)
def test_a_destination_counts_as_blocked_until_a_probe_gets_through(steps: list[Step], is_blocked: bool) -> None:
    assert make(steps).is_blocked is is_blocked


def test_a_wait_the_vendor_asks_for_wins_over_the_back_off() -> None:
    pace = make()

    assert pace.outage(100.0, "429", 120.0) == 120.0
    assert pace.wait_s(219.0) == 1.0
    assert pace.wait_s(221.0) == 0.0


def test_flights_that_fail_together_are_one_failure_and_the_longest_wait_counts() -> None:
    pace = make()
    pace.outage(100.0, "503", 10.0)
    pace.outage(101.0, "503", None)
    pace.outage(102.0, "503", 30.0)

    assert pace.failures == 1
    assert pace.until == 132.0


def test_a_block_keeps_its_reason_and_its_time_when_an_earlier_flight_fails() -> None:
    pace = make([blocked])

    assert pace.outage(110.0, "connection reset", None) == 50.0
    assert (pace.reason, pace.until) == ("401", 160.0)


def test_failures_count_until_something_is_delivered() -> None:
    pace = make([outage, leave, outage, leave, outage])
    assert pace.failures == 3

    pace.delivered(200.0)

    assert (pace.failures, pace.reason) == (0, "")


@given(st.integers(1, 10_000), st.integers(0, 2**32), st.floats(0.01, 100), st.floats(0.01, 1_000))
def test_the_back_off_is_never_nothing_and_never_longer_than_its_bound(
    failures: int, seed: int, first_s: float, max_s: float
) -> None:
    wait_s = Backoff(first_s, max_s).wait_s(failures, random.Random(seed))

    assert min(first_s / 2, max_s) <= wait_s <= max_s


def test_the_back_off_grows_with_the_failures() -> None:
    """Full jitter: each wait is drawn anew, but the range they come from doubles."""
    chance = random.Random(3)
    longest = [max(BACKOFF.wait_s(failures, chance) for _ in range(500)) for failures in range(1, 7)]

    assert longest == sorted(longest)
    assert longest[0] <= 2.0 < longest[-1] <= 64.0
