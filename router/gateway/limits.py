"""Limits: how much the gateway takes, and why that much (promise 8). Each one is a key of ``server`` in the config."""

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
    """The body of one request, both as sent and decompressed. One SDK sends up to 8 MiB before compression."""
    max_events: int = 2_500
    """Events in one batch, as in the tracking API. Those beyond the limit are rejected one by one; the others are kept."""
    max_event_bytes: int = 1_000_000
    """One event as stored. The tracking API takes 32 KB; some SDKs were seen to send 1 MB."""
    max_keys: int = 5_000
    """Keys in one event, nested ones included: some twenty times what vendors take. In memory a key costs far more than its
    bytes."""
    max_depth: int = MAX_DEPTH
    """Levels of objects and lists in one event, at most `MAX_DEPTH`."""
    head_timeout_s: float = 10.0
    """For the request line and headers to arrive, from their first byte on. SDKs send them in one piece."""
    body_timeout_s: float = 30.0
    """For a body to arrive, from its headers on, and for an answer to be taken. The longest time-out in an SDK is 15 s."""
    idle_timeout_s: float = 75.0
    """Between two requests on a connection. Longer than the 60 s of most proxies, so that they end it first."""
    max_head_bytes: int = 32_000
    """The request line and headers: as much as common servers take. The cookies of a page's domain make them long."""
    max_connections: int = 10_000
    """Connections at a time, if the process may open so many files. Beyond that a new one takes the place of the one that has
    kept us waiting longest. At some 20 kB each they cost 200 MB; before its first request a connection costs 2 kB."""
    max_held_bytes: int = 100_000_000
    """All bodies under way, decompressed. Beyond it requests get 503. Ten of the biggest bodies, or 10,000 usual ones."""

    @property
    def max_stored_bytes(self) -> int:
        """The size of all events of one request together, as stored.

        A batch's ``context`` is merged into each event, so a small body could grow large. The room for each event is for what
        normalising adds (some 300 bytes) and for a context of usual size.
        """
        return self.max_body_bytes + self.max_events * _GROWTH_BYTES
