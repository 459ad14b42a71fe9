"""What an operator decides about the log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Sizes in bytes, times in seconds; the config's ``retention`` has the first four."""

    segment_bytes: int = 64_000_000
    """Where a new segment begins; less where ``max_bytes`` has no room for eight of them."""
    max_bytes: int = 20_000_000_000
    """Of all segments. Appends are refused where they would pass it."""
    retention_s: float = 7 * 86_400.0
    dedup_window_s: float = 7 * 86_400.0
    segment_age_s: float = 86_400.0
    """A segment spans no more than this, so that retention has something to give up where events are few."""
    tail_bytes: int = 16_000_000
    """Of the latest records in memory, about."""
    read_bytes: int = 4_000_000
    """Of events that one `read` returns, about, so that its memory does not depend on their size."""
    max_waiting_bytes: int = 256_000_000
    """Of events that wait for the writer; more are refused, for then the disk does not keep up."""
    group_bytes: int = 32_000_000
    """Of events in one commit, about."""

    @property
    def roll_bytes(self) -> int:
        """The size at which a segment ends."""
        return max(16_384, min(self.segment_bytes, self.max_bytes // 8))
