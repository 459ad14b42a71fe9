"""Historical events: what an action does with an event that a replay sends long after it happened.

A replay must not start what the event should have started back then: a welcome mail, a message in a channel, a phone call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from router.counted import counted
from router.plugin.request import Payload
from router.plugin.skip import Skip


@dataclass(frozen=True, slots=True)
class Harmless:
    """Sent as ever: the vendor files an event under its own time, and starts nothing because of an old one."""

    after_s: float = 0.0
    """Seconds after which the vendor takes an event for old; a younger one is skipped."""
    until_s: float | None = None
    """Seconds up to which the vendor takes an event at its own time; an older one is skipped. None: at any age."""


@dataclass(frozen=True, slots=True)
class Marked:
    """Sent with the vendor's own word for old events, which start nothing."""

    word: str
    """As the vendor's documentation has it: ``backfill``. For explain, dry runs and the README."""
    mark: Callable[[Payload, Any], Payload]
    """``mark(payload, settings)`` returns the payload with the word in it. Pure, and the payload's ``key`` stays.

    Where the word belongs to the request, set ``group``: payloads of different groups never share one.
    """


Historical = Skip | Harmless | Marked
"""`Skip` where the vendor has no such word, and something may start."""

UNTOLD = Skip("the plugin does not say what the vendor starts because of an old event")
"""What holds for a plugin that says nothing."""


def why_not(historical: Historical, age_s: float) -> str | None:
    """Why an event of that age is not sent by a replay; None where it is."""
    match historical:
        case Skip(reason):
            return reason
        case Harmless(after_s) if age_s < after_s:
            return f"younger than {_hours(after_s)}, so that the vendor may still start something because of it"
        case Harmless(_, until_s) if until_s is not None and age_s > until_s:
            return f"older than {_hours(until_s)}, which is more than the vendor takes"
        case _:
            return None


def _hours(seconds: float) -> str:
    return counted(seconds / 3600, "hour", form="g")


def describe_historical(historical: Historical) -> str:
    """One cell of a table: what a replay does."""
    match historical:
        case Skip(reason):
            return f"skips it: {reason}"
        case Harmless(after_s, until_s):
            told = "sends it as ever"
            told += f" once it is {_hours(after_s)} old, skips it before" if after_s else ""
            return told + (f" until it is {_hours(until_s)} old, skips it then" if until_s is not None else "")
        case Marked(word, _):
            return f"sends it marked `{word}`"
