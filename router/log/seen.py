"""Seen: which messageId of which source lies where, in bounded memory. Pure: no I/O, no clock.

The embedded log keeps this in a file. A log that many routers write can't, and keeps the latest keys of a partition in memory.
The first event in the order of the log wins, in whatever order the events become known.
"""

from __future__ import annotations


class Seen:
    """The latest keys of one partition: at least half of *max_keys*, at most *max_keys*. Each takes some 220 bytes."""

    def __init__(self, window_s: float, max_keys: int) -> None:
        self._window_s = window_s
        self._generation = max(1, max_keys // 2)
        self._young: dict[bytes, tuple[int, float]] = {}
        self._old: dict[bytes, tuple[int, float]] = {}

    def first(self, key: bytes, received_at_s: float) -> int | None:
        """Where the first event with this key lies that an event received then would repeat; None if it repeats none."""
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
