"""What was seen before: the deduplication index, kept in step with the log it is derived from."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog

from router.log.dedup_index import FILE_NAME, Broken, DedupIndex, Key, Place
from router.log.options import LogOptions
from router.log.record import Entry, Record
from router.log.row import dedup_key
from router.log.segments import Segments, Unreadable

_PRUNING_MARGIN_S: Final = 3600.0
"""Keys are kept this much longer than the window, so that a clock that jumps and comes back costs none."""
_RECORDS_AT_ONCE = 2_000
_KEYS_AT_ONCE = 50_000

NOT_NOW: Final = (sqlite3.Error, OSError, Unreadable, Broken)
"""What the methods raise where there is no room, or no index can be made: try again later."""


class Deduplication:
    """Used by one thread at a time."""

    def __init__(self, segments: Segments, options: LogOptions, clock: Callable[[], float]) -> None:
        self._segments = segments
        self._options = options
        self._clock = clock
        self._path = segments.directory / FILE_NAME
        self._index: DedupIndex | None = None
        self._unindexed: dict[bytes, Key] = {}
        """Committed, and not in the index yet."""
        self._known_to = 0
        """Up to here everything is in the index or in ``_unindexed``."""
        self._replaced_to = 0
        """Up to here some events have given their place in the index to later ones of their kind."""

    def is_within_window(self, entry: Entry, first_s: float) -> bool:
        """True if *entry* repeats what was received at *first_s*."""
        return entry.received_at_s - first_s <= self._options.dedup_window_s

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Place]:
        """Of those of *keys* that were seen before: where the newest lies. Call it after `catch_up`; then ask `first_of`."""
        assert self._index is not None
        found = self._index.find(keys)
        for key in self._unindexed.keys() & keys:
            latest = self._unindexed[key]
            found[key] = Place(latest.sequence, latest.received_at_s)
        return found

    def first_of(self, place: Place, entry: Entry) -> int | None:
        """Where the first of the kind of *entry* lies; None if it was before the window, or was lost to damage.

        An answer from the index is checked with the log: what was lost may be sent again.
        """
        if not self.is_within_window(entry, place.received_at_s):
            self._replaced_to = max(self._replaced_to, place.sequence)
            return None
        sequence = place.sequence
        if sequence < self._segments.start:
            return sequence  # given up since, which says that it was delivered
        for first in self._segments.read(sequence - 1, 1, sequence, 1):
            if isinstance(first, Record) and (first.source, first.message_id) == (entry.source, entry.message_id):
                return sequence
        return None

    def note(self, keys: Iterable[Mapping[bytes, Key]], end: int) -> None:
        """Remember what was committed: all that came after what is known already, up to *end*."""
        for some in keys:
            self._unindexed |= some
        self._known_to = end

    def is_behind(self, end: int) -> bool:
        """Whether there is something up to *end* that `find` does not know of."""
        return self._index is None or self._known_to < end

    @property
    def unindexed(self) -> int:
        """How many events wait for `catch_up`."""
        return len(self._unindexed)

    def catch_up(self, end: int) -> None:
        """Bring the index up to *end*, the end of the log; make it anew if it is of no use.

        Raises:
            one of `NOT_NOW`.
        """
        try:
            self._catch_up(end)
        except Broken as error:
            structlog.get_logger().warning("the deduplication index is made anew", reason=str(error))
            self.recreate()
            self._catch_up(end)
        self._known_to = end

    def recreate(self) -> None:
        """Throw the index away; the next `catch_up` reads the log."""
        self.close()
        self._index = DedupIndex.recreate(self._path, self._segments.log_id)

    def _catch_up(self, end: int) -> None:
        if self._index is None:
            self._unindexed.clear()
            self._index = DedupIndex.open(self._path, self._segments.log_id)
        if self._index.mark > end:
            raise Broken("its mark is past the end of the log")
        expired_s = self._clock() - self._options.dedup_window_s - _PRUNING_MARGIN_S
        if self._unindexed and self._known_to == end:
            self._index.skip(self._replaced_to)
            self._index.add(list(self._unindexed.values()), end, expired_s)
        elif self._index.mark < end:
            self._read_in(self._index, end, expired_s)
        self._unindexed.clear()

    def _read_in(self, index: DedupIndex, end: int, expired_s: float) -> None:
        after = max(index.mark, self._first_within(expired_s, end) - 1)
        if after > index.mark:
            index.skip(after)
        keys: list[Key] = []
        while after < end:
            found = self._segments.read(after, _RECORDS_AT_ONCE, end, self._options.group_bytes)
            keys += (
                Key(record.sequence, dedup_key(record.source, record.message_id), record.received_at_s, record.source)
                for record in found
                if isinstance(record, Record)
            )
            last = found[-1]
            after = last.sequence if isinstance(last, Record) else last.last
            if len(keys) >= _KEYS_AT_ONCE or after == end:
                index.skip(_replaced_to(keys, index))
                index.add(keys, after, expired_s)
                keys = []
        if index.mark < end:
            index.add([], end, expired_s)

    def _first_within(self, since_s: float, end: int) -> int:
        """Where the first segment begins that has anything received since then."""
        for file in self._segments.files:
            if file is self._segments.active or self._segments.newest_s(file) >= since_s:
                return file.first
        return end + 1

    def close(self) -> None:
        if self._index is not None:
            with suppress(sqlite3.Error):
                self._index.close()
        self._index = None
        self._unindexed.clear()


def _replaced_to(keys: Sequence[Key], index: DedupIndex) -> int:
    """Up to where some of what is known by then gives its place to later events of its kind, once *keys* are added."""
    newest = {key: place.sequence for key, place in index.find([each.key for each in keys]).items()}
    replaced_to = 0
    for each in keys:
        replaced_to = max(replaced_to, newest.get(each.key, 0))
        newest[each.key] = each.sequence
    return replaced_to
