"""Track, page and screen calls: events, and who wants mails no more.

Source: facts/vendors/vero.md sections 5, 6 and 8.
"""

from __future__ import annotations

from typing import Any, Final

from plugins.vero.identity import MAX_TEXT, who, why_nobody
from plugins.vero.mapping import values
from plugins.vero.settings import Settings
from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, convert, view_name

_SUBSCRIPTIONS: Final = ("unsubscribe", "resubscribe")


def to_name(value: Any) -> str:
    """An event's name without the blanks around it, cut to 254 characters."""
    return convert.not_blank(value)[:MAX_TEXT]


_ROWS: Final = (
    Field(("properties.message_id", "messageId"), "data.message_id", note="tells apart what Vero takes for a repeat"),
    Field("timestamp", "extras.created_at", convert.to_iso_utc),
)
_PROPERTIES: Final = (Custom("properties", at="data"),)
SUBSCRIPTION: Final = Table((Field(("userId", "properties.id"), "id", convert.to_id),))


def event_table(settings: Settings) -> Table:
    return Table((Field("event", "event_name", to_name), *_ROWS), _PROPERTIES, values(settings))


def view_table(settings: Settings) -> Table:
    return Table(
        (
            Field(("name", "properties.name"), "data.name", convert.to_text),
            Field(("category", "properties.category"), "data.category", convert.to_text),
            *_ROWS,
        ),
        _PROPERTIES,
        values(settings),
    )


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A track call, unless it says who wants mails and who does not."""
    if _subscription(event):
        return Skip("no event: the user is unsubscribed or subscribed again")
    if "event_name" not in fields:
        return Skip("the event's name is blank")
    return _event(event, fields, settings)


def build_view(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A page or a screen, unless the operator wants none of those."""
    if not settings.track_pages:
        return Skip("pages and screens are not sent (setting track_pages)")
    return _event(event, {"event_name": to_name(view_name(event)), **fields}, settings)


def _event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    user = who(event, settings)
    return why_nobody() if user is None else Payload({"identity": user, **fields}, key=event.message_id)


def build_subscription(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """Who is unsubscribed or subscribed again: the user of the event, else the one whose id is a property, as at Segment."""
    way = _subscription(event)
    if not way:
        return Skip("the event's name is neither Unsubscribe nor Resubscribe")
    user = who(event, settings) if "id" not in fields else fields
    return why_nobody() if user is None else Payload({"id": user["id"]}, group=way)


def _subscription(event: Event) -> str:
    """What to do with the user's subscription; "" for any other event."""
    name = (event.event or "").strip().lower()
    return name if name in _SUBSCRIPTIONS else ""
