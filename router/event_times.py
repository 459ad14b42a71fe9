"""The four times of an event, and the correction for clocks that are wrong.

Source: facts/event-spec.md section 1, "Clock-skew correction"; facts/ingest-protocol.md section 7, "Time of the event".
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from router import dates
from router.event import Document, Event
from router.rejection import excerpt


class EventTimes(NamedTuple):
    """The times as stored: ISO 8601 in UTC with milliseconds."""

    timestamp: str
    """When it happened, by the router's clock."""
    original_timestamp: str
    """When it happened, by the sender's clock; the time of receipt if the sender gave none."""
    sent_at: str | None
    received_at: str


def read_times(document: Document, received_at: datetime, sent_at: Any, warnings: list[str]) -> EventTimes:
    """Read the times of *document*, a call as it came.

    *received_at* is aware. *sent_at* comes from the batch or a request header, for events without their own.

    The event's time is ``timestamp``, else ``originalTimestamp``, else *received_at*. If the time of sending is known, it is
    corrected to ``receivedAt - (sentAt - time)``. An event with ``timestamp``, ``originalTimestamp`` and ``receivedAt`` was
    corrected by another router and is not corrected again. A time after *received_at* becomes *received_at*.
    """
    get = document.get
    timestamp = _read(get("timestamp"), "timestamp", warnings)
    original = _read(get("originalTimestamp"), "originalTimestamp", warnings)
    sent = _read(get("sentAt"), "sentAt", warnings)
    if sent_at is not None and sent is None:
        sent = _read(sent_at, "sentAt of the batch or request", warnings)
    raw = timestamp or original
    happened = raw.moment if raw else received_at
    if timestamp and original and dates.parse(get("receivedAt")):
        raw = original
    elif raw and sent:
        try:
            happened = received_at - (sent.moment - raw.moment)
        except OverflowError:
            warnings.append("sentAt: too far from the time of the event to correct it; the event's time is kept")
    if happened > received_at:
        warnings.append("timestamp: later than the time of receipt; held at receivedAt")
        happened = received_at
    received = _written_once(received_at)
    return EventTimes(
        received if happened == received_at else dates.to_iso_milliseconds(happened),
        raw.written if raw else received,
        sent.written if sent else None,
        received,
    )


@lru_cache(maxsize=16)
def _written_once(moment: datetime) -> str:
    """*moment* as text. Cached for the time of receipt, which all events of a request share."""
    return dates.to_iso_milliseconds(moment)


def age_s(event: Event, now_s: float) -> float:
    """How long ago *event* happened, in seconds, at *now_s* (Unix seconds)."""
    happened = dates.parse(event.timestamp)
    return max(0.0, now_s - dates.to_datetime(happened).timestamp()) if happened is not None else 0.0


class _Time(NamedTuple):
    moment: datetime
    written: str
    """The text that is stored."""


def _read(value: Any, field: str, warnings: list[str]) -> _Time | None:
    if value is None or value == "":
        return None
    is_kept = isinstance(value, str) and len(value) <= dates.LONGEST_TEXT
    time = _time_of_text(value) if is_kept else _time_of(value)
    if time is None:
        warnings.append(f"{field}: expected ISO 8601, Unix seconds or milliseconds, found {excerpt(value)}; ignored")
    return time


def _time_of(value: Any) -> _Time | None:
    moment = dates.parse(value)
    if moment is None:
        return None
    moment = dates.to_datetime(moment)
    return _Time(moment, dates.to_iso_milliseconds(moment))


@lru_cache(maxsize=256)
def _time_of_text(text: str) -> _Time | None:
    """Cached: most events name one time twice (happened and sent), or share one with other events of their request."""
    return _time_of(text)
