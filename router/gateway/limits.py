"""Limits: how much the gateway takes, and why that much (promise 8). Each is a key of ``server`` in the config."""

from __future__ import annotations

from dataclasses import dataclass

from router.odd_json import MAX_DEPTH

_GROWTH_BYTES = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What requests and connections may cost.

    Source: facts/ingest-protocol.md sections 2 and 7; facts/event-spec.md section 2.
    """

    max_body_bytes: int = 10_000_000
    """Of one request, as sent and again after decompression. One SDK sends up to 8 MiB before compression."""
    max_events: int = 2_500
    """In one batch, as in the tracking API. What is beyond it is rejected event by event, the others are kept."""
    max_event_bytes: int = 1_000_000
    """Of one event as it is stored. The tracking API takes 32 KB; some SDKs were seen to send 1 MB."""
    max_keys: int = 5_000
    """In one event, nested ones included: some twenty times what the vendors take. A key costs far more memory than bytes."""
    max_depth: int = MAX_DEPTH
    """Levels of objects and lists in one event, at most `MAX_DEPTH`."""
    head_timeout_s: float = 10.0
    """For the request line and headers to arrive, from their first byte on. An SDK sends them in one piece."""
    body_timeout_s: float = 30.0
    """For a body to arrive, from its headers on, and for an answer to be taken. The longest time-out of an SDK is 15 s."""
    idle_timeout_s: float = 75.0
    """Between two requests of a connection: longer than the 60 s of most proxies, so that it is they who end it."""
    max_head_bytes: int = 32_000
    """Of the request line and headers; what common servers take. It is the cookies of a page's domain that make them long."""
    max_connections: int = 10_000
    """At a time, as far as the process may open so many files. A new one takes the place of the one that keeps us waiting
    longest. At some 20 kB each they cost 200 MB; before its first request one costs 2 kB."""
    max_held_bytes: int = 100_000_000
    """Of all bodies under way, after decompression; beyond it requests get 503. Ten of the biggest, or 10,000 usual ones."""

    @property
    def max_stored_bytes(self) -> int:
        """Of one request's events as they are stored, together.

        It bounds what a batch's ``context``, which is merged into each event, can make of a small body. The room for each
        event is what normalising adds (some 300 bytes) and a context of usual size.
        """
        return self.max_body_bytes + self.max_events * _GROWTH_BYTES
