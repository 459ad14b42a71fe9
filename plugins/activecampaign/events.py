"""Track, page and screen calls: what the settings say that an event does to its contact, and event tracking.

Source: facts/vendors/activecampaign.md sections 4, 5 and 6.
"""

from __future__ import annotations

from typing import Any, Final

from plugins.activecampaign.fields import custom_field
from plugins.activecampaign.mapping import NOBODY, complete_contact
from plugins.activecampaign.settings import EventRule, Settings
from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, came_late, convert, left_out, view_name

TIME: Final = "timestamp"
"""What a rule calls the time of the event, where it has no property of that name."""
_EMAIL: Final = Field("context.traits.email", "contact.email", convert.to_email)


def event_table(settings: Settings) -> Table:
    """Of what an event does to its contact: the properties that some rule names; `build_event` takes those that the event's own
    does. A name with a dot in it is of a part of an object, as that of a trait."""
    named = dict.fromkeys(name for rule in settings.events.values() for name in rule.fields)
    rows = (
        Field((f"properties.{name}", TIME) if name == TIME else f"properties.{name}", f"given.{name}")
        for name in sorted(named, key=lambda name: name.count("."))  # an object before its parts, which are put into it
    )
    return Table((_EMAIL, *rows))


NAMED: Final = Table((_EMAIL,))
"""Of the name alone; the email says whether there is anybody to track."""
TRACKED: Final = Table((_EMAIL,), custom=(Custom("properties", at="given"),))
MAX_NAME: Final = 32
"""Characters of an event's name. Unverified; a longer one is cut."""


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """Tags and custom fields of the contact."""
    rule = settings.events.get(_name(event))
    if rule is None or not (rule.tags or rule.fields):
        return Skip("nothing is set up for it (setting events)")
    contact = complete_contact(event, fields)
    if contact is None:
        return Skip(NOBODY)
    values, notes = _values(fields.get("given", {}), rule)
    if not values and not rule.tags:
        return Skip("the event has none of the properties that its entry in events names")
    body: Document = {"contact": contact}
    body |= {"fields": values} if values else {}
    body |= {"tags": rule.tags} if rule.tags else {}
    return Payload(body, key=event.message_id, notes=notes)


def build_name(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The name alone, to be put among those that the account knows."""
    if not settings.create_events:
        return Skip("names of events are not added (setting create_events)")
    return _track(event, fields, settings) or Payload({"event_name": _name(event)[:MAX_NAME]}, key=event.message_id)


def build_tracked(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """What event tracking has place for: the name, whose it is, and one value, which is a property or all of them as JSON."""
    refused = _track(event, fields, settings)
    if refused is not None:
        return refused
    visit = convert.to_json_text({"email": fields["contact"]["email"]})
    body: Document = {"event": _name(event)[:MAX_NAME], "visit": visit}
    given: Document = fields.get("given", {})
    rule = settings.events.get(_name(event))
    value = _at(rule.value, given) if rule is not None and rule.value else given or None
    body |= {"eventdata": convert.to_json_text(value)} if value is not None else {}
    return Payload(body, key=event.message_id)


def _track(event: Event, fields: Document, settings: Settings) -> Skip | None:
    """Why an event isn't tracked; None where it is. Completes the contact in *fields*."""
    if not settings.actid:
        return Skip("event tracking is not set up (settings actid and event_key)")
    if event.type == "page" and not settings.track_pages:
        return Skip("page calls are not tracked (setting track_pages)")
    if not _name(event):
        return Skip("the event has no name")
    if came_late(event):
        return Skip("it came more than a day late, and event tracking would take it as of now")
    contact = complete_contact(event, fields)
    if contact is None:
        return Skip(NOBODY)
    fields["contact"] = contact
    return None


def _name(event: Event) -> str:
    return (event.event or "").strip() if event.type == "track" else view_name(event)


def _values(given: Document, rule: EventRule) -> tuple[Document, tuple[str, ...]]:
    """By field what is written to it, and what could not be converted, and why."""
    values: Document = {}
    notes: tuple[str, ...] = ()
    for name, named in rule.fields.items():
        field, convert_value = custom_field(named)
        value = _at(name, given)
        if value is None:
            continue
        try:
            values[field] = convert_value(value)
        except ValueError as error:
            notes += left_out([f"property {name}"], str(error))
    return values, notes


def _at(path: str, values: Any) -> Any:
    """What stands at a dotted path; None where nothing does."""
    for name in path.split("."):
        values = values.get(name) if isinstance(values, dict) else None
    return values
