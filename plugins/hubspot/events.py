"""Track, page and screen calls: custom events, for which the account has to have a definition.

Source: facts/vendors/hubspot.md sections 3, 5, 6 (limits of event properties) and 8.
"""

from __future__ import annotations

from typing import Any, Final

from plugins.hubspot.mapping import contact_key
from plugins.hubspot.properties import property_name, to_property
from plugins.hubspot.settings import FULL_EVENT_NAME, CustomEvent, Settings
from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, convert, left_out, looks_like_email

MAX_PROPERTIES: Final = 50
MAX_NAME: Final = 50
MAX_VALUE: Final = 256
MAX_ADDRESS: Final = 1_024
"""Of an address or a referrer; all in characters. HubSpot refuses a request that goes beyond."""
_ADDRESSES = frozenset({"hs_page_url", "hs_referrer"})
_VIEWS: Final = {"page": "viewed_page", "screen": "viewed_screen"}

EVENT: Final = Table(
    (
        Field("messageId", "uuid"),
        Field("timestamp", "occurredAt"),
        Field("context.page.url", "properties.hs_page_url", convert.to_text),
        Field("context.page.title", "properties.hs_page_title", convert.to_text),
        Field("context.page.referrer", "properties.hs_referrer", convert.to_text),
        Field("context.userAgent", "properties.hs_user_agent", convert.to_text),
        Field("context.location.city", "properties.hs_city", convert.to_text),
        Field("context.location.country", "properties.hs_country", convert.to_text),
        Field("context.location.region", "properties.hs_region", convert.to_text),
        Field("context.device.name", "properties.hs_device_name", convert.to_text),
        Field("context.device.type", "properties.hs_device_type", convert.to_text),
        Field("context.os.name", "properties.hs_operating_system", convert.to_text),
        Field("context.locale", "properties.hs_language", convert.to_text),
        Field("context.screen.height", "properties.hs_screen_height", convert.to_text),
        Field("context.screen.width", "properties.hs_screen_width", convert.to_text),
        Field("context.campaign.source", "properties.hs_utm_source", convert.to_text),
        Field("context.campaign.medium", "properties.hs_utm_medium", convert.to_text),
        Field("context.campaign.name", "properties.hs_utm_campaign", convert.to_text),
        Field("context.campaign.term", "properties.hs_utm_term", convert.to_text),
        Field("context.campaign.content", "properties.hs_utm_content", convert.to_text),
        Field(("properties.hubspotutk", "context.hubspotutk"), "utk", convert.to_text, "the tracking cookie's value"),
        *(
            Field((f"properties.{name}", name), f"given.{name}", to_property, "of a page or a screen its own")
            for name in ("name", "category")
        ),
    ),
    custom=(Custom("properties", at="given", convert=to_property),),
)
"""``given`` are the event's own properties; those that the definition has join ``properties`` in the build."""


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """An event of somebody known by email or cookie."""
    made = _event(event, fields, settings)
    if isinstance(made, Payload) and "contact" in made.body:
        return Skip("its contact is looked up by userId first")
    return made


def build_event_of_user(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """An event of somebody known by userId alone: HubSpot wants the contact's record id, which takes a look-up."""
    made = _event(event, fields, settings)
    if isinstance(made, Payload) and "contact" not in made.body:
        return Skip("its contact is known by email or cookie, no look-up is needed")
    return made


def _event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    custom = _custom_event(event, settings)
    if custom is None:
        return Skip(f"no custom event is set up for it (setting {_setting(event)})")
    name = custom.name or _VIEWS.get(event.type) or property_name(event.event or "") or "event"
    if not FULL_EVENT_NAME.fullmatch(name):
        name = f"pe{settings.hub_id}_{name}"
    given, others = _of_definition(fields.get("given", {}), custom)
    merged = {**_of_page_call(event), **fields.get("properties", {}), **given}
    properties = {key: _cut(key, value) for key, value in list(merged.items())[:MAX_PROPERTIES]}
    body: Document = {
        "event": {
            "eventName": name,
            "uuid": fields["uuid"],
            "occurredAt": fields["occurredAt"],
            "properties": properties,
        }
    }
    email = (event.email or "").lower()
    if looks_like_email(email):
        body["event"]["email"] = email
    elif fields.get("utk"):
        body["event"]["utk"] = fields["utk"]
    else:
        contact = contact_key(event, settings)
        if contact is None:
            return Skip("HubSpot takes events of contacts only: no email, no cookie, no userId that it knows")
        body["contact"] = contact
    if event.type == "page" and merged.get("hs_page_title") == event.name:
        others = [key for key in others if key != "name"]
    notes = left_out(others, "the custom event has no such property")
    notes += left_out(list(merged)[MAX_PROPERTIES:], f"more than {MAX_PROPERTIES} properties")
    return Payload(body, key=event.message_id, notes=notes)


def _custom_event(event: Event, settings: Settings) -> CustomEvent | None:
    if event.type == "track":
        return settings.events.get((event.event or "").strip())
    return settings.page_event if event.type == "page" else settings.screen_event


def _setting(event: Event) -> str:
    return "events" if event.type == "track" else f"{event.type}_event"


def _of_definition(given: Document, custom: CustomEvent) -> tuple[Document, list[str]]:
    """The event's properties under the names of the definition, and the names of those it doesn't have."""
    if custom.properties == "all":
        named = {key: (property_name(key) or "")[:MAX_NAME] for key in given}
    else:
        named = {key: custom.properties.get(key, "") for key in given}
    kept = {name: given[key] for key, name in named.items() if name}
    return kept, [key for key, name in named.items() if not name]


def _of_page_call(event: Event) -> Document:
    """A server's page call has no ``context.page``: what it says of the page is in its properties."""
    if event.type != "page":
        return {}
    found = {
        "hs_page_url": event.properties.get("url"),
        "hs_page_title": event.properties.get("title") or event.name,
        "hs_referrer": event.properties.get("referrer"),
    }
    return {name: value for name, value in found.items() if isinstance(value, str) and value.strip()}


def _cut(name: str, value: Any) -> str:
    return convert.to_json_text(value)[: MAX_ADDRESS if name in _ADDRESSES else MAX_VALUE]
