"""How a plugin behaves: what stops it, for how long, and what it takes to be trusted again."""

from __future__ import annotations

import pytest

from router.delivery.conduct import DEAD_IN_A_ROW, FIRST_WAIT_S, FORGIVEN_S, MAX_WAIT_S, WITHIN_S, Conduct, next_wait_s


def test_a_hundred_events_in_a_row_that_die_of_it_stop_it() -> None:
    conduct = Conduct()

    stopped = [conduct.failed("mapping", "pack raised KeyError", number) for number in range(DEAD_IN_A_ROW)]

    assert stopped == [False] * 99 + [True]
    assert conduct.reason == "100 events in a row became dead letters of it, the last one: pack raised KeyError"
    assert conduct.until == 99 + FIRST_WAIT_S


def test_one_that_gets_through_in_between_breaks_the_row() -> None:
    conduct = Conduct()
    for number in range(10 * DEAD_IN_A_ROW):
        conduct.failed("mapping", "", number)
        if number % 99 == 98:
            conduct.worked("mapping")

    assert not conduct.is_stopped


def test_that_one_part_works_does_not_excuse_the_other() -> None:
    """Events are mapped well, and none of them can be packed."""
    conduct = Conduct()
    for number in range(DEAD_IN_A_ROW):
        conduct.worked("mapping")
        conduct.failed("sending", "", number)

    assert conduct.is_stopped


@pytest.mark.parametrize(
    ("calls", "is_stopped"),
    [
        pytest.param([(0, 2.0), (10, 2.0)], False, id="two calls broken off"),
        pytest.param([(0, 2.0), (10, 2.0), (20, 2.0)], True, id="three"),
        pytest.param([(0, 2.0), (WITHIN_S, 2.0), (WITHIN_S + 1, 2.0)], False, id="three, not within ten minutes"),
        pytest.param([(number, 0.25) for number in range(24)], True, id="slow calls that come to the same"),
        pytest.param([(number * 60, 0.25) for number in range(1_000)], False, id="slow calls now and then"),
        pytest.param([(0, 20.0)], True, id="one that could not be broken off"),
    ],
)
def test_what_holds_up_the_router_stops_it(calls: list[tuple[float, float]], is_stopped: bool) -> None:
    conduct = Conduct()
    for now, seconds in calls:
        conduct.held_up("sending", seconds, "pack", now)

    assert conduct.is_stopped == is_stopped
    assert is_stopped == ("held up the router for" in conduct.reason)


def stopped() -> Conduct:
    """One that its mapping has stopped at 0, and that is tried again."""
    conduct = Conduct()
    for _ in range(DEAD_IN_A_ROW):
        conduct.failed("mapping", "", 0.0)
    conduct.go_on(conduct.until)
    assert not conduct.is_stopped
    return conduct


def test_on_trial_one_failure_stops_it_for_twice_as_long() -> None:
    conduct = stopped()

    assert conduct.failed("mapping", "raised", 400.0)
    assert conduct.until == 400.0 + 2 * FIRST_WAIT_S
    assert conduct.reason == "it fails again: raised"


def test_on_trial_one_call_broken_off_stops_it() -> None:
    conduct = stopped()

    assert not conduct.held_up("mapping", 0.25, "", 400.0), "slow, but it came back"
    assert not conduct.held_up("sending", 2.0, "", 400.0), "the other part is not on trial"
    assert not conduct.held_up("mapping", 0.25, "", 400.0)
    assert conduct.held_up("mapping", 2.0, "", 401.0)


def test_the_trial_ends_when_the_part_that_failed_works() -> None:
    conduct = stopped()

    assert not conduct.worked("sending"), "what was mapped before says nothing of the mapping"
    assert conduct.worked("mapping")
    assert not conduct.worked("mapping")
    assert not conduct.failed("mapping", "", 400.0)


def test_a_plugin_that_went_well_for_an_hour_is_stopped_as_for_the_first_time() -> None:
    conduct = stopped()
    conduct.worked("mapping")
    again = conduct.until + FORGIVEN_S + 1
    for _ in range(DEAD_IN_A_ROW):
        conduct.failed("mapping", "", again)

    assert conduct.until == again + FIRST_WAIT_S

    conduct.go_on(conduct.until)
    conduct.failed("mapping", "", conduct.until + 1)
    assert conduct.until == again + FIRST_WAIT_S + 1 + 2 * FIRST_WAIT_S, "and soon again for twice as long"


def test_a_stop_of_an_earlier_run_goes_on_for_what_is_left_of_it_and_the_next_one_takes_twice_as_long() -> None:
    conduct = Conduct()
    conduct.stop("mapping", "before the restart", wait_s=600.0, left_s=200.0, now=50.0)
    assert (conduct.is_stopped, conduct.reason, conduct.until) == (True, "before the restart", 250.0)

    conduct.go_on(250.0)

    assert conduct.failed("mapping", "raised", 300.0)
    assert conduct.until == 300.0 + 1_200.0


def test_what_was_under_way_at_the_stop_neither_ends_it_nor_counts_again() -> None:
    conduct = Conduct()
    for _ in range(DEAD_IN_A_ROW):
        conduct.failed("sending", "first", 0.0)

    assert not conduct.worked("sending")
    conduct.failed("sending", "second", 5.0)

    assert conduct.is_stopped
    assert (conduct.until, "first" in conduct.reason) == (FIRST_WAIT_S, True)


@pytest.mark.parametrize(
    ("last_s", "since_s", "wait_s"),
    [
        pytest.param(0.0, 0.0, FIRST_WAIT_S, id="the first"),
        pytest.param(FIRST_WAIT_S, 1.0, 2 * FIRST_WAIT_S, id="soon after the first"),
        pytest.param(MAX_WAIT_S, 1.0, MAX_WAIT_S, id="never longer than an hour"),
        pytest.param(MAX_WAIT_S, 3_601.0, FIRST_WAIT_S, id="forgiven after an hour"),
    ],
)
def test_waits_double(last_s: float, since_s: float, wait_s: float) -> None:
    assert next_wait_s(last_s, since_s) == wait_s
