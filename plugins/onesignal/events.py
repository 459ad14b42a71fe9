"""Track, page and screen calls: from events to custom events, or to tags.

Source: facts/vendors/onesignal.md sections 5, 6 and 8.
"""

from __future__ import annotations

import re
import uuid
from typing import Any, Final

from plugins.onesignal.identity import who, why_nobody
from plugins.onesignal.mapping import upsert
from plugins.onesignal.settings import Settings
from plugins.onesignal.tag import tag_name, to_tags
from plugins.onesignal.wire import MAX_EVENT_BYTES
from router.plugin import (
    Custom,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    convert,
    left_out,
    make_room,
    view_name,
)

MAX_NAME: Final = 128
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def to_key(value: Any) -> str:
    """A UUID: the messageId where it is one, else version 5 of it."""
    text = convert.to_text(value)
    return text.lower() if _UUID.fullmatch(text) else str(uuid.uuid5(uuid.NAMESPACE_OID, text))


def to_name(value: Any) -> str:
    """At most 128 characters."""
    return convert.to_text(value).strip()[:MAX_NAME]


_ROWS: Final = (
    Field("userId", "external_id"),
    Field("timestamp", "timestamp", convert.to_iso_utc),
    Field("messageId", "idempotency_key", to_key),
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
TAG: Final = Table((Field("userId", "identity.external_id"), Field("event", "properties.tags", tag_name)))


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A custom event. OneSignal takes none of somebody it does not know."""
    if settings.event_mode != "custom_events":
        return Skip("no custom events are sent (setting event_mode)")
    if not fields.get("name"):
        return Skip("the event has no name")
    return _event(event, fields, settings)


def build_view(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A page or a screen, where the operator wants those as events."""
    if not settings.track_pages:
        return Skip("pages and screens are not sent (setting track_pages)")
    return _event(event, {"name": to_name(view_name(event)), **fields}, settings)


def build_tag(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A tag of the event's name: that the user did it, and not when or how often."""
    if settings.event_mode != "tags":
        return Skip("events are not written as tags (setting event_mode)")
    tags, _ = to_tags({(event.event or "").strip(): "true"}, settings)
    if not tags:
        return Skip("no tag may have the event's name, or it is not among those to be written (setting tags)")
    return upsert(event, {}, tags, [], settings)


def _event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    identity = who(event, settings)
    if identity is None or "external_id" not in identity:
        return why_nobody()
    body = identity | fields
    beyond = make_room(body, "properties", MAX_EVENT_BYTES)
    notes = left_out(beyond, f"beyond the {MAX_EVENT_BYTES} bytes that an event may have")
    return Payload(body, key=fields.get("idempotency_key", ""), notes=notes)
