"""The tail: the latest records in memory. Destinations that keep up read these; only those behind read the disk."""

from __future__ import annotations

from collections.abc import Iterable

from router.log.record import Record

RECORD_BYTES = 600
"""Roughly what a record takes in memory besides its event."""


class Tail:
    """A run of records without a gap. The oldest are dropped when it holds more than *max_bytes*."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._records: list[Record] = []
        self._dropped = 0
        """Records at the front of the list that no longer count; they are cut off now and then."""

    def extend(self, records: Iterable[Record]) -> None:
        """Add what was committed. The first record follows the last one here."""
        added = list(records)
        self._records += added
        self._bytes += sum([RECORD_BYTES + len(record.event) for record in added])
        while self._bytes > self._max_bytes and self._dropped < len(self._records):
            self._bytes -= RECORD_BYTES + len(self._records[self._dropped].event)
            self._dropped += 1
        if self._dropped * 2 > len(self._records):
            del self._records[: self._dropped]
            self._dropped = 0

    def read(self, after: int, limit: int, max_bytes: int) -> list[Record] | None:
        """Up to *limit* records above *after*: at least one, and then no more than *max_bytes* of events. None if some are not
        here any more."""
        if self._dropped >= len(self._records):
            return None
        start = after + 1 - self._records[0].sequence
        if not self._dropped <= start < len(self._records):
            return None
        found: list[Record] = []
        for record in self._records[start : start + limit]:
            found.append(record)
            max_bytes -= len(record.event)
            if max_bytes <= 0:
                break
        return found
