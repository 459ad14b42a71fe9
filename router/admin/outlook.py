"""An outlook: what would become of many events if they were sent now, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from router.delivery.cause import cause_of
from router.delivery.jobs.forecast import Forecast

MAX_REASONS = 50
"""How many different reasons are told apart. Flags and vendors may use any number of them."""
OTHER = "other reasons"


@dataclass
class Outlook:
    """Counts of events. One is made for each stretch of events; `add_up` adds the stretches together."""

    send: Counter[str] = field(default_factory=Counter)
    """Events that would be sent, by what became of them before ("none": nothing)."""
    marked: Counter[str] = field(default_factory=Counter)
    """Those of them that would carry a vendor's word for old events, by the word."""
    done: Counter[str] = field(default_factory=Counter)
    """Events of which the vendor has all already: nothing would be sent, and they would count as delivered."""
    skip: Counter[str] = field(default_factory=Counter)
    """Events that would be skipped, by reason."""
    die: Counter[str] = field(default_factory=Counter)
    """Events that would become dead letters (again) without being sent, by cause."""
    left: Counter[str] = field(default_factory=Counter)
    """Events that a replay leaves out, and lost ones, by reason."""

    def note(self, forecast: Forecast, earlier: str) -> None:
        match forecast.kind:
            case "send":
                self.send[earlier] += 1
                self.marked.update(forecast.marks)
            case "done":
                self.done[earlier] += 1
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
