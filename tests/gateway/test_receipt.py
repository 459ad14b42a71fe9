from __future__ import annotations

from typing import Any

import orjson
import pytest

from router.gateway.admission import Admitted, Mended
from router.gateway.answer import Answer
from router.gateway.receipt import (
    MAX_MENDED_LISTED,
    accepted_json,
    accepted_receipt,
    batch_receipt,
    rejected_receipt,
)
from router.gateway.rejection import LimitCode, Rejection
from router.log.record import Appended
from router.rejection import RejectionCode

REJECTION = Rejection(2, "m2", RejectionCode.MISSING_EVENT, "event", "the name of what happened", "nothing")


def sent(answer: Answer) -> Any:
    """What the caller gets."""
    return orjson.loads(answer.model_dump_json(by_alias=True))


def test_success_is_an_object_that_says_so() -> None:
    assert sent(accepted_receipt("m1", Appended(0, 1))) == {"success": True, "messageId": "m1"}


def test_a_duplicate_is_a_success_that_says_so() -> None:
    receipt = accepted_receipt("m1", Appended(0, 1, is_duplicate=True))

    assert sent(receipt) == {"success": True, "messageId": "m1", "duplicate": True}


def test_what_was_put_right_is_told() -> None:
    receipt = accepted_receipt("m1", Appended(0, 1), ("user_id: read as userId",))

    assert sent(receipt) == {"success": True, "messageId": "m1", "warnings": ["user_id: read as userId"]}


@pytest.mark.parametrize("warnings", [(), ("user_id: read as userId",)], ids=["nothing odd", "something odd"])
@pytest.mark.parametrize("is_duplicate", [False, True], ids=["new", "seen before"])
@pytest.mark.parametrize("message_id", ["m1", 'a "quoted" one', "Ada \u00e9\u2028\\", "an id"])
def test_a_prepared_receipt_is_the_receipt(message_id: str, is_duplicate: bool, warnings: tuple[str, ...]) -> None:
    appended = Appended(0, 1, is_duplicate)

    prepared = orjson.loads(accepted_json(message_id, appended, warnings))

    assert prepared == sent(accepted_receipt(message_id, appended, warnings))


def test_promise_6_a_rejected_event_has_code_and_message_and_says_which_field() -> None:
    assert sent(rejected_receipt(REJECTION)) == {
        "code": "missing_event",
        "message": "event: expected the name of what happened, found nothing",
        "field": "event",
        "expected": "the name of what happened",
        "found": "nothing",
        "messageId": "m2",
    }


def test_promise_6_the_counts_of_a_batch_add_up_to_its_length() -> None:
    appended = [Appended(0, 1), Appended(0, 1, is_duplicate=True), Appended(0, 2)]
    rest = Rejection(4, None, LimitCode.TOO_MANY_EVENTS, "", "at most 4", "10 events", through=9)

    receipt = sent(batch_receipt(appended, Admitted(rejections=[REJECTION, rest])))

    assert (receipt["accepted"], receipt["duplicate"], receipt["rejected"]) == (2, 1, 7)
    assert receipt["rejections"][0] == {
        "index": 2,
        "messageId": "m2",
        "code": "missing_event",
        "field": "event",
        "expected": "the name of what happened",
        "found": "nothing",
    }
    assert receipt["rejections"][1]["through"] == 9
    assert receipt["rejections"][1]["messageId"] is None


def test_a_batch_tells_which_of_its_events_were_put_right_up_to_a_number() -> None:
    mended = [Mended(index, f"m{index}", ("odd",)) for index in range(MAX_MENDED_LISTED + 1)]

    warnings = sent(batch_receipt([], Admitted(mended=mended)))["warnings"]

    assert warnings[0] == {"index": 0, "messageId": "m0", "warnings": ["odd"]}
    assert len(warnings) == MAX_MENDED_LISTED


def test_a_receipt_has_no_destinations_and_of_warnings_only_what_there_are() -> None:
    """One browser SDK would try to run what it finds there (facts/ingest-protocol.md section 2, jitsu)."""
    assert sent(batch_receipt([], Admitted())).keys() == {"success", "accepted", "duplicate", "rejected", "rejections"}
