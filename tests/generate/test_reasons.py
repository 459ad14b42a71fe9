"""docs/rejections.md: every reason has a meaning, and the examples are what the gateway answers."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from router.gateway.refusal import RefusalCode
from router.gateway.rejection import LimitCode
from router.generate.__main__ import ROOT
from router.reason import Reason
from router.rejection import RejectionCode
from tests.gateway.harness import Harness

REJECTIONS = (ROOT / "docs/rejections.md").read_text("utf-8")
GOOD = {"type": "track", "userId": "u1", "messageId": "m1", "event": "Order Completed"}
BAD = {"type": "track", "userId": "u1", "messageId": "m2"}


def example(name: str) -> Any:
    [text] = re.findall(rf"<!-- example: {name} -->\n```json\n(.*?)```", REJECTIONS, re.DOTALL)
    return orjson.loads(text)


async def test_the_answers_shown_are_those_that_are_given() -> None:
    async with Harness() as harness:
        batch = await harness.batch(GOOD, BAD)
        single = await harness.post("/v1/track", BAD)
        refusal = await harness.post("/v1/track", GOOD, key="unknown")

    assert (batch.status, single.status, refusal.status) == (200, 400, 401)
    assert (batch.json, single.json, refusal.json) == (example("batch"), example("single"), example("refusal"))


@pytest.mark.parametrize("reasons", [RejectionCode, LimitCode, RefusalCode], ids=lambda reasons: reasons.__name__)
def test_every_reason_has_a_meaning_for_people(reasons: type[Reason]) -> None:
    assert [reason for reason in reasons if not re.fullmatch(r"[A-Z`].+\.", reason.meaning)] == []


def test_no_two_reasons_for_an_event_have_the_same_word() -> None:
    words = [str(reason) for reason in (*RejectionCode, *LimitCode)]

    assert len(set(words)) == len(words)
