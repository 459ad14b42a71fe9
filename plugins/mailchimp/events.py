"""Track, page and screen calls: events of a member.

Source: facts/vendors/mailchimp.md sections 3, 5 and 6.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from plugins.mailchimp.fields import event_name, property_name, to_moment
from plugins.mailchimp.settings import Settings
from router.plugin import Custom, Document, Event, Field, Marked, Payload, Skip, Table, convert, looks_like_email

_PROPERTIES: Final = (Custom("properties", at="properties", rename=property_name, convert=convert.to_json_text),)

EVENT: Final = Table((Field("timestamp", "occurred_at", to_moment),), custom=_PROPERTIES)

VIEW: Final = Table(
    (
        Field("timestamp", "occurred_at", to_moment),
        Field("name", "properties.name"),
        Field("category", "properties.category"),
        Field(("properties.url", "context.page.url"), "properties.url", convert.to_text),
    ),
    custom=_PROPERTIES,
)
"""All pages have one event name, so the page's own goes with the properties."""


def _mark_syncing(payload: Payload, settings: Any) -> Payload:
    return replace(payload, body={**payload.body, "event": {**payload.body["event"], "is_syncing": True}})


HISTORICAL: Final = Marked("is_syncing: true", _mark_syncing)
"""Old events, with which no automation starts."""


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    name = event_name(event.event or "")
    if name is None:
        return Skip("of the event's name nothing is left that Mailchimp takes: 2 to 30 letters, digits, _ and -")
    return _event(name, event, fields)


def build_view(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    name = settings.page_event if event.type == "page" else settings.screen_event
    if not name:
        return Skip(f"Mailchimp has no {event.type} calls (setting {event.type}_event)")
    return _event(name, event, fields)


def _event(name: str, event: Event, fields: Document) -> Payload | Skip:
    email = (event.email or "").lower()
    if not looks_like_email(email):
        return Skip("Mailchimp knows nobody without a valid email")
    return Payload({"email": email, "event": {"name": name, **fields}}, key=event.message_id)
