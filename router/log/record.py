"""What goes into the log and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

from router.event import Event


@dataclass(slots=True)
class Entry:
    """One event on its way into the log. The keys stand beside the event, so that a person can be found and erased.

    Nobody changes one. It isn't frozen because that would make it three times as dear, and there is one for every event.
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
        """*stored*: the event's JSON, which whoever looked at its size has."""
        document = event.document  # not the event's fields, which remember what was asked: here each is asked once
        message_id = document["messageId"]
        user_id, anonymous_id, email = document.get("userId"), document.get("anonymousId"), event.email
        user_key = user_id or anonymous_id or email or document.get("groupId") or message_id
        return cls(source, message_id, user_key, user_id, anonymous_id, email, document["type"], received_at_s, stored)


class Appended(NamedTuple):
    """The answer for one entry. ``sequence`` is where the event lies: its own place, or that of the first of its kind."""

    partition: int
    sequence: int
    is_duplicate: bool = False


class Record(NamedTuple):
    """One event in the log. Sequences start at 1 in each partition, follow one another, and never repeat."""

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
    """Where an item that was read ends: what to read on after."""
    return item.last if isinstance(item, Gap) else item.sequence
