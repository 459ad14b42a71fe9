"""Track, page and screen calls: events of somebody's profile.

Source: facts/vendors/zendesk.md sections 5 and 6.
"""

from __future__ import annotations

import re
from typing import Any, Final

from plugins.zendesk.mapping import to_external_id
from plugins.zendesk.settings import Settings
from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, convert, looks_like_email, view_name

MAX_TYPE: Final = 40
PROFILE_TYPE: Final = "customer"
"""One for all: an account has 2500 types, of profiles and events together."""
ANY_TYPE: Final = "event"
VIEW_TYPE: Final = "page_viewed"
_NOT_IN_A_TYPE = re.compile("[^a-z0-9]+")


def event_type(name: str) -> str:
    """``Invoice  Paid!`` becomes ``invoice_paid``; a name with neither a letter from a to z nor a digit is of type
    ``event``."""
    return _NOT_IN_A_TYPE.sub("_", name.lower()).strip("_")[:MAX_TYPE].strip("_") or ANY_TYPE


def to_seconds(value: Any) -> str:
    """``2026-03-04T10:20:31Z``."""
    return f"{convert.to_naive_utc(value)}Z"


EVENT: Final = Table(
    (
        Field("timestamp", "event.created_at", to_seconds),
        Field("context.traits.name", "profile.name", convert.text_only),
        Field("context.traits.email", "email", convert.to_email),
        Field("userId", "external_id", to_external_id),
    ),
    custom=(Custom("properties", at="event.properties"),),
)

VIEW: Final = EVENT + [Field((name, f"properties.{name}"), f"event.properties.{name}") for name in ("name", "category")]
"""The type is that of all pages and screens: which one it was, its properties tell."""


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if not settings.send_events:
        return Skip("events are not sent (setting send_events)")
    return _make(event, event_type(event.event or ""), (event.event or "").strip(), fields, settings)


def build_view(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if not settings.send_pages:
        return Skip("pages and screens are not sent (setting send_pages)")
    return _make(event, VIEW_TYPE, view_name(event), fields, settings)


def _make(event: Event, kind: str, description: str, fields: Document, settings: Settings) -> Payload | Skip:
    """The event, with the profile by whose identifiers Zendesk finds the user."""
    email = fields.get("email")
    if email is None and event.user_id and looks_like_email(event.user_id):
        email = convert.to_email(event.user_id)
    identifiers = [
        {"type": name, "value": value}
        for name, value in (("email", email), ("external_id", fields.get("external_id")))
        if value
    ]
    if not identifiers:
        return Skip("neither a userId nor an email: Zendesk has no anonymous users")
    source = settings.event_source
    return Payload(
        {
            "profile": {
                "source": source,
                "type": PROFILE_TYPE,
                **fields.get("profile", {}),
                "identifiers": identifiers,
            },
            "event": {"source": source, "type": kind, "description": description, "properties": {}, **fields["event"]},
        },
        key=event.message_id,
    )
