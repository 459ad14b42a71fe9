"""Promise 8: a source makes as many requests as it may, and is told when there is room again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.gateway import Limits, Source
from router.gateway.refusal import Refused
from router.gateway.throttle import BURST, Throttle
from tests.gateway.harness import IDENTIFY, KEY, NOW_S, Harness


def throttle(per_s: float | None) -> Throttle:
    made = Throttle()
    made.configure({"website": Source([KEY], max_requests_per_s=per_s)}, NOW_S)
    return made


def take(throttle: Throttle, count: int, now_s: float) -> tuple[int, int | None]:
    """How many of *count* requests were let through, and what the next one is told."""
    for number in range(count):
        try:
            throttle.take("website", now_s)
        except Refused as refused:
            return number, refused.retry_after_s
    return count, None


@pytest.mark.parametrize(
    ("per_s", "at_once"),
    [(1_000.0, 1_000), (100.0, 100), (5.0, BURST), (0.01, BURST)],
    ids=["a second's worth", "the same", "a page's burst, though it may make few", "very few"],
)
def test_promise_8_so_many_may_come_at_once(per_s: float, at_once: int) -> None:
    assert take(throttle(per_s), 2_000, NOW_S)[0] == at_once


@pytest.mark.parametrize(
    ("per_s", "retry_after_s"),
    [(1_000.0, 1), (1.0, 1), (0.5, 2), (0.1, 10)],
    ids=["1000/s", "1/s", "30/min", "6/min"],
)
def test_retry_after_is_in_whole_seconds_and_holds(per_s: float, retry_after_s: int) -> None:
    busy = throttle(per_s)
    _, told = take(busy, 2_000, NOW_S)

    assert told == retry_after_s
    assert take(busy, 1, NOW_S + retry_after_s) == (1, None)


def test_promise_8_in_the_long_run_the_rate_holds() -> None:
    busy = throttle(200.0)

    passed = sum(take(busy, 500, NOW_S + tenth / 10)[0] for tenth in range(101))

    assert passed == 200 + 10 * 200


def test_promise_8_what_was_not_used_in_an_hour_is_not_there_at_once() -> None:
    busy = throttle(1.0)
    take(busy, BURST, NOW_S)

    assert take(busy, 2 * BURST, NOW_S + 3_600)[0] == BURST


def test_a_source_without_a_limit_has_none() -> None:
    assert take(throttle(None), 5_000, NOW_S) == (5_000, None)


def test_a_clock_that_is_set_back_gives_nothing_and_takes_nothing() -> None:
    busy = throttle(1.0)
    take(busy, BURST, NOW_S)

    assert take(busy, 1, NOW_S - 1_000) == (0, 1)
    assert take(busy, 5, NOW_S - 998) == (2, 1)


def test_a_reload_gives_a_new_allowance_only_where_the_limit_changes() -> None:
    busy = throttle(1.0)
    take(busy, BURST, NOW_S)
    busy.configure({"website": Source(["another key"], max_requests_per_s=1.0)}, NOW_S)
    same = take(busy, 1, NOW_S)[0]
    busy.configure({"website": Source([KEY], max_requests_per_s=2.0)}, NOW_S)
    new = take(busy, BURST, NOW_S)[0]

    assert (same, new) == (0, BURST)


@given(st.lists(st.floats(-10, 10), max_size=300), st.floats(0.001, 10_000))
def test_no_clock_and_no_rate_lets_more_through_than_burst_and_rate(steps: list[float], per_s: float) -> None:
    busy = throttle(per_s)
    now_s, passed, forward_s = NOW_S, 0, 0.0
    for step in steps:
        now_s += step
        forward_s += max(0.0, step)
        passed += take(busy, 1, now_s)[0]

    assert passed <= max(per_s, BURST) + per_s * forward_s + 1


# --- over HTTP ---


@pytest.mark.parametrize("key_place", ["header", "body"])
async def test_promise_8_too_many_requests_are_answered_429_and_others_are_not(key_place: str) -> None:
    sources = {"busy": Source([KEY], max_requests_per_s=0.5), "website": Source(["key-of-website"])}
    async with Harness(sources={**sources, "website": Source(["other"])}) as harness:
        key = KEY if key_place == "header" else ""
        answers = [await harness.post("/v1/i", IDENTIFY | {"writeKey": KEY}, key=key) for _ in range(BURST + 2)]
        other = await harness.post("/v1/i", IDENTIFY, key="other")
        harness.now_s += 2
        later = await harness.post("/v1/i", IDENTIFY | {"writeKey": KEY}, key=key)

    assert [answer.status for answer in answers] == [200] * BURST + [429] * 2
    refused = answers[-1]
    assert (refused.json["code"], refused.headers["Retry-After"]) == ("rate_limited", "2")
    assert KEY not in refused.json["message"]
    assert (other.status, later.status) == (200, 200)
    assert harness.count("requests_throttled", source="busy") == 2
    assert harness.count("requests_throttled", source="website") == 0
    assert len(harness.log.appends) == BURST + 2


async def test_a_request_with_an_unknown_key_uses_up_nothing() -> None:
    async with Harness(sources={"website": Source([KEY], max_requests_per_s=0.001)}) as harness:
        for _ in range(BURST + 5):
            assert (await harness.post("/v1/i", IDENTIFY, key="unknown")).status == 401

        assert (await harness.post("/v1/i", IDENTIFY)).status == 200


async def test_a_429_leaves_the_connection_as_it_is() -> None:
    """A page that has to connect again for each would be slower still."""
    async with Harness(sources={"website": Source([KEY], max_requests_per_s=0.001)}, limits=Limits()) as harness:
        for _ in range(BURST + 1):
            answer = await harness.post("/v1/i", IDENTIFY)

    assert answer.status == 429
    assert answer.headers.get("Connection", "").lower() != "close"
