"""What Amplitude wants to know of where an event happened.

Source: facts/vendors/amplitude.md section 5, context mapping, and section 4 (location fields).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from router.plugin import Document, Event, Field, app_platform, convert

_PLATFORMS: Final = {"ios": "iOS", "android": "Android", "web": "Web", "browser": "Web"}


def to_platform(value: Any) -> str:
    """``iOS``, ``Android`` and ``Web`` as Amplitude spells them; any other text as it is."""
    text = convert.to_text(value).strip()
    return _PLATFORMS.get(text.casefold(), text)


def to_session_id(value: Any) -> int:
    """When the session began, in Unix milliseconds, or -1 for none; seconds become milliseconds. A random id is left out."""
    number = convert.to_integer(value)
    if number == -1 or 10**12 <= number < 10**13:
        return number
    if 10**9 <= number < 10**10:
        return number * 1000
    raise ValueError("expected the session's start in Unix milliseconds")


CONTEXT_ROWS: Final = (
    Field(
        "context.ip", "ip", convert.to_ip, note="left out where there is none: the router's own address tells nothing"
    ),
    Field("context.userAgent", "user_agent", convert.to_text),
    Field("context.os.name", "os_name", convert.to_text),
    Field("context.os.version", "os_version", convert.to_text),
    Field("context.device.type", "platform", to_platform),
    Field("context.device.brand", "device_brand", convert.to_text),
    Field("context.device.manufacturer", "device_manufacturer", convert.to_text),
    Field("context.device.model", "device_model", convert.to_text),
    Field("context.network.carrier", "carrier", convert.to_text),
    Field("context.locale", "language", convert.to_text),
    Field("context.app.version", "app_version", convert.to_text),
    Field(
        (
            "integrations.Actions Amplitude.session_id",
            "integrations.Amplitude (Actions).session_id",
            "integrations.Amplitude.session_id",
            "context.sessionId",
        ),
        "session_id",
        to_session_id,
    ),
)

PLACE_ROWS: Final = (
    Field("context.location.city", "city", convert.to_text),
    Field("context.location.region", "region", convert.to_text),
    Field("context.location.country", "country", convert.to_text),
    Field("context.location.latitude", "location_lat", convert.to_latitude),
    Field("context.location.longitude", "location_lng", convert.to_longitude),
)
"""Where it happened. Not on identify, whose place is the person's address."""


def combined(event: Event) -> Document:
    """What takes more than one part of the context: library, the web platform, advertising ids."""
    fields: Document = {}
    library = part_of(event, "library")
    name, version = library.get("name"), library.get("version")
    if name and isinstance(name, str):
        fields["library"] = f"{name}/{version}" if version and isinstance(version, str) else name
    if event.channel == "browser":
        fields["platform"] = "Web"
    return fields | _advertising_ids(event)


def _advertising_ids(event: Event) -> Document:
    """``idfa`` and ``idfv`` on iOS, ``adid`` on Android; none in the browser of a phone, and for ads none where the person does
    not want to be tracked."""
    platform, device = app_platform(event), part_of(event, "device")
    own_id = device.get("id")
    fields: Document = {}
    kind = device.get("type") or ("web" if event.channel == "browser" else None)
    if isinstance(kind, str) and to_platform(kind) == "Web":
        return fields
    if platform == "ios" and own_id and isinstance(own_id, str):
        fields["idfv"] = own_id
    name = {"ios": "idfa", "android": "adid"}.get(platform or "")
    if name and not _is_refused(device):
        with suppress(ValueError):
            fields[name] = convert.to_advertising_id(device.get("advertisingId"))
    return fields


def _is_refused(device: Document) -> bool:
    """Whether the person has refused to be tracked, in so many words."""
    with suppress(ValueError):
        return not convert.to_boolean(device.get("adTrackingEnabled"))
    return False


def part_of(event: Event, name: str) -> Document:
    """One object of the context, empty where there is none."""
    part = event.context.get(name)
    return part if isinstance(part, dict) else {}
