"""Order: who waits for whom. The events of one line are delivered one after another, lines side by side. Pure.

    order: strict   a line is a user: a later event waits for the earlier ones, also while one of them is parked
    order: none     a line is one event: only the payloads of one event wait for each other

Parked events are stored with their line and stay in it when the config changes. A reload therefore loses nothing, and only
events that were accepted or under way while ``none`` held may be out of order.
"""

from __future__ import annotations

from router.log.record import Record

BEHIND = "behind an earlier event of the same user"
"""Why an event is parked although it was never sent."""
WAITED = "waited"
"""Counts events that had to wait for an earlier one of their user, each once, by where they waited:"""
BEHIND_PARKED, IN_LANE = "behind a parked event", "in its lane"
_OWN = "\x1f"


def line_of(record: Record, is_ordered: bool) -> str:
    """The line of an event read from the log."""
    return record.user_key if is_ordered else record.user_key + _own(record)


def in_line(record: Record, line: str) -> Record:
    """The record as it is parked: with its line as its user key."""
    return record if record.user_key == line else record._replace(user_key=line)


def out_of_line(record: Record) -> Record:
    """A parked record as it came from the log: with its own user key."""
    user_key = record.user_key.removesuffix(_own(record))
    return record if record.user_key == user_key else record._replace(user_key=user_key)


def _own(record: Record) -> str:
    """The line of a single event. No user id can end like this, since it would have to foretell the event's place in the
    log."""
    return f"{_OWN}{record.partition}:{record.sequence}"
