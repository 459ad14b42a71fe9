"""Limits: how much the gateway takes, and why that much (promise 8)."""

from __future__ import annotations

from dataclasses import dataclass

_GROWTH_BYTES = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may cost. JSON depth has its limit where calls are read: `router.odd_json.MAX_DEPTH`.

    Source: facts/ingest-protocol.md sections 2 and 7; facts/event-spec.md section 2.
    """

    max_body_bytes: int = 10_000_000
    """Of one request, as sent and again after decompression. One SDK sends up to 8 MiB before compression."""
    max_events: int = 2_500
    """In one batch, as in the tracking API. What is beyond it is rejected event by event, the others are kept."""
    max_event_bytes: int = 1_000_000
    """Of one event as it is stored. The tracking API takes 32 KB; some SDKs were seen to send 1 MB."""
    body_timeout_s: float = 30.0
    """For a body to arrive, from its headers on. The longest time-out of an SDK is 15 s."""
    max_held_bytes: int = 100_000_000
    """Of all bodies under way, after decompression; beyond it requests get 503. Ten of the biggest, or 10,000 usual ones."""

    @property
    def max_stored_bytes(self) -> int:
        """Of one request's events as they are stored, together.

        It bounds what a batch's ``context``, which is merged into each event, can make of a small body. The room for each
        event is what normalising adds (some 300 bytes) and a context of usual size.
        """
        return self.max_body_bytes + self.max_events * _GROWTH_BYTES
