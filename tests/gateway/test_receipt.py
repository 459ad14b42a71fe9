from __future__ import annotations

from router.gateway.admission import LimitCode, Rejection
from router.gateway.receipt import accepted_receipt, batch_receipt, rejected_receipt
from router.log.record import Appended
from router.rejection import RejectionCode

REJECTION = Rejection(2, "m2", RejectionCode.MISSING_EVENT, "event", "the name of what happened", "nothing")


def test_success_is_an_object_that_says_so() -> None:
    assert accepted_receipt("m1", Appended(0, 1)) == {"success": True, "messageId": "m1"}


def test_a_duplicate_is_a_success_that_says_so() -> None:
    receipt = accepted_receipt("m1", Appended(0, 1, is_duplicate=True))

    assert receipt == {"success": True, "messageId": "m1", "duplicate": True}


def test_promise_6_a_rejected_event_has_code_and_message_and_says_which_field() -> None:
    assert rejected_receipt(REJECTION) == {
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

    receipt = batch_receipt(appended, [REJECTION, rest])

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


def test_a_receipt_has_no_destinations() -> None:
    """One browser SDK would try to run what it finds there (facts/ingest-protocol.md section 2, jitsu)."""
    assert "destinations" not in batch_receipt([], [])
