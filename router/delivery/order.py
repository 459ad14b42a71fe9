"""Who waits for whom: events of one line are delivered one after the other, lines side by side. Pure.

    order: strict   a line is a user: what comes later waits for what came before, also while that is parked
    order: none     a line is one event: nothing waits for anything but the payloads of the same event

Lines are written down with what is parked, and what was parked stays in its line when the config changes: so a reload loses
nothing, and only what was accepted or still under way under ``none`` may be out of order.
"""

from __future__ import annotations

from router.log.record import Record

BEHIND = "behind an earlier event of the same user"
"""Why an event is parked that was never sent."""
WAITED = "waited"
"""Counts events that had to wait for an earlier one of their user, each once, by where they waited:"""
BEHIND_PARKED, IN_LANE = "behind a parked event", "in its lane"
_OWN = "\x1f"


def line_of(record: Record, is_ordered: bool) -> str:
    """The line of an event that comes from the log."""
    return record.user_key if is_ordered else record.user_key + _own(record)


def in_line(record: Record, line: str) -> Record:
    """The event as it is parked: under its line."""
    return record if record.user_key == line else record._replace(user_key=line)


def out_of_line(record: Record) -> Record:
    """A parked event as it came from the log: under its user."""
    user_key = record.user_key.removesuffix(_own(record))
    return record if record.user_key == user_key else record._replace(user_key=user_key)


def _own(record: Record) -> str:
    """Nobody can choose a user id that ends like this: it would have to tell its place in the log."""
    return f"{_OWN}{record.partition}:{record.sequence}"
