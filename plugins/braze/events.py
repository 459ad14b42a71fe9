"""Track, page and screen calls: from events to Braze's custom events.

Source: facts/vendors/braze.md section 5.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from plugins.braze.identity import USER_ROW, field_name, occurrence, to_name, to_value
from plugins.braze.orders import MAX_BYTES, ecommerce_event, purchases_of
from plugins.braze.settings import Settings
from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, left_out, make_room, view_name

MAX_NESTED_BYTES: Final = 50_000
"""Of an event whose properties have a list or an object."""
_PROPERTIES: Final = (Custom("properties", at="properties", rename=field_name, convert=to_value),)
_TIME: Final = Field("timestamp", "time")

EVENT: Final = Table((USER_ROW, Field("event", "name", to_name), _TIME), _PROPERTIES)
VIEW: Final = Table(
    (
        USER_ROW,
        _TIME,
        Field(("name", "properties.name"), "properties.name", to_value),
        Field(("category", "properties.category"), "properties.category", to_value),
    ),
    _PROPERTIES,
)


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A track call, unless it becomes purchases or one of the recommended events."""
    if purchases_of(event, settings):
        return Skip("an order: it is sent as purchases (setting purchases)")
    if recommended := ecommerce_event(event, settings):
        return Skip(f"a shop event: it is sent as {recommended['name']} (setting purchases)")
    if "name" not in fields:
        return Skip("the event has no name")
    return _occurrence(event, fields, settings)


def build_view(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A page or a screen, where the operator wants those as events."""
    if not settings.track_pages:
        return Skip("pages and screens are not sent: each costs a data point (setting track_pages)")
    return _occurrence(event, {"name": to_name(view_name(event)), **fields}, settings)


def _occurrence(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """One event, less its largest properties where Braze would refuse the whole for their size."""
    is_nested = any(isinstance(value, dict | list) for value in fields.get("properties", {}).values())
    most_bytes = MAX_NESTED_BYTES if is_nested else MAX_BYTES
    beyond = make_room(fields, "properties", most_bytes)
    made = occurrence("events", event, fields, settings)
    if isinstance(made, Skip) or not beyond:
        return made
    return replace(made, notes=left_out(beyond, f"beyond the {most_bytes} bytes that an event may have"))
