"""What would become of many events if they were sent now, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from router.delivery.cause import cause_of
from router.delivery.forecast import Forecast

MAX_REASONS = 50
"""Different ones that are told apart; flags and vendors' words may be of any number."""
OTHER = "other reasons"


@dataclass
class Outlook:
    """Counts of events. It is made for a stretch of them at a time; `add_up` adds the stretches together."""

    send: Counter[str] = field(default_factory=Counter)
    """Would be sent: by what became of them before ("none": nothing)."""
    marked: Counter[str] = field(default_factory=Counter)
    """Of these, with a vendor's word for old events: by the word."""
    skip: Counter[str] = field(default_factory=Counter)
    """Would be skipped: by the reason."""
    die: Counter[str] = field(default_factory=Counter)
    """Would become dead letters (again), without being sent: by the cause."""
    left: Counter[str] = field(default_factory=Counter)
    """Are not for a replay, or lost: by why."""

    def note(self, forecast: Forecast, earlier: str) -> None:
        match forecast.kind:
            case "send":
                self.send[earlier] += 1
                self.marked.update(forecast.marks)
            case "skip":
                _count(self.skip, forecast.reason)
            case "die":
                _count(self.die, cause_of(forecast.reason))

    def answer(self) -> dict[str, dict[str, int]]:
        """As JSON."""
        return {name: dict(getattr(self, name)) for name in self.__dataclass_fields__}


def _count(counter: Counter[str], reason: str) -> None:
    counter[OTHER if reason not in counter and len(counter) >= MAX_REASONS else reason] += 1


def add_up(total: dict[str, dict[str, int]], more: Mapping[str, Any]) -> None:
    """Add the answer *more* to *total*."""
    for name, counts in more.items():
        sums = total.setdefault(name, {})
        for key, count in counts.items():
            sums[key] = sums.get(key, 0) + count
