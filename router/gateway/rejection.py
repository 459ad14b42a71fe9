"""A rejection: why a call of a request was not taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from router.reason import Reason
from router.rejection import RejectionCode

MAX_KEPT: Final = 100
"""The most rejected calls of one request that are kept for an operator, so that one bad batch doesn't push out all others."""


class LimitCode(Reason):
    """Why a call is beyond a limit of the gateway; these codes stand beside `RejectionCode` in a receipt."""

    EVENT_TOO_BIG = (
        "event_too_big",
        "The event has more bytes than `server.max_event`. An id of its user of more than 500 characters counts twice.",
    )
    TOO_MANY_KEYS = (
        "too_many_keys",
        "The event has more keys than `server.max_keys`, in all its objects together. An empty object, and a list within a "
        "list, count as a key each.",
    )
    TOO_MANY_EVENTS = (
        "too_many_events",
        "Before it there are as many events as `server.max_events` allows in one batch. Send it again in another one.",
    )
    BATCH_TOO_BIG = (
        "batch_too_big",
        "With the batch's `context` in each event, those before it fill the room for one request. Send smaller batches.",
    )


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why the call at *index* is not an event or, if *through* is set, why the calls from *index* to *through* are not."""

    index: int
    message_id: str | None
    code: RejectionCode | LimitCode
    field: str
    expected: str
    found: str
    through: int | None = None
    call: str = ""
    """For an operator: the call as `call_text` shows it, if it is among the first `MAX_KEPT` rejected ones."""

    @property
    def count(self) -> int:
        return 1 if self.through is None else self.through - self.index + 1
