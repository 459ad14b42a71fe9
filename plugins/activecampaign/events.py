"""Track, page and screen calls: what the settings say that an event does to its contact.

Source: facts/vendors/activecampaign.md sections 4 and 5.
"""

from __future__ import annotations

from typing import Final

from plugins.activecampaign.fields import custom_field
from plugins.activecampaign.mapping import NOBODY, complete_contact
from plugins.activecampaign.settings import EventRule, Settings
from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, convert, view_name

EVENT: Final = Table(
    (
        Field("context.traits.email", "contact.email", convert.to_email),
        Field("timestamp", "timestamp"),
    ),
    custom=(Custom("properties", at="given"),),
)
"""``given`` are the event's own properties; those that the event's rule names join ``fields`` in the build."""


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """Tags and custom fields of the contact."""
    name = (event.event or "").strip() if event.type == "track" else view_name(event)
    rule = settings.events.get(name)
    if rule is None:
        return Skip("nothing is set up for it (setting events)")
    contact = complete_contact(event, fields)
    if contact is None:
        return Skip(NOBODY)
    values, left_out = _values({"timestamp": fields["timestamp"], **fields.get("given", {})}, rule)
    if not values and not rule.tags:
        return Skip("the event has none of the properties that its entry in events names")
    body: Document = {"contact": contact}
    body |= {"fields": values} if values else {}
    body |= {"tags": rule.tags} if rule.tags else {}
    body |= {"left_out": left_out} if left_out else {}
    return Payload(body, key=event.message_id)


def _values(given: Document, rule: EventRule) -> tuple[Document, list[str]]:
    """By field what is written to it, and what could not be converted, and why."""
    values: Document = {}
    left_out: list[str] = []
    for name, named in rule.fields.items():
        field, convert_value = custom_field(named)
        if given.get(name) is None:
            continue
        try:
            values[field] = convert_value(given[name])
        except ValueError as error:
            left_out.append(f"property {name!r} was left out: {error}")
    return values, left_out
