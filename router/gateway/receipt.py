"""The receipt: what the caller is told about a request that could be read. Pure. See design.md, "The answer to a POST"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import orjson
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from router.gateway.admission import Admitted, Mended
from router.gateway.answer import Answer, json_of, optional
from router.gateway.rejection import LimitCode, Rejection
from router.log.record import Appended
from router.rejection import RejectionCode

MAX_MENDED_LISTED = 100
"""The most events whose warnings a receipt lists. A program that sends odd values usually does so in all of them."""


class Receipt(Answer):
    """The event is on disk, now or since an earlier request; unless its person is suppressed."""

    success: Literal[True] = True
    message_id: str = Field(description="As the event has it, or made for it. `router trace` takes it.")
    duplicate: Literal[True] | SkipJsonSchema[None] = optional("The messageId was seen before: not routed again.")
    suppressed: Literal[True] | SkipJsonSchema[None] = optional("Nothing of this person is taken: it was not stored.")
    warnings: list[str] | SkipJsonSchema[None] = optional("What was odd about the event and was put right.")


class Forgotten(Answer):
    """What an SDK tells of itself was received, and not kept."""

    success: Literal[True] = True


class RejectedEvent(Answer):
    """The one event of the request is none; nothing was taken."""

    code: RejectionCode | LimitCode
    message: str
    field: str = Field(description="Where; empty where the event as a whole is meant.")
    expected: str
    found: str
    message_id: str | SkipJsonSchema[None] = optional("The event's own, if it has one that can be read.")


class BatchRejection(Answer):
    """Why the event at `index` was not taken; or, with `through`, those from `index` to `through`."""

    index: int = Field(ge=0)
    message_id: str | None
    code: RejectionCode | LimitCode
    field: str = Field(description="Where; empty where the event as a whole is meant.")
    expected: str
    found: str
    through: int | SkipJsonSchema[None] = optional("The last index that this is said of.")


class BatchWarning(Answer):
    """The event at `index` was taken, after something odd about it was put right."""

    index: int = Field(ge=0)
    message_id: str
    warnings: list[str]


class BatchReceipt(Answer):
    """The accepted events are on disk. The counts add up to the length of the batch."""

    success: Literal[True] = True
    accepted: int = Field(ge=0)
    duplicate: int = Field(ge=0, description="Their messageId was seen before: not routed again.")
    suppressed: int | SkipJsonSchema[None] = optional("Of people of whom nothing is taken: not stored.")
    rejected: int = Field(ge=0)
    rejections: list[BatchRejection] = Field(description="In the order of the batch.")
    warnings: list[BatchWarning] | SkipJsonSchema[None] = optional(
        f"Of events that were taken, at most {MAX_MENDED_LISTED} of them, in the order of the batch."
    )


def accepted_receipt(message_id: str, appended: Appended, warnings: Sequence[str] = ()) -> Receipt:
    return Receipt(
        message_id=message_id, duplicate=True if appended.is_duplicate else None, warnings=list(warnings) or None
    )


def accepted_json(message_id: str, appended: Appended, warnings: Sequence[str] = ()) -> bytes:
    """`accepted_receipt` as it is sent. The usual one is prepared except for its id, since every single event needs one."""
    if warnings or appended.is_duplicate:
        return json_of(accepted_receipt(message_id, appended, warnings))
    return _BEFORE_ID + orjson.dumps(message_id) + _BEHIND_ID


_BEFORE_ID, _BEHIND_ID = json_of(accepted_receipt("an id", Appended(0, 0))).split(b'"an id"')


def suppressed_receipt(message_id: str) -> Receipt:
    return Receipt(message_id=message_id, suppressed=True)


def rejected_receipt(rejection: Rejection) -> RejectedEvent:
    """The body of a 400."""
    where = rejection.field or "the event"
    return RejectedEvent(
        code=rejection.code,
        message=f"{where}: expected {rejection.expected}, found {rejection.found}",
        field=rejection.field,
        expected=rejection.expected,
        found=rejection.found,
        message_id=rejection.message_id,
    )


def batch_receipt(appended: Sequence[Appended], admitted: Admitted) -> BatchReceipt:
    """The receipt of a batch. *appended* is the log's answer for the entries of *admitted*."""
    duplicates = sum(answer.is_duplicate for answer in appended)
    return BatchReceipt(
        accepted=len(appended) - duplicates,
        duplicate=duplicates,
        suppressed=len(admitted.suppressed) or None,
        rejected=sum(rejection.count for rejection in admitted.rejections),
        rejections=[_listed(rejection) for rejection in admitted.rejections],
        warnings=[_warned(mended) for mended in admitted.mended[:MAX_MENDED_LISTED]] or None,
    )


def _listed(rejection: Rejection) -> BatchRejection:
    return BatchRejection(
        index=rejection.index,
        message_id=rejection.message_id,
        code=rejection.code,
        field=rejection.field,
        expected=rejection.expected,
        found=rejection.found,
        through=rejection.through,
    )


def _warned(mended: Mended) -> BatchWarning:
    return BatchWarning(index=mended.index, message_id=mended.message_id, warnings=list(mended.warnings))
