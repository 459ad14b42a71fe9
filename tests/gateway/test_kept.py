"""Rejected calls are handed on, so that an operator can see them."""

from __future__ import annotations

from typing import Any

import pytest

from router.gateway import Limits
from router.gateway.rejection import MAX_KEPT
from router.log.interface import LogFull
from router.rejected import RejectedCall
from tests.gateway.harness import IDENTIFY, KEY, NOW_S, Harness

BAD = {"type": "track", "userId": "u1", "messageId": "m2", "writeKey": KEY}


class Kept(list[RejectedCall]):
    """What was handed on."""

    def harness(self, **options: Any) -> Harness:
        return Harness(keep_rejected=self.extend, **options)


@pytest.mark.parametrize("is_batch", [True, False], ids=["in a batch", "alone"])
async def test_promise_6_a_rejected_call_is_kept_with_its_reason_and_without_its_write_key(is_batch: bool) -> None:
    kept = Kept()
    async with kept.harness() as harness:
        if is_batch:
            await harness.batch(IDENTIFY | {"type": "identify"}, BAD)
        else:
            await harness.post("/v1/track", BAD)

    assert kept == [
        RejectedCall(
            received_at_s=NOW_S,
            source="website",
            message_id="m2",
            code="missing_event",
            field="event",
            expected="the name of what happened",
            found="nothing",
            call='{"type": "track", "userId": "u1", "messageId": "m2"}',
        )
    ]


async def test_one_bad_batch_does_not_push_out_all_others() -> None:
    kept = Kept()
    async with kept.harness(limits=Limits(max_events=MAX_KEPT - 10)) as harness:
        answer = await harness.batch(*range(3 * MAX_KEPT))

    assert answer.json["rejected"] == 3 * MAX_KEPT
    assert [(each.call, each.code) for each in kept] == [
        (str(number), "not_an_object" if number < MAX_KEPT - 10 else "too_many_events") for number in range(MAX_KEPT)
    ]


async def test_what_was_not_taken_at_all_is_not_kept_as_it_comes_again() -> None:
    kept = Kept()
    async with kept.harness() as harness:
        harness.log.failure = LogFull()
        await harness.batch(IDENTIFY | {"type": "identify"}, BAD)

    assert kept == []
