"""Track, page and screen calls: events of a contact, which start mails.

Source: facts/vendors/loops.md section 5.
"""

from __future__ import annotations

from typing import Final

from plugins.loops.mapping import IDENTIFIERS, NOBODY, WHOSE
from plugins.loops.property import TOO_LONG, split_fitting, to_name
from plugins.loops.settings import Settings
from router.plugin import (
    Custom,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    Values,
    came_late,
    convert,
    left_out,
    view_name,
)

_AT: Final = "eventProperties"
_PROPERTIES: Final = (Custom("properties", at=_AT),)
_VALUES: Final = Values(objects="flatten", lists="json")

EVENT: Final = Table((*WHOSE, Field("event", "eventName", to_name)), _PROPERTIES, _VALUES)
VIEW: Final = Table(
    (
        *WHOSE,
        Field(("name", "properties.name"), f"{_AT}.name", convert.to_text),
        Field(("category", "properties.category"), f"{_AT}.category", convert.to_text),
    ),
    _PROPERTIES,
    _VALUES,
)


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if "eventName" not in fields:
        return Skip("the event's name is blank")
    return _event(event, fields)


def build_view(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A page or a screen, where the operator wants those as events."""
    if not settings.track_pages:
        return Skip("pages and screens are not sent (setting track_pages)")
    return _event(event, {"eventName": to_name(view_name(event)), **fields})


def _event(event: Event, fields: Document) -> Payload | Skip:
    """Properties of the contact are left to identify calls: an event would write them as well."""
    if came_late(event):
        return Skip("it came more than a day late, and Loops would start mails because of it now")
    properties, long = split_fitting(fields.pop(_AT, {}))
    whose, _ = split_fitting(fields)
    if not whose.keys() & IDENTIFIERS:
        return NOBODY
    body = {**whose, _AT: properties} if properties else whose
    return Payload(body, key=event.message_id, notes=left_out(long, TOO_LONG))
