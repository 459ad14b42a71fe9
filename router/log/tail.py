"""The newest records in memory, so that readers that are caught up don't go to the disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice

from router.log.record import Record


class Tail:
    """A run of records without gaps, bounded by the bytes of their events. Used by the event loop alone."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._records: deque[Record] = deque()
        self._bytes = 0

    def add(self, records: Sequence[Record]) -> None:
        """Add the next records; one that does not follow the last begins a new run."""
        for record in records:
            if self._records and record.sequence != self._records[-1].sequence + 1:
                self._records.clear()
                self._bytes = 0
            self._records.append(record)
            self._bytes += len(record.event)
        while self._bytes > self._max_bytes and self._records:
            self._bytes -= len(self._records.popleft().event)

    def read(self, after: int, limit: int) -> Sequence[Record]:
        """Up to *limit* records from the one after *after* on; nothing where that one is not held."""
        if not self._records or after + 1 < self._records[0].sequence:
            return ()
        skipped = after + 1 - self._records[0].sequence
        return list(islice(self._records, skipped, skipped + limit))
