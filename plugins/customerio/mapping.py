"""Events to payloads: what Journeys calls a person, an event, an object, a device and a merge.

Source: facts/vendors/customerio.md, sections 3 to 5.
"""

from __future__ import annotations

from dataclasses import replace

from plugins.customerio import pipelines
from plugins.customerio.attribute import MAX_ATTRIBUTES, MAX_VALUE_BYTES, event_name, is_short
from plugins.customerio.device import DEVICE_EVENTS, UNINSTALLED
from plugins.customerio.identity import actor_identifiers, identifiers_of_id, person_identifiers, why_anonymous
from plugins.customerio.settings import Settings
from plugins.customerio.ulid import to_ulid
from plugins.customerio.wire import MAX_PAYLOAD_BYTES
from router.plugin import Document, Event, Payload, Skip, app_platform, convert, left_out, make_room, spelt_alike

_NO_DEVICE_CHANGE = Skip(
    "no device change: not one of Application Installed, Application Opened, Application Uninstalled"
)


def build_person(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """An identify. Journeys keeps no anonymous people, so one without userId and email is skipped."""
    identifiers = person_identifiers(event, settings)
    if identifiers is None:
        return Skip(why_anonymous(settings))
    notes = _drop_what_is_too_much(fields)
    if settings.api == "pipelines":
        return _sized(pipelines.build_call(event, fields, settings), "traits", notes)
    fields.setdefault("attributes", {})
    person = {"type": "person", "action": "identify", "identifiers": identifiers, **fields}
    return _sized(_payload(event, person), "attributes", notes)


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if settings.api == "pipelines":
        return _sized(pipelines.build_call(event, fields, settings), "properties")
    if "name" not in fields:
        return Skip("the event's name is blank")
    return _occurrence(event, fields, settings, action="event")


def build_page(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if settings.api == "pipelines":
        return _sized(pipelines.build_call(event, fields, settings), "properties")
    return _occurrence(event, {"name": _view_name(event, "Page"), **fields}, settings, action="page")


def build_screen(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if settings.api == "pipelines":
        return _sized(pipelines.build_call(event, fields, settings), "properties")
    return _occurrence(event, {"name": _view_name(event, "Screen"), **fields}, settings, action="screen")


def build_object(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A group: an object, and the relation of whoever made the call to it."""
    if not event.group_id:
        return Skip("the call names no group")
    notes = _drop_what_is_too_much(fields)
    if settings.api == "pipelines":
        return _sized(pipelines.build_call(event, fields, settings), "traits", notes)
    body: Document = {
        "type": "object",
        "action": "identify",
        "identifiers": {
            "object_type_id": fields.get("object_type_id") or settings.object_type_id,
            "object_id": event.group_id,
        },
        "attributes": fields.get("attributes", {}),
    }
    member = actor_identifiers(event, settings)
    if member is not None:
        relation: Document = {"identifiers": member}
        if isinstance(fields.get("relationship_attributes"), dict):
            relation["relationship_attributes"] = fields["relationship_attributes"]
        body["cio_relationships"] = [relation]
        if "anonymous_id" in member:
            body["action"] = "identify_anonymous"
    return _sized(_payload(event, body), "attributes", notes)


def build_merge(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """An alias. A merge travels alone: it cannot be undone, and what came before it must have been answered."""
    primary, secondary = event.user_id, event.previous_id
    if not primary or not secondary:
        return Skip("a merge needs userId and previousId")
    if primary == secondary:
        return Skip("userId and previousId are the same")
    if secondary == event.anonymous_id:
        return Skip("previousId is the anonymous id, and Journeys attaches anonymous activity by itself at identify")
    if settings.api == "pipelines":
        return pipelines.build_alias(event)
    body = {
        "type": "person",
        "action": "merge",
        "primary": identifiers_of_id(primary, settings),
        "secondary": identifiers_of_id(secondary, settings),
    }
    return Payload(body, key=event.message_id, group=f"merge {event.message_id}")


def build_device(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The push token that the app's life cycle events carry, besides the event itself; and that of an identify, for an app is
    mostly opened by somebody anonymous before they sign in."""
    is_track = event.type == "track"
    name = spelt_alike(event.event) if is_track else ""
    if is_track and name not in DEVICE_EVENTS:
        return _NO_DEVICE_CHANGE
    if settings.api == "pipelines":
        return Skip("Pipelines reads the device from the event itself")
    if not fields.get("token"):
        return Skip("no context.device.token")
    identifiers = person_identifiers(event, settings)
    if identifiers is None:
        return Skip(why_anonymous(settings))
    body: Document = {"type": "person", "identifiers": identifiers}
    if name == UNINSTALLED:
        return _payload(event, {**body, "action": "delete_device", "device": {"token": fields["token"]}})
    platform = app_platform(event)
    if platform is None:
        return Skip("neither context.device.type nor context.os.name says ios or android")
    return _payload(event, {**body, "action": "add_device", "device": {**fields, "platform": platform}})


def _view_name(event: Event, kind: str) -> str:
    try:
        return event_name(event.name)
    except ValueError:
        return f"Loaded a {kind}"


def _occurrence(event: Event, fields: Document, settings: Settings, *, action: str) -> Payload | Skip:
    """Something that happened: to a person, or to somebody anonymous whose later identify attaches it."""
    identifiers = actor_identifiers(event, settings)
    if identifiers is None:
        return Skip("the event names nobody: no userId, no email, no anonymousId")
    ulid = to_ulid(event.message_id, convert.to_unix_millis(event.timestamp))
    fields.setdefault("attributes", {})
    body = {"type": "person", "action": action, "identifiers": identifiers, "id": ulid, **fields}
    return _sized(Payload(body, key=ulid), "attributes")


def _drop_what_is_too_much(fields: Document) -> tuple[str, ...]:
    """Take out objects of which each part is short enough but not the whole, and attributes beyond the number of one call,
    custom ones first; ends with what to say of it."""
    values: Document = fields.get("attributes") or fields.get("traits") or {}
    long = [name for name in ("address", "company") if not is_short(values.get(name))]
    for name in long:
        del values[name]
    surplus = list(values)[:-MAX_ATTRIBUTES]
    for name in surplus:
        del values[name]
    notes = left_out(long, f"longer than the {MAX_VALUE_BYTES} bytes an attribute may have")
    return notes + left_out(surplus, f"beyond the {MAX_ATTRIBUTES} attributes that one call may have")


def _sized(made: Payload | Skip, part: str, notes: tuple[str, ...] = ()) -> Payload | Skip:
    """*made* with *notes*, and without the largest values of its object *part* where it is more than Customer.io takes: whole,
    it would be refused as a whole."""
    if isinstance(made, Skip):
        return made
    beyond = make_room(made.body, part, MAX_PAYLOAD_BYTES)
    notes += left_out(beyond, f"beyond the {MAX_PAYLOAD_BYTES} bytes that one call may have")
    return replace(made, notes=notes) if notes else made


def _payload(event: Event, body: Document) -> Payload:
    return Payload(body, key=event.message_id)
