"""Deduplication: keeps the deduplication index in step with the log that it is derived from, and asks it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog

from router.log.dedup_index import INDEX_NAME, Broken, DedupIndex, Key, Place
from router.log.dedup_key import dedup_key
from router.log.options import LogOptions
from router.log.record import Entry, Record, last_of
from router.log.segments import Segments, Unreadable

_PRUNING_MARGIN_S: Final = 3600.0
"""Keys are kept this many seconds longer than the window, so that a clock that jumps and comes back costs none."""
_RECORDS_AT_ONCE = 2_000
_KEYS_AT_ONCE = 50_000

NOT_NOW: Final = (sqlite3.Error, OSError, Unreadable, Broken)
"""What the methods raise if there is no room or no index can be made: try again later."""


class Deduplication:
    """For one thread at a time."""

    def __init__(self, segments: Segments, options: LogOptions, clock: Callable[[], float]) -> None:
        self._segments = segments
        self._options = options
        self._clock = clock
        self._path = segments.directory / INDEX_NAME
        self._index: DedupIndex | None = None
        self._unindexed: dict[bytes, Key] = {}
        """Keys of committed events that are not in the index yet."""
        self._known_to = 0
        """Up to here everything is in the index or in ``_unindexed``."""
        self._replaced_to = 0
        """Up to here, some events may have been replaced in the index by later ones with the same key."""

    def is_within_window(self, entry: Entry, first_s: float) -> bool:
        """Whether *entry* is still a repeat of an event with its key that was received at *first_s*."""
        return entry.received_at_s - first_s <= self._options.dedup_window_s

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Place]:
        """Where the newest event of each key lies that was seen before. Call it after `catch_up`, and then ask `first_of`."""
        assert self._index is not None
        found = self._index.find(keys)
        for key in self._unindexed.keys() & keys:
            latest = self._unindexed[key]
            found[key] = Place(latest.sequence, latest.received_at_s)
        return found

    def first_of(self, place: Place, entry: Entry) -> int | None:
        """Where the first event with the key of *entry* lies; None if it came before the window or was lost to damage.

        The log confirms the index's answer, since an event that was lost may be sent again.
        """
        if not self.is_within_window(entry, place.received_at_s):
            self._replaced_to = max(self._replaced_to, place.sequence)
            return None
        sequence = place.sequence
        if sequence < self._segments.start:
            return sequence  # given up since, so it was delivered
        for first in self._segments.read(sequence - 1, 1, sequence, 1):
            if isinstance(first, Record) and (first.source, first.message_id) == (entry.source, entry.message_id):
                return sequence
        return None

    def note(self, keys: Iterable[Mapping[bytes, Key]], end: int) -> None:
        """Remember the keys of what was committed: everything after what is known already, up to *end*."""
        for some in keys:
            self._unindexed |= some
        self._known_to = end

    def is_behind(self, end: int) -> bool:
        """Whether `find` does not know everything up to *end*."""
        return self._index is None or self._known_to < end

    @property
    def unindexed(self) -> int:
        """How many events wait for `catch_up`."""
        return len(self._unindexed)

    def catch_up(self, end: int) -> None:
        """Bring the index up to *end*, the end of the log. Make it anew if it is unusable.

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
        """Throw the index away. The next `catch_up` reads the log."""
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
            after = last_of(found[-1])
            if len(keys) >= _KEYS_AT_ONCE or after == end:
                index.skip(_replaced_to(keys, index))
                index.add(keys, after, expired_s)
                keys = []
        if index.mark < end:
            index.add([], end, expired_s)

    def _first_within(self, since_s: float, end: int) -> int:
        """Where the first segment begins that holds anything received since then."""
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
    """The last sequence in *index* that is replaced by a later event with the same key once *keys* are added."""
    newest = {key: place.sequence for key, place in index.find([each.key for each in keys]).items()}
    replaced_to = 0
    for each in keys:
        replaced_to = max(replaced_to, newest.get(each.key, 0))
        newest[each.key] = each.sequence
    return replaced_to
