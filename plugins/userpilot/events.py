"""Track, page and screen calls.

Source: facts/vendors/userpilot.md sections 5 and 6 (age).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from plugins.userpilot.mapping import ANONYMOUS, USER_ID
from plugins.userpilot.metadata import OF_EVENTS, to_plain
from plugins.userpilot.settings import Settings
from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, came_late, view_name


def _table(rows: Sequence[Field] = ()) -> Table:
    return Table((USER_ID, *rows), (Custom("properties", "metadata", convert=to_plain),), OF_EVENTS)


TRACK: Final = _table()
VIEW: Final = _table(
    (
        *(Field((name, f"properties.{name}"), f"metadata.{name}", to_plain) for name in ("name", "category")),
        *(
            # A server's page call has no context.page; what it says of the page is in the properties.
            Field((f"properties.{name}", f"context.page.{name}"), f"metadata.{name}", to_plain)
            for name in ("url", "path", "title", "referrer", "search")
        ),
    )
)


def build_track(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    return _make((event.event or "").strip(), event, fields)


def build_view(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if not settings.track_pages:
        return Skip("pages and screens are not sent (setting track_pages)")
    return _make(view_name(event), event, fields)


def _make(name: str, event: Event, fields: Document) -> Payload | Skip:
    if "user_id" not in fields:
        return ANONYMOUS
    if not name:
        return Skip("a track call without an event name")
    if came_late(event):
        return Skip("it came more than a day late, and Userpilot would take it as of now")
    return Payload({"event_name": name, **fields})
