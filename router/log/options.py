"""What an operator decides about the log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Sizes in bytes, times in seconds. The config's ``retention`` sets the first four."""

    segment_bytes: int = 64_000_000
    """The size at which a new segment begins; smaller if ``max_bytes`` has no room for eight of them."""
    max_bytes: int = 20_000_000_000
    """The size of all segments. Appends that would exceed it are refused."""
    retention_s: float = 7 * 86_400.0
    dedup_window_s: float = 7 * 86_400.0
    segment_age_s: float = 86_400.0
    """The longest time that a segment spans, so that retention can give up something even if events are few."""
    tail_bytes: int = 16_000_000
    """Roughly the size of the latest records, which are kept in memory."""
    read_bytes: int = 4_000_000
    """Roughly the bytes of events that one `read` returns, so that its memory does not depend on the events' sizes."""
    max_waiting_bytes: int = 256_000_000
    """The bytes of events that may wait for the writer. More are refused: the disk does not keep up."""
    group_bytes: int = 32_000_000
    """Roughly the bytes of events in one commit."""

    @property
    def roll_bytes(self) -> int:
        """The size at which a segment ends."""
        return max(16_384, min(self.segment_bytes, self.max_bytes // 8))
