"""The receipt: what the caller is told of a request that could be read. Pure. See design.md, "The answer to a POST"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from router.gateway.admission import Rejection
from router.log.record import Appended


def accepted_receipt(message_id: str, appended: Appended) -> dict[str, Any]:
    """Of a single event that is on disk, now or since an earlier request."""
    receipt: dict[str, Any] = {"success": True, "messageId": message_id}
    if appended.is_duplicate:
        receipt["duplicate"] = True
    return receipt


def rejected_receipt(rejection: Rejection) -> dict[str, Any]:
    """Of a single call that is no event: the body of a 400."""
    where = rejection.field or "the event"
    receipt = {
        "code": str(rejection.code),
        "message": f"{where}: expected {rejection.expected}, found {rejection.found}",
        "field": rejection.field,
        "expected": rejection.expected,
        "found": rejection.found,
    }
    if rejection.message_id is not None:
        receipt["messageId"] = rejection.message_id
    return receipt


def batch_receipt(appended: Sequence[Appended], rejections: Sequence[Rejection]) -> dict[str, Any]:
    """Of a batch. The three counts add up to its length; ``rejections`` are in the order of its events."""
    duplicates = sum(answer.is_duplicate for answer in appended)
    return {
        "success": True,
        "accepted": len(appended) - duplicates,
        "duplicate": duplicates,
        "rejected": sum(rejection.count for rejection in rejections),
        "rejections": [_listed(rejection) for rejection in rejections],
    }


def _listed(rejection: Rejection) -> dict[str, Any]:
    listed = {
        "index": rejection.index,
        "messageId": rejection.message_id,
        "code": str(rejection.code),
        "field": rejection.field,
        "expected": rejection.expected,
        "found": rejection.found,
    }
    if rejection.through is not None:
        listed["through"] = rejection.through
    return listed
