"""Historical events: what an action does with an event that a replay sends long after it happened.

A replay must not start what the event would have started at its time: a welcome mail, a message in a channel, a phone call.
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
    """Sent as usual: the vendor files an event under its own time and starts nothing because of an old one."""

    after_s: float = 0.0
    """Seconds after which the vendor considers an event old. A younger one is skipped."""
    until_s: float | None = None
    """Seconds up to which the vendor files an event under its own time. An older one is skipped. None: no limit."""


@dataclass(frozen=True, slots=True)
class Marked:
    """Sent with the vendor's own word for old events, so that the vendor starts nothing."""

    word: str
    """As in the vendor's documentation: ``backfill``. Shown by explain, dry runs and the README."""
    mark: Callable[[Payload, Any], Payload]
    """``mark(payload, settings)`` returns the payload with the word in it. Pure; the payload's ``key`` must not change.

    If the word belongs to the request, set ``group``: payloads of different groups never share a request.
    """


Historical = Skip | Harmless | Marked
"""`Skip` if the vendor has no such word and might start something."""

UNTOLD = Skip("the plugin does not say what the vendor starts because of an old event")
"""The default, for a plugin that says nothing."""


def why_not(historical: Historical, age_s: float) -> str | None:
    """Why a replay does not send an event of that age; None if it does."""
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
    """What a replay does with an old event, for a cell of a table."""
    match historical:
        case Skip(reason):
            return f"skips it: {reason}"
        case Harmless(after_s, until_s):
            told = "sends it as usual"
            told += f" once it is {_hours(after_s)} old, skips it before" if after_s else ""
            return told + (f" until it is {_hours(until_s)} old, skips it then" if until_s is not None else "")
        case Marked(word, _):
            return f"sends it marked `{word}`"
