"""Which messageId of which source was seen where, in bounded memory. Pure: no I/O, no clock.

What the embedded log keeps in a file, a log that many routers write can't: it keeps the latest keys of a partition in memory.
The first in the order of the log wins, in whatever order they are learned of.
"""

from __future__ import annotations

from router.log.row import dedup_key

KEY_BYTES = 220
"""What a key takes in memory, about."""


class Seen:
    """The keys of one partition: the latest, at least half of *max_keys* and at most all of them."""

    def __init__(self, window_s: float, max_keys: int) -> None:
        self._window_s = window_s
        self._generation = max(1, max_keys // 2)
        self._young: dict[bytes, tuple[int, float]] = {}
        self._old: dict[bytes, tuple[int, float]] = {}

    def first(self, key: bytes, received_at_s: float) -> int | None:
        """Where the first of this kind lies that an event received then would repeat; None if it repeats none."""
        place = self._young.get(key) or self._old.get(key)
        if place is None or received_at_s - place[1] > self._window_s:
            return None
        return place[0]

    def add(self, key: bytes, sequence: int, received_at_s: float) -> None:
        """An event with *key* lies at *sequence*."""
        place = self._young.get(key) or self._old.get(key)
        if place is not None and place[0] <= sequence and received_at_s - place[1] <= self._window_s:
            return
        if len(self._young) >= self._generation:
            self._old, self._young = self._young, {}
        self._young[key] = (sequence, received_at_s)

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


__all__ = ["KEY_BYTES", "Seen", "dedup_key"]
