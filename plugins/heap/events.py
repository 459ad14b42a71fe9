"""Track, page and screen calls.

Source: facts/vendors/heap.md sections 5, 6 (lengths) and 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from plugins.heap.identity import IDENTITY, no_identity
from plugins.heap.property import VALUES, property_name, to_property, to_property_text
from plugins.heap.settings import Settings
from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, convert

MAX_EVENT_NAME: Final = 1_024
MIN_KEY: Final = 8
PAGE_EVENT: Final = "Page viewed"
SCREEN_EVENT: Final = "Screen viewed"
"""As Segment calls them at Heap."""


def to_key(value: Any) -> str:
    """The messageId; one that is shorter than the eight characters of a key has a word before it."""
    text = convert.to_text(value)
    return text if len(text) >= MIN_KEY else f"message-{text}"


_VIEW_ROWS: Final = tuple(
    Field((name, f"properties.{name}"), f"properties.{name}", to_property_text) for name in ("name", "category")
)
_PAGE_ROWS: Final = tuple(
    # A server's page call has no context.page; what it says of the page is in the properties.
    Field((f"properties.{name}", f"context.page.{name}"), f"properties.{name}", to_property_text)
    for name in ("url", "path", "title", "referrer", "search")
)


def _table(rows: Sequence[Field] = ()) -> Table:
    return Table(
        (IDENTITY, Field("timestamp", "timestamp"), Field("messageId", "idempotency_key", to_key), *rows),
        (Custom("properties", "properties", property_name, convert=to_property),),
        VALUES,
    )


TRACK: Final = _table()
PAGE: Final = _table((*_VIEW_ROWS, *_PAGE_ROWS))
SCREEN: Final = _table(_VIEW_ROWS)


def build_track(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    return _make((event.event or "").strip(), event, fields)


def build_page(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    return _make(PAGE_EVENT, event, fields)


def build_screen(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    return _make(SCREEN_EVENT, event, fields)


def _make(name: str, event: Event, fields: Document) -> Payload | Skip:
    if "identity" not in fields:
        return no_identity(event)
    if not name:
        return Skip("a track call without an event name")
    return Payload({"event": name[:MAX_EVENT_NAME], **fields}, key=fields.get("idempotency_key", ""))
