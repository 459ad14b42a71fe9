"""Entries, which go into the log, and records and gaps, which come out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

from router.event import Event


@dataclass(slots=True)
class Entry:
    """One event on its way into the log. The person's keys stand beside the event, so that a person can be found and erased.

    Treat it as immutable. It isn't frozen, because a frozen one takes three times as long to make, and every event needs one.
    """

    source: str
    message_id: str
    user_key: str
    """Decides the partition; see `Event.user_key`."""
    user_id: str | None
    anonymous_id: str | None
    email: str | None
    type: str
    received_at_s: float
    event: bytes
    """`Event.to_json`."""

    @classmethod
    def of(cls, event: Event, source: str, received_at_s: float, stored: bytes) -> Self:
        """*stored*: the event's JSON, which the caller has already made to check its size."""
        document = event.document  # not the event's attributes, which would cache values that are read only once here
        message_id = document["messageId"]
        user_id, anonymous_id, email = document.get("userId"), document.get("anonymousId"), event.email
        user_key = user_id or anonymous_id or email or document.get("groupId") or message_id
        return cls(source, message_id, user_key, user_id, anonymous_id, email, document["type"], received_at_s, stored)


class Appended(NamedTuple):
    """The answer for one entry. ``sequence`` is where the event lies or, for a duplicate, where the first one lies."""

    partition: int
    sequence: int
    is_duplicate: bool = False


class Record(NamedTuple):
    """One event in the log. In each partition sequences start at 1, are consecutive, and never repeat."""

    partition: int
    sequence: int
    source: str
    message_id: str
    user_key: str
    type: str
    received_at_s: float
    event: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Sequences *first* to *last* (both included) that the log can no longer give."""

    partition: int
    first: int
    last: int
    reason: str
    """``damaged`` or ``expired``."""


def last_of(item: Record | Gap) -> int:
    """The last sequence of an item that was read: read on after it."""
    return item.last if isinstance(item, Gap) else item.sequence
