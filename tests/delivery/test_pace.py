"""The drawing at the top of `router.delivery.pace`, arrow by arrow."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.delivery.pace import OWN_RATE, Backoff, Limits, Pace

Step = Callable[[Pace], object]

BACKOFF = Backoff(first_s=1.0, max_s=300.0, blocked_s=60.0)


def delivered(pace: Pace) -> None:
    pace.delivered(100.0)


def outage(pace: Pace) -> None:
    pace.outage(100.0, "503", None)


def asked_to_wait(pace: Pace) -> None:
    pace.outage(100.0, "429", 120.0)


def asked_to_wait_before(pace: Pace) -> None:
    pace.outage(90.0, "429", 9.0)


def blocked(pace: Pace) -> None:
    pace.blocked(100.0, "401")


def abandoned(pace: Pace) -> None:
    pace.abandoned(100.0)


def leave(pace: Pace) -> None:
    pace.leave()


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
        pytest.param(
            [asked_to_wait], delivered, "throttled", id="throttled as asked, a delivery does not cut it short"
        ),
        pytest.param([asked_to_wait_before], delivered, "going", id="throttled as asked, and that time is up"),
        pytest.param([outage], abandoned, "throttled", id="throttled, abandoned"),
        pytest.param([blocked], leave, "probing", id="blocked, the time is up"),
        pytest.param([blocked], outage, "blocked", id="blocked, an earlier flight's outage does not end it"),
        pytest.param([blocked], blocked, "blocked", id="blocked, blocked"),
        pytest.param([blocked], delivered, "going", id="blocked, delivery of a flight that left earlier"),
        pytest.param(
            [asked_to_wait, blocked], delivered, "throttled", id="blocked, and what was asked before still counts"
        ),
        pytest.param(
            [blocked, asked_to_wait], delivered, "throttled", id="blocked, and asked to wait by an earlier flight"
        ),
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
        pytest.param([asked_to_wait, delivered], 120.0, id="asked to wait: as long, whatever is delivered meanwhile"),
        pytest.param([asked_to_wait, blocked], 120.0, id="blocked, and asked to wait for longer before"),
        pytest.param([blocked, asked_to_wait], 120.0, id="blocked, and asked to wait for longer by an earlier flight"),
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


def test_each_outage_in_a_row_waits_the_back_off_of_so_many() -> None:
    pace, chance, waits = make(), random.Random(1), []
    for _ in range(3):
        waits.append(pace.outage(100.0, "503", None))
        assert pace.until == 100.0 + waits[-1]
        pace.leave()

    assert waits == [BACKOFF.wait_s(failures, chance) for failures in (1, 2, 3)]


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

    pace.delivered(100.0)

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


# --- requests: rate, pause, concurrency ---


def going(concurrency: int = 8, **limits: Any) -> Pace:
    return Pace(BACKOFF, random.Random(1), Limits(concurrency, **limits))


def send(pace: Pace, now: float, endpoint: str = "events") -> float | None:
    """Let a request leave if it may; returns how long it would have to wait."""
    waits = [pace.rate_wait_s(endpoint, now), pace.request_wait_s(now)]
    if waits == [0.0, 0.0]:
        pace.request_left(endpoint, now)
    return None if None in waits else max(wait for wait in waits if wait is not None)


def test_requests_are_spaced_evenly_and_those_that_come_late_make_up_for_nothing() -> None:
    pace = going(per_second=10.0)
    left = []
    for tick in range(3_000):  # of 1 ms; in the second second nobody has anything to send
        now = tick / 1_000
        if not 1.0 <= now < 2.0 and send(pace, now) == 0:
            left.append(now)
            pace.request_came_back()

    assert [round(now, 1) for now in left] == [number / 10 for number in (*range(10), *range(20, 30))]


def test_a_vendor_limit_of_10_a_second_is_not_exceeded_in_any_second() -> None:
    """Row 16 of the battery, with three lanes that always have something to send, and answers that take what they take."""
    pace, chance, now = going(3, per_second=10.0), random.Random(2), 0.0
    left: list[float] = []
    back: list[float] = []
    while now < 60.0:
        while back and back[0] <= now:
            back.pop(0)
            pace.request_came_back()
        if send(pace, now) == 0:
            left.append(now)
            back = sorted([*back, now + chance.expovariate(5.0)])
        now += 0.005

    busiest = max(sum(begin <= moment < begin + 1.0 for moment in left) for begin in left)
    assert busiest <= 10
    assert len(left) > 500


def test_a_rate_holds_nothing_up_while_as_many_requests_are_under_way_as_may_be() -> None:
    """A vendor that takes its time for each would else be blamed on the rate, which lets out twice as many."""
    pace = going(2, per_second=10.0)
    for now in (0.0, 0.1):
        pace.request_left("", now)

    assert pace.rate_waits_s(0.15) == {}
    pace.request_came_back()
    assert list(pace.rate_waits_s(0.15)) == [OWN_RATE]


def test_the_rates_that_hold_requests_back_are_told_until_they_let_one_leave() -> None:
    pace = going(per_second=0.1, rates_per_second={"profiles": 0.5})
    pace.request_left("profiles", 5.0)

    assert pace.rate_waits_s(6.0) == {OWN_RATE: 9.0, "profiles": 1.0}
    assert pace.rate_waits_s(7.0) == {OWN_RATE: 8.0}
    assert pace.rate_waits_s(15.0) == {}


def test_an_endpoint_has_a_rate_of_its_own_within_that_of_the_destination() -> None:
    pace = going(per_second=10.0, rates_per_second={"profiles": 1.0})

    assert send(pace, 0.0, "profiles") == 0
    assert send(pace, 0.0, "events") == pytest.approx(0.1)
    assert send(pace, 0.2, "profiles") == pytest.approx(0.8)
    assert send(pace, 0.2, "events") == 0
    assert pace.spacing_s == 1.0


def test_a_moment_of_quiet_is_kept_by_all_requests_and_the_longest_counts() -> None:
    pace = going()
    pace.pause(100.0, 4.0)
    pace.pause(101.0, 1.0)

    assert pace.state == "going"
    assert send(pace, 102.0) == 2.0
    assert send(pace, 104.0) == 0


def test_no_more_requests_are_under_way_than_the_concurrency_says() -> None:
    pace = going(2)

    assert [send(pace, 0.0) for _ in range(3)] == [0.0, 0.0, None]
    pace.request_came_back()
    assert send(pace, 0.0) == 0


Told = Callable[[Pace, float], object]
"""What the pace is told at some moment."""


def well(took_s: float = 0.5) -> Told:
    return lambda pace, now: pace.went_well("", now - took_s, now)


def pushed(took_s: float = 0.5) -> Told:
    return lambda pace, now: pace.pushed_back(now - took_s, now)


def failed(pace: Pace, now: float) -> None:
    pace.outage(now, "503", None)


def refused(pace: Pace, now: float) -> None:
    pace.blocked(now, "401")


def tell(pace: Pace, *told: Told, every_s: float = 1.0) -> int:
    for number, each in enumerate(told):
        each(pace, 1_000.0 + number * every_s)
    return pace.concurrency


@pytest.mark.parametrize(
    ("told", "concurrency"),
    [
        pytest.param([], 8, id="at first: the most"),
        pytest.param([well()] * 100, 8, id="well: never more than the most"),
        pytest.param([pushed()], 4, id="pushed back: half"),
        pytest.param([pushed()] * 2, 2, id="pushed back again: half of it"),
        pytest.param([pushed()] * 50, 1, id="pushed back always: one, never none"),
        pytest.param([pushed(), pushed(took_s=1.5)], 4, id="what left before the cut does not cut again"),
        pytest.param([pushed(), *[well()] * 3], 4, id="well, less than a round of answers: as before"),
        pytest.param([pushed(), *[well()] * 4], 5, id="a round: one more"),
        pytest.param([pushed(), *[well()] * 100], 8, id="well for long: the most again"),
        pytest.param([failed], 1, id="an outage: one"),
        pytest.param([refused], 1, id="a block: one"),
        pytest.param([failed, well()], 2, id="after the probe: two"),
        pytest.param([failed, *[well()] * 4], 3, id="and so on, about a round at a time"),
        pytest.param([failed, *[well()] * 60], 8, id="until all is as before"),
        pytest.param([*[well(0.5)] * 50, *[well(5.0)] * 25], 4, id="latency ten times as long: half, and no less"),
        pytest.param([*[well(0.5)] * 50, *[well(5.0)] * 200], 8, id="and when it stays like that, the most again"),
        pytest.param([well(8.0)] * 100, 8, id="slow and steady: the most"),
        pytest.param([*[well(0.5)] * 50, *[well(5.0)] * 25, *[well(0.5)] * 40], 8, id="quick again: the most again"),
        pytest.param([*[well(0.5)] * 50, well(30.0), *[well(0.5)] * 3], 8, id="one straggler: the most"),
    ],
)
def test_how_many_requests_at_a_time(told: list[Told], concurrency: int) -> None:
    assert tell(going(8), *told) == concurrency


def test_latency_lowers_the_concurrency_in_proportion_and_only_once_for_what_was_under_way() -> None:
    pace = going(8)
    tell(pace, *[well(0.5)] * 50)
    seen = []
    for number in range(8):
        pace.went_well("", 1_100.0 - 0.01, 1_101.2 + number / 100)  # eight that left at the same moment and took 1.2 s
        seen.append(pace.concurrency)

    assert seen[0] == 8
    assert min(seen) >= 6
    assert len(set(seen)) <= 2


@dataclass
class Vendor:
    """A vendor that takes *base_s* for a request, and longer in proportion when more than *capacity* are under way."""

    base_s: float
    capacity: float = 1e9
    slows_at: float = 1e9
    factor: float = 1.0

    def latency_s(self, under_way: int, now: float) -> float:
        base_s = self.base_s * (self.factor if now >= self.slows_at else 1.0)
        return base_s * max(1.0, under_way / self.capacity)


def simulate(pace: Pace, vendor: Vendor, seconds: float) -> list[tuple[float, int]]:
    """Keep *vendor* as busy as *pace* lets us. Returns the answers: when each came, and the concurrency by then."""
    now, answers = 0.0, []
    under_way: list[tuple[float, float]] = []
    while now < seconds:
        while pace.request_wait_s(now) == 0:
            pace.request_left("events", now)
            heapq.heappush(under_way, (now + vendor.latency_s(pace.under_way, now), now))
        now, left_at = heapq.heappop(under_way)
        pace.request_came_back()
        pace.went_well("", left_at, now)
        answers.append((now, pace.concurrency))
    return answers


def answered(answers: list[tuple[float, int]], begin: float, end: float) -> float:
    """A second, between these."""
    return sum(begin <= now < end for now, _ in answers) / (end - begin)


@pytest.mark.parametrize("base_s", [0.05, 1.0, 10.0])
def test_a_vendor_that_is_slow_and_steady_is_used_to_the_full(base_s: float) -> None:
    answers = simulate(going(8), Vendor(base_s), 1_000.0)

    assert {concurrency for _, concurrency in answers} == {8}
    assert answered(answers, 0, 990) == pytest.approx(8 / base_s, rel=0.05)


def test_a_vendor_whose_latencies_jump_gets_less_and_within_minutes_all_of_it_again() -> None:
    """For good and ten times as slow: half the requests at a time for a while, and then as many as ever."""
    answers = simulate(going(8), Vendor(0.5, slows_at=300.0, factor=10.0), 900.0)

    assert min(concurrency for _, concurrency in answers) == 4
    assert answered(answers, 500, 900) == pytest.approx(8 / 5.0, rel=0.1)
