"""Track, page and screen calls: from events to Iterable's custom events.

Source: facts/vendors/iterable.md section 5.
"""

from __future__ import annotations

from typing import Final

from plugins.iterable.identity import who, why_nobody
from plugins.iterable.orders import CAMPAIGN_ROWS, keep_campaigns, purchase_of
from plugins.iterable.settings import Settings
from plugins.iterable.value import field_name, to_value
from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, convert, view_name

_ROWS: Final = (
    Field("messageId", "id", note="an event that is sent again is the same event"),
    Field("timestamp", "createdAt", convert.to_unix_seconds),
    *CAMPAIGN_ROWS,
)
_PROPERTIES: Final = (Custom("properties", at="dataFields", rename=field_name, convert=to_value),)

EVENT: Final = Table((Field("event", "eventName", convert.not_blank), *_ROWS), _PROPERTIES)
VIEW: Final = Table(
    (
        Field(("name", "properties.name"), "dataFields.name", convert.to_text),
        Field(("category", "properties.category"), "dataFields.category", convert.to_text),
        *_ROWS,
    ),
    _PROPERTIES,
)


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A track call, unless it becomes a purchase."""
    if purchase_of(event, settings):
        return Skip("an order: it is sent as a purchase (setting track_purchases)")
    if "eventName" not in fields:
        return Skip("the event has no name")
    return _event(event, fields, settings)


def build_view(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A page or a screen, where the operator wants those as events."""
    if not settings.track_pages:
        return Skip("pages and screens are not sent (setting track_pages)")
    return _event(event, {"eventName": view_name(event), **fields}, settings)


def _event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    named = who(event, settings)
    if named is None:
        return why_nobody(event, settings)
    keep_campaigns(event, fields)
    if settings.create_new_fields != "project":
        fields["createNewFields"] = settings.create_new_fields == "yes"
    return Payload(named | fields, key=event.message_id)
