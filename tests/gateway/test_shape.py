"""Promise 8: how many keys an event may have, and how deep it may go."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.gateway import Limits
from router.gateway.shape import Shape, measure
from tests.gateway.harness import Harness

JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=3), children, max_size=4),
    max_leaves=30,
)


def nested(depth: int, inner: Any = 0) -> Any:
    value = inner
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        pytest.param(7, Shape(0, 0), id="a plain value"),
        pytest.param({}, Shape(1, 1), id="an empty object, which is as much work as a key"),
        pytest.param({"a": 1, "b": {"c": 1, "d": 2}}, Shape(4, 2), id="objects"),
        pytest.param({"a": [{"b": 1}, {"b": 1}, 3]}, Shape(3, 3), id="a list of objects"),
        pytest.param({"a": [1, 2], "b": []}, Shape(2, 2), id="lists, which have their keys"),
        pytest.param([[1], [2, []]], Shape(3, 3), id="lists within lists, which are as much work as keys"),
    ],
)
def test_keys_are_counted_in_all_objects_and_levels_in_objects_and_lists(value: Any, shape: Shape) -> None:
    assert measure(value, 100, 100) == shape


def test_promise_8_measuring_stops_at_the_limit() -> None:
    assert measure(nested(100_000), 1_000, 50) == Shape(51, 51)
    assert measure([{"a": {"b": 1}}] * 1_000, 500, 50) == Shape(1_000, 2)


def _keys(value: Any) -> int:
    if isinstance(value, dict):
        return (len(value) or 1) + sum(map(_keys, value.values()))
    return sum(isinstance(item, list) + _keys(item) for item in value) if isinstance(value, list) else 0


def _depth(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)


@given(JSON)
def test_it_counts_as_anybody_would(value: Any) -> None:
    assert measure(value, 10_000, 100) == Shape(_keys(value), _depth(value))


# --- over HTTP ---


def track(number: int, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": "e", "userId": "u", "messageId": f"m{number}", "properties": properties}


async def test_promise_8_an_event_with_too_many_keys_is_rejected_alone() -> None:
    many = {f"k{number}": number for number in range(95)}
    async with Harness(Limits(max_keys=100)) as harness:
        answer = await harness.batch(
            track(0), track(1, **many), track(2, list=[{"a": 1}] * 95), track(3, list=[1] * 200)
        )
        single = await harness.post("/v1/track", track(4, **many, more=1))

    assert (answer.status, answer.json["accepted"], answer.json["rejected"]) == (200, 3, 1)
    [rejection] = answer.json["rejections"]
    assert (rejection["index"], rejection["code"], rejection["messageId"]) == (2, "too_many_keys", "m2")
    assert rejection["expected"] == "at most 100 keys in one event"
    assert (single.status, single.json["code"]) == (400, "too_many_keys")
    assert harness.count("events_rejected", source="website", code="too_many_keys") == 2


@pytest.mark.parametrize("item", [{}, [], [1]], ids=str)
async def test_promise_8_an_event_of_nothing_but_small_objects_or_lists_is_rejected(item: Any) -> None:
    """A megabyte of them, as the products of an order, held up a plugin for seconds."""
    async with Harness(Limits(max_keys=100)) as harness:
        answer = await harness.batch(track(0, products=[item] * 90), track(1, products=[item] * 101))

    assert [(each["index"], each["code"]) for each in answer.json["rejections"]] == [(1, "too_many_keys")]


async def test_promise_8_the_keys_of_the_batchs_context_count_in_each_event() -> None:
    async with Harness(Limits(max_keys=100)) as harness:
        answer = await harness.batch(track(0), track(1, a=1, b=2), context={f"k{number}": 1 for number in range(94)})

    assert [rejection["index"] for rejection in answer.json["rejections"]] == [1]


@pytest.mark.parametrize(("depth", "accepted"), [(19, 1), (20, 0)], ids=["the most", "one more"])
async def test_promise_8_an_event_that_is_too_deep_is_rejected_alone(depth: int, accepted: int) -> None:
    """The event itself and ``properties`` are levels too."""
    async with Harness(Limits(max_depth=20)) as harness:
        answer = await harness.batch(track(0), track(1, **nested(depth)))

    assert (answer.status, answer.json["accepted"]) == (200, 1 + accepted)
    assert [rejection["code"] for rejection in answer.json["rejections"]] == ["too_deep"] * (1 - accepted)


async def test_promise_8_a_body_that_is_all_keys_costs_the_next_request_nothing(harness: Harness) -> None:
    body = b'{"userId":"u","traits":{' + b",".join(b'"%d":0' % number for number in range(60_000)) + b"}}"

    refused = await harness.post("/v1/identify", data=body)
    good = await harness.post("/v1/identify", orjson.loads(b'{"userId":"u"}'))

    assert (refused.status, refused.json["code"]) == (400, "too_many_keys")
    assert good.status == 200
