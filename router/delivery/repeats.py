"""Which events of a partition repeat one that came before: the same messageId from the same source, through another router.

Each router knows its own duplicates before it stores them. Of two that take the same event at once, both store it: the first
in the order of the log wins, and whoever delivers the partition is the one to say so.
"""

from __future__ import annotations

from router.log.interface import Log
from router.log.record import Record, last_of
from router.log.seen import Seen, dedup_key

MAX_KEYS = 100_000
READ_BACK = 2_000
"""Events that are looked at before the first one is delivered: whoever sends an event twice does so soon."""


class Repeats:
    """One for each partition, for all destinations: they may be at different places in it."""

    def __init__(self, window_s: float) -> None:
        self._seen = Seen(window_s, MAX_KEYS)

    async def read_back(self, log: Log, partition: int, position: int) -> None:
        """Learn what lies before *position*."""
        after = max(log.start(partition) - 1, position - READ_BACK)
        while after < position:
            for record in await log.read(partition, after, min(500, position - after)):
                if isinstance(record, Record):
                    self.is_repeat(record)
                after = last_of(record)

    def is_repeat(self, record: Record) -> bool:
        """Whether its like lies before it in the log."""
        key = dedup_key(record.source, record.message_id)
        first = self._seen.first(key, record.received_at_s)
        self._seen.add(key, record.sequence, record.received_at_s)
        return first is not None and first < record.sequence
