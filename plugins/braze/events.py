"""Track, page and screen calls: from events to Braze's custom events.

Source: facts/vendors/braze.md section 5.
"""

from __future__ import annotations

from typing import Final

from plugins.braze.identity import USER_ROW, field_name, sized_occurrence, to_name, to_value
from plugins.braze.orders import ecommerce_event, purchases_of
from plugins.braze.settings import Settings
from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, view_name

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
    return sized_occurrence("events", event, fields, settings)


def build_view(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A page or a screen, where the operator wants those as events."""
    if not settings.track_pages:
        return Skip("pages and screens are not sent: each costs a data point (setting track_pages)")
    return sized_occurrence("events", event, {"name": to_name(view_name(event)), **fields}, settings)
