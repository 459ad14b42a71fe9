"""Rows 40 and 41 of the battery in facts/reliability.md: whatever stands in a field, the event is taken, or rejected alone with
a reason from the published list."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from router.event import EVENT_TYPES, Event
from router.event import FIELDS as EVENT_FIELDS
from router.gateway import Limits
from router.gateway.rejection import LimitCode
from router.rejection import RejectionCode
from tests.gateway.harness import Harness

PUBLISHED = {str(code) for code in (*RejectionCode, *LimitCode)}
CALL: dict[str, Any] = {"userId": "u1", "event": "e", "groupId": "g1", "previousId": "a1"}
"""Enough for each of the six."""
FIELDS = sorted({*EVENT_FIELDS, "writeKey", "_metadata"})
IN_CONTEXT = ["traits", "ip", "userAgent", "library", "page", "campaign", "groupId", "channel", "locale", "externalIds"]
IN_TRAITS = ["createdAt", "birthday", "age", "email", "name", "firstName", "address", "company", "id", "phone"]
VALUES: list[Any] = [
    {}, {"a": 1}, [], [1], [{}], "", " ", "32/13", "null", "x" * 200, 0, -1, 1.5, 1e300, 10**25, float("nan"), float("inf"),
    True, False, None, "\0", "\ud800", {"": {"": []}}, [[[[]]]],
]  # fmt: skip


def confused(kind: str) -> list[dict[str, Any]]:
    """One call for each field and value."""
    calls = [CALL | {"type": kind, field: value} for field in FIELDS for value in VALUES]
    calls += [CALL | {"type": kind, "context": {field: value}} for field in IN_CONTEXT for value in VALUES]
    return calls + [CALL | {"type": kind, "traits": {field: value}} for field in IN_TRAITS for value in VALUES]


def as_python_writes(document: Any) -> bytes:
    """NaN and all."""
    return json.dumps(document).encode()


def with_id(number: int, call: dict[str, Any]) -> dict[str, Any]:
    return {"messageId": f"m{number}"} | call


@pytest.mark.parametrize("kind", EVENT_TYPES)
async def test_row_40_any_value_in_any_field_is_taken_or_rejected_alone_with_a_published_reason(kind: str) -> None:
    calls = [with_id(number, call) for number, call in enumerate(confused(kind))]
    async with Harness() as harness:
        answer = await harness.post("/v1/batch", data=as_python_writes({"batch": calls}))
        stored = harness.log.events

    receipt = answer.json
    assert answer.status == 200
    assert receipt["accepted"] + receipt["duplicate"] + receipt["rejected"] == len(calls)
    assert {each["code"] for each in receipt["rejections"]} <= PUBLISHED
    assert all(each["expected"] and each["found"] for each in receipt["rejections"])
    assert receipt["accepted"] > len(calls) / 2
    assert [event for event in stored if not Event.of_document(event).user_key] == []


@pytest.mark.parametrize("field", FIELDS)
async def test_row_40_so_is_a_single_event(harness: Harness, field: str) -> None:
    """The harness holds every refusal against the published list."""
    for value in VALUES:
        answer = await harness.post("/v1/track", data=as_python_writes(CALL | {field: value}))

        assert answer.status in (200, 400), value


@pytest.mark.parametrize("field", ["batch", "sentAt", "context", "integrations", "writeKey", "timestamp"])
async def test_row_40_and_so_is_what_is_said_for_a_whole_batch(harness: Harness, field: str) -> None:
    for value in VALUES:
        body = as_python_writes({"batch": [CALL | {"type": "page"}], field: value})
        answer = await harness.post("/v1/batch", data=body)

        assert answer.status == 200 or field == "batch", value
        assert {each["code"] for each in answer.json.get("rejections", [])} <= PUBLISHED


async def test_row_41_of_2501_events_one_is_named_and_the_others_are_kept(harness: Harness) -> None:
    answer = await harness.batch(*({"type": "page", "userId": "u1", "messageId": f"m{n}"} for n in range(2_501)))

    assert (answer.status, answer.json["accepted"], answer.json["rejected"]) == (200, 2_500, 1)
    [rejection] = answer.json["rejections"]
    assert (rejection["index"], rejection["messageId"], rejection["code"]) == (2_500, "m2500", "too_many_events")


async def test_row_41_of_a_good_batch_an_event_of_33_kb_is_named_where_32_are_allowed() -> None:
    good = [{"type": "page", "userId": "u1", "messageId": f"m{number}"} for number in range(20)]
    big = good[7] | {"properties": {"text": "x" * 33_000}}
    async with Harness(Limits(max_event_bytes=32_768)) as harness:
        answer = await harness.batch(*good[:7], big, *good[8:])

    assert (answer.status, answer.json["accepted"]) == (200, 19)
    [rejection] = answer.json["rejections"]
    assert (rejection["index"], rejection["messageId"], rejection["code"]) == (7, "m7", "event_too_big")
    assert b"m7" not in b"".join(map(orjson.dumps, harness.log.events))
