"""Promise 8 within a batch: beyond a limit events are rejected one by one, and the others are kept."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from typing import Any

import orjson
import pytest

from router.gateway.admission import MAX_LISTED, USUAL_KEY_LENGTH, Admitted, admit
from router.gateway.calls import Calls
from router.gateway.limits import Limits
from tests.gateway.harness import NOW_S, Harness


def track(number: int, **further: Any) -> dict[str, Any]:
    return {"type": "track", "event": "e", "userId": "u", "messageId": f"m{number}", **further}


async def admit_all(calls: list[Any], limits: Limits | None = None, **options: Any) -> Admitted:
    size = len(json.dumps([calls, options]))
    return await admit(Calls(calls, **options), size, "website", NOW_S, lambda: "made", limits or Limits())


def summary(admitted: Admitted) -> tuple[list[str], list[tuple[int, str]]]:
    return [entry.message_id for entry in admitted.entries], [
        (rejection.index, str(rejection.code)) for rejection in admitted.rejections
    ]


async def test_promise_8_events_beyond_the_number_allowed_are_rejected_each() -> None:
    admitted = await admit_all([track(number) for number in range(5)], Limits(max_events=3))

    assert summary(admitted) == (["m0", "m1", "m2"], [(3, "too_many_events"), (4, "too_many_events")])
    assert [rejection.message_id for rejection in admitted.rejections] == ["m3", "m4"]


async def test_promise_8_a_surplus_without_measure_is_listed_up_to_a_point_and_then_as_a_range() -> None:
    count = MAX_LISTED + 1_000
    admitted = await admit_all([0] * count, Limits(max_events=2))

    rest = admitted.rejections[-1]
    assert len(admitted.rejections) == 2 + MAX_LISTED + 1
    assert (rest.index, rest.through, rest.count) == (MAX_LISTED + 2, count - 1, 998)
    assert sum(rejection.count for rejection in admitted.rejections) == count


async def test_promise_8_an_event_that_is_too_big_is_rejected_alone() -> None:
    limits = Limits(max_event_bytes=500)

    admitted = await admit_all([track(0), track(1, properties={"a": "x" * 600}), track(2)], limits)

    assert summary(admitted) == (["m0", "m2"], [(1, "event_too_big")])
    assert admitted.rejections[0].expected == "at most 500 bytes as JSON"


@pytest.mark.parametrize("field", ["userId", "anonymousId"])
async def test_promise_8_a_long_id_of_a_user_counts_twice_for_it_lies_beside_the_event_too(field: str) -> None:
    """A message of a cluster has room beside the event for usual ones. With a longer one its whole request failed."""
    limits = Limits(max_event_bytes=6_000)
    odd = {"userId": None, "anonymousId": None, field: "é" * 1_600}
    usual = {**odd, field: "é" * USUAL_KEY_LENGTH, "properties": {"a": "x" * 4_500}}

    admitted = await admit_all([track(0), track(1, **odd), track(2, **usual)], limits)

    assert summary(admitted) == (["m0", "m2"], [(1, "event_too_big")])


async def test_promise_6_what_was_odd_about_a_call_is_told_and_of_others_nothing() -> None:
    admitted = await admit_all([track(0), track(1, traits={"a": 10**30}), track(2)])

    assert [(each.index, each.message_id, len(each.warnings)) for each in admitted.mended] == [(1, "m1", 1)]


async def test_promise_8_an_event_is_measured_as_it_is_stored_the_batch_context_included() -> None:
    limits = Limits(max_event_bytes=500)

    admitted = await admit_all([track(0), track(1, context={"a": ""})], limits, context={"a": "x" * 400})

    assert summary(admitted) == (["m1"], [(0, "event_too_big")])


@pytest.mark.parametrize(
    ("context", "code"),
    [
        pytest.param({"a": "x" * 1_200}, "event_too_big", id="size"),
        pytest.param({"a": dict.fromkeys(map(str, range(60)))}, "too_many_keys", id="keys"),
        pytest.param({"a": {"b": {"c": {"d": {}}}}}, "too_deep", id="depth"),
    ],
)
async def test_promise_6_a_context_of_the_batch_that_is_beyond_a_limit_is_named(
    context: dict[str, Any], code: str
) -> None:
    """Of events of a hundred bytes it was said that they are too big, and of what is not in them."""
    limits = Limits(max_event_bytes=1_000, max_keys=50, max_depth=4)

    [rejection] = (await admit_all([track(0)], limits, context=context)).rejections

    assert (rejection.code, rejection.field) == (code, "batch.context")


@pytest.mark.parametrize("odd", [float("nan"), "\ud800", 10**30, [[[[0]]]]], ids=["NaN", "surrogate", "big", "lists"])
async def test_promise_8_odd_values_do_not_hide_the_size_of_an_event(odd: Any) -> None:
    big = track(0, properties={"odd": odd, "text": "x" * 600})

    admitted = await admit_all([big], Limits(max_event_bytes=500))

    assert summary(admitted) == ([], [(0, "event_too_big")])


@pytest.mark.parametrize(
    ("own", "taken"),
    [
        pytest.param({}, 7, id="the context alone"),
        pytest.param({"context": {"a": ""}}, 7, id="not kept, though it was merged"),
        pytest.param({"properties": {"a": "x" * 900}}, 6, id="and more than that"),
    ],
)
async def test_promise_8_a_context_merged_into_each_event_does_not_fill_the_memory(
    own: dict[str, Any], taken: int
) -> None:
    """A small body must not become gigabytes: 2,500 events with a context of nearly a megabyte each."""
    limits = Limits(max_body_bytes=10_000, max_events=10, max_event_bytes=9_000)
    assert limits.max_stored_bytes == 50_960

    admitted = await admit_all([track(number, **own) for number in range(10)], limits, context={"a": "x" * 7_500})

    assert sum(len(entry.event) for entry in admitted.entries) < limits.max_stored_bytes + limits.max_event_bytes
    assert summary(admitted)[1] == [(index, "batch_too_big") for index in range(taken, 10)]


async def test_promise_8_small_events_in_any_number_allowed_have_room() -> None:
    """What normalising adds must never reject an event of a batch within its limits."""
    limits = Limits(max_body_bytes=1_000, max_events=50)

    admitted = await admit_all([{"type": "page", "userId": "u"}] * 50, limits)

    assert len(admitted.entries) == 50


async def test_promise_2_a_big_batch_lets_others_have_their_turn() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await admit_all([track(number, properties={"a": "x" * 1_000}) for number in range(1_000)])
    task.cancel()

    assert turns >= 10


@pytest.mark.parametrize(
    ("call", "message_id"),
    [
        pytest.param({"messageId": "m1"}, "m1", id="text"),
        pytest.param({"message_id": "m1"}, "m1", id="in snake case"),
        pytest.param({"messageId": 7}, "7", id="a number"),
        pytest.param({"messageId": "m" * 500}, "m" * 100, id="too long: cut"),
        pytest.param({"messageId": "\ud800"}, "?", id="half a character"),
        pytest.param({"messageId": ""}, None, id="empty"),
        pytest.param({"messageId": True}, None, id="a boolean"),
        pytest.param({"messageId": {"a": 1}}, None, id="an object"),
        pytest.param([], None, id="no object"),
    ],
)
async def test_a_rejection_carries_the_message_id_that_its_sender_knows(call: Any, message_id: str | None) -> None:
    admitted = await admit_all([call])

    assert [rejection.message_id for rejection in admitted.rejections] == [message_id]


async def test_promise_8_an_event_that_is_too_deep_does_not_cost_its_batch(harness: Harness) -> None:
    deep = b'{"type":"track","event":"e","userId":"u","properties":{"a":' + b"[" * 200 + b"]" * 200 + b"}}"
    good = orjson.dumps(track(1))

    answer = await harness.post("/v1/batch", data=b'{"batch":[' + deep + b"," + good + b"]}")

    assert answer.status == 200
    assert answer.json["accepted"] == 1
    assert [(entry["index"], entry["code"]) for entry in answer.json["rejections"]] == [(0, "too_deep")]


@pytest.mark.parametrize("field", ["properties", "custom", "writeKey", "receivedAt", "sentAt", "channel", "version"])
@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(orjson.loads(b"[" * 6 + b"]" * 6), "too_deep", id="too deep"),
        pytest.param({str(number): 0 for number in range(300)}, "too_many_keys", id="too many keys"),
    ],
)
async def test_promise_8_the_shape_of_a_call_counts_also_where_its_event_leaves_a_part_out(
    field: str, value: Any, code: str
) -> None:
    admitted = await admit_all([track(0, **{field: value}), track(1)], Limits(max_depth=5, max_keys=200), is_plain=True)

    assert summary(admitted) == (["m1"], [(0, code)])


@pytest.mark.parametrize("field", ["context", "integrations"])
@pytest.mark.parametrize(("levels", "accepted"), [(4, 1), (5, 0)], ids=["the most", "one more"])
async def test_promise_8_what_a_batch_says_of_all_its_events_is_no_deeper_than_one_may_be(
    field: str, levels: int, accepted: int
) -> None:
    """The event itself is a level as well."""
    deep = orjson.loads(b'{"a":' * levels + b"1" + b"}" * levels)

    admitted = await admit_all([track(0)], Limits(max_depth=5), is_plain=True, **{field: deep})

    assert len(admitted.entries) == accepted
    assert [str(rejection.code) for rejection in admitted.rejections] == ["too_deep"] * (1 - accepted)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(track(0, writeKey=[[[[[[1]]]]]]), id="too deep, found out late"),
        pytest.param(track(0, properties={"a": "x" * 5_000}), id="too big"),
        pytest.param({"type": "track"}, id="no event"),
    ],
)
async def test_promise_8_a_rejected_call_is_not_kept_until_the_garbage_collector_comes(call: dict[str, Any]) -> None:
    """A large body would be kept with it."""

    class Watched(dict[str, Any]):
        """One that a weak reference can know."""

    watched = Watched(call)
    gone = weakref.ref(watched)
    gc.disable()
    try:
        admitted = await admit_all([watched], Limits(max_depth=5, max_event_bytes=3_000), is_plain=True)
        del watched
        assert gone() is None
    finally:
        gc.enable()

    assert len(admitted.rejections) == 1


async def test_promise_8_what_is_wrong_with_the_shape_comes_before_all_else() -> None:
    call = {"type": "track", "userId": "u", "properties": orjson.loads(b'{"a":' + b"[" * 6 + b"]" * 6 + b"}")}

    admitted = await admit_all([call], Limits(max_depth=5), is_plain=True)

    assert summary(admitted) == ([], [(0, "too_deep")])


async def test_promise_8_a_range_of_rejections_shows_in_the_receipt() -> None:
    async with Harness(Limits(max_events=1)) as harness:
        answer = await harness.batch(*[0] * (MAX_LISTED + 5))

    assert answer.json["rejected"] == MAX_LISTED + 5
    assert answer.json["rejections"][-1]["through"] == MAX_LISTED + 4
    assert "through" not in answer.json["rejections"][0]
    assert harness.count("events_rejected", source="website", code="too_many_events") == MAX_LISTED + 4
