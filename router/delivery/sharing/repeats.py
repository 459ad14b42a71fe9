"""Repeats: events of a partition with the messageId and the source of an earlier one, which came through another router.

Each router recognises its own duplicates before it stores them. If two routers take the same event at once, both store it. The
first in the order of the log wins, and the router that delivers the partition finds the second.
"""

from __future__ import annotations

from router.log.dedup_key import dedup_key
from router.log.interface import Log
from router.log.record import Record, last_of
from router.log.seen import Seen

MAX_KEYS = 100_000
READ_BACK = 2_000
"""How many earlier events are read before the first one is delivered. A caller that sends an event twice does so soon."""


class Repeats:
    """One per partition, for all destinations, which may be at different places in it."""

    def __init__(self, window_s: float) -> None:
        self._seen = Seen(window_s, MAX_KEYS)

    async def read_back(self, log: Log, partition: int, position: int) -> None:
        """Learn the events before *position*."""
        after = max(log.start(partition) - 1, position - READ_BACK)
        while after < position:
            for record in await log.read(partition, after, min(500, position - after)):
                if isinstance(record, Record):
                    self.is_repeat(record)
                after = last_of(record)

    def is_repeat(self, record: Record) -> bool:
        """Whether *record* repeats an earlier one of the log."""
        key = dedup_key(record.source, record.message_id)
        first = self._seen.first(key, record.received_at_s)
        self._seen.add(key, record.sequence, record.received_at_s)
        return first is not None and first < record.sequence
