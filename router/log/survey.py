"""A survey: reads a whole log through its interface to say what is lost. For engines whose files we can't look at."""

from __future__ import annotations

from dataclasses import dataclass

from router.log.interface import Log
from router.log.record import Gap, last_of

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Survey:
    """One partition, from *start* to *end*: *events* can be read; *lost* are the ranges that can't, both ends included."""

    partition: int
    start: int
    end: int
    events: int
    lost: tuple[tuple[int, int], ...]

    @property
    def lost_events(self) -> int:
        return sum(last - first + 1 for first, last in self.lost)


async def survey(log: Log, partition: int) -> Survey:
    """Read all of *partition*, up to its present end."""
    start, end = log.start(partition), log.end(partition)
    after, events = start - 1, 0
    lost: list[tuple[int, int]] = []
    while after < end:
        for item in await log.read(partition, after, min(_AT_ONCE, end - after)):
            if not isinstance(item, Gap):
                events += 1
            elif item.reason != "expired":  # retention came by meanwhile
                lost.append((item.first, min(item.last, end)))
            after = last_of(item)
    return Survey(partition, start, end, events, tuple(lost))
