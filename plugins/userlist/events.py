"""Track, page and screen calls: events of a user and their company.

Source: facts/vendors/userlist.md section 5. That Userlist writes the names of events in snake_case itself where they come by
Segment: segment.com/docs/connections/destinations/catalog/userlist, "Track" (a copy of 2024).
"""

from __future__ import annotations

import re
from typing import Any, Final

from plugins.userlist.mapping import NOBODY, WHOSE, sized
from plugins.userlist.settings import Settings
from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, convert

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN_WORDS: Final = re.compile(r"\W+")


def to_name(value: Any) -> str:
    """An event's name in snake_case: ``order_completed`` of ``Order Completed``."""
    text = convert.not_blank(value)
    return _BETWEEN_WORDS.sub("_", _HUMP.sub("_", text)).strip("_").lower() or text


_ROWS: Final = (
    *WHOSE,
    Field("context.groupId", "company.identifier", convert.to_id),
    Field("timestamp", "occurred_at", convert.to_iso_utc),
)
_PROPERTIES: Final = (Custom("properties", at="properties"),)

EVENT: Final = Table((Field("event", "name", to_name), *_ROWS), _PROPERTIES)
VIEW: Final = Table(
    (
        Field(("name", "properties.name"), "properties.name", convert.to_text),
        Field(("category", "properties.category"), "properties.category", convert.to_text),
        *_ROWS,
    ),
    _PROPERTIES,
)


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if "name" not in fields:
        return Skip("the event's name is blank")
    return _event(fields, settings)


def build_view(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A page or a screen, where the operator wants those as events."""
    if not settings.track_pages:
        return Skip("pages and screens are not sent (setting track_pages)")
    return _event({"name": f"{event.type}_viewed", **fields}, settings)


def _event(fields: Document, settings: Settings) -> Payload | Skip:
    """User and company are objects, so that Userlist makes them where they are not there: an id alone would be refused."""
    if "user" not in fields:
        return NOBODY
    if not settings.companies:
        fields.pop("company", None)
    return sized(fields)
