"""What stands beside the events of a request: device, place, consent, user properties and hashed data of the person.

Source: facts/vendors/ga4.md section 4 (user properties, user_data, user_location) and section 5 (context mapping).
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from plugins.ga4.identity import option
from plugins.ga4.names import PERSONAL_TRAITS, property_name
from plugins.ga4.params import tells_email
from plugins.ga4.settings import Settings
from router.plugin import USER_TRAITS, Converter, Document, Event, Field, convert, looks_like_email

MAX_PROPERTY_TEXT: Final = 36

_REGION = re.compile("[A-Z]{2}-[A-Z0-9]{1,3}")
_SUBDIVISION = re.compile("[A-Z0-9]{1,3}")
_SHA256 = re.compile("[0-9a-f]{64}")
_CATEGORIES: Final = {
    "ios": "mobile",
    "android": "mobile",
    "mobile": "mobile",
    "tablet": "tablet",
    "desktop": "desktop",
}

Root = Literal["traits", "context.traits"]
"""Where an event tells of the person."""


# --- converters ---


def to_category(value: Any) -> str:
    """``mobile``, ``tablet`` or ``desktop``."""
    category = _CATEGORIES.get(convert.to_lower(value))
    if category is None:
        raise ValueError("expected ios, android, mobile, tablet or desktop")
    return category


def to_region(value: Any) -> str:
    """ISO 3166-2, ``PT-13``; a part without its country is completed where the country is known."""
    text = convert.to_text(value).strip().upper()
    if not _REGION.fullmatch(text) and not _SUBDIVISION.fullmatch(text):
        raise ValueError("expected a region by ISO 3166-2, such as PT-13")
    return text


def to_consent(value: Any) -> str:
    """``GRANTED`` or ``DENIED``, also of true and false."""
    if isinstance(value, bool):
        return "GRANTED" if value else "DENIED"
    text = convert.to_text(value).strip().upper()
    if text not in ("GRANTED", "DENIED"):
        raise ValueError("expected GRANTED, DENIED, true or false")
    return text


def to_email_sha256(value: Any) -> list[str]:
    """A list with the SHA-256 of one email; one that is hashed already stays as it is."""
    return [convert.to_sha256(value if is_hashed(value) else convert.to_email(value))]


def to_phone_sha256(value: Any) -> list[str]:
    """A list with the SHA-256 of one phone number, which has to be in E.164; one that is hashed already stays as it is."""
    return [convert.to_sha256(value if is_hashed(value) else convert.to_e164(value))]


def is_hashed(value: Any) -> bool:
    return isinstance(value, str) and bool(_SHA256.fullmatch(value.strip().lower()))


def to_property(settings: Settings) -> Converter:
    """The converter of user properties: text of at most 36 characters, numbers and booleans."""

    def to_property(value: Any) -> Any:
        if settings.pii_guard and tells_email(value):
            raise ValueError("an email; Google forbids it (pii_guard)")
        if isinstance(value, str):
            return value[:MAX_PROPERTY_TEXT]
        if isinstance(value, bool | int | float):
            return value
        raise ValueError("expected text, a number or a boolean")

    return to_property


# --- rows ---


def envelope_rows(settings: Settings, root: Root = "context.traits") -> tuple[Field, ...]:
    """All that a request says beside its events."""
    return (*_CONTEXT, *_consent_rows(settings), *_place_rows(root), *person_rows(settings, root))


_CONTEXT: Final = (
    Field("context.ip", "ip_override", convert.to_ip),
    Field("context.userAgent", "user_agent", convert.to_text),
    Field("context.device.type", "device.category", to_category, note="`device` only without a user agent"),
    Field("context.device.model", "device.model", convert.to_text),
    Field(("context.device.brand", "context.device.manufacturer"), "device.brand", convert.to_text),
    Field("context.os.name", "device.operating_system", convert.to_text),
    Field("context.os.version", "device.operating_system_version", convert.to_text),
    Field("context.locale", "device.language", convert.to_locale),
)


def _consent_rows(settings: Settings) -> tuple[Field, ...]:
    """The later row wins: the person's choice of a category, then what a caller says in Google's own words."""
    category = f"context.consent.categoryPreferences.{settings.advertising_category}"
    by_category = (
        [Field(category, f"consent.{name}", to_consent) for name in ("ad_user_data", "ad_personalization")]
        if settings.advertising_category
        else []
    )
    by_name = [
        Field((*option(name), f"context.consent.{name}"), f"consent.{name}", to_consent)
        for name in ("ad_user_data", "ad_personalization")
    ]
    return (*by_category, *by_name)


_PLACE: Final[tuple[tuple[str, str, str, Converter], ...]] = (
    ("city", "city", "city", convert.not_blank),
    ("region", "state", "region_id", to_region),
    ("country", "country", "country_id", convert.to_country),
)
"""Of a place: its name in a location, its name in an address, Google's field, converter."""


def _place_rows(root: Root) -> tuple[Field, ...]:
    """Where it happened, as ``location``, and apart from it where the person lives: `complete` takes one of the two whole."""
    return tuple(
        row
        for name, part, to, converter in _PLACE
        for row in (
            Field(f"context.location.{name}", f"location.{to}", converter, note="as `user_location`"),
            Field(f"{root}.address.{part}", f"user_location.{to}", converter),
        )
    )


def person_rows(settings: Settings, root: Root) -> tuple[Field, ...]:
    """User properties that the settings name, and hashed data where they want it; the rest stays here, and says why."""
    chosen = tuple(
        Field(
            f"{root}.{trait}",
            f"user_properties.{property_name(trait)}.value",
            convert.to_date if trait == "createdAt" else to_property(settings),
        )
        for trait in settings.user_properties
    )
    hashed = _user_data_rows(root) if settings.user_data else ()
    used = {source.removeprefix(f"{root}.").partition(".")[0] for row in (*chosen, *hashed) for source in row.sources}
    kept = tuple(
        Field(f"{root}.{trait}", note=_why_kept(trait))
        for trait in USER_TRAITS
        if trait not in used and trait != "address"  # whose rows are above
    )
    return (*chosen, *hashed, *kept)


def _why_kept(trait: str) -> str:
    if trait == "id":
        return "the userId is `user_id`"
    if trait in ("email", "phone", "firstName", "lastName"):
        return "Google forbids it; hashed with `user_data`"
    if trait in PERSONAL_TRAITS:
        return "tells the person, or too long"
    return "only where `user_properties` names it"


def _user_data_rows(root: Root) -> tuple[Field, ...]:
    address = "user_data.address"
    return (
        Field(f"{root}.email", "user_data.sha256_email_address", to_email_sha256),
        Field(f"{root}.phone", "user_data.sha256_phone_number", to_phone_sha256, note="only in E.164"),
        Field(f"{root}.firstName", f"{address}.sha256_first_name", convert.to_sha256),
        Field(f"{root}.lastName", f"{address}.sha256_last_name", convert.to_sha256),
        Field(f"{root}.address.street", f"{address}.sha256_street", convert.to_sha256),
        Field(f"{root}.address.city", f"{address}.city", convert.to_lower),
        Field(f"{root}.address.state", f"{address}.region", convert.to_lower),
        Field(f"{root}.address.postalCode", f"{address}.postal_code", convert.to_lower),
        Field(f"{root}.address.country", f"{address}.country", convert.to_country),
    )


def complete(event: Event, fields: Document, settings: Settings) -> Document:
    """Put right what takes more than one value: the device, the region, the email, the list of addresses."""
    device = fields.pop("device", None)
    if device and "user_agent" not in fields:  # Google reads the device from the user agent, unless one is told
        fields["device"] = device | _screen(event)
    of_person = fields.pop("user_location", {})
    place = fields.pop("location", None) or of_person
    region = place.get("region_id")
    if region and "-" not in region:
        if "country_id" in place:
            place["region_id"] = f"{place['country_id']}-{region}"
        else:
            del place["region_id"]
    if place:
        fields["user_location"] = place
    if settings.user_data and event.user_id and looks_like_email(event.user_id):
        fields.setdefault("user_data", {}).setdefault("sha256_email_address", to_email_sha256(event.user_id))
    if "address" in fields.get("user_data", {}):
        fields["user_data"]["address"] = [fields["user_data"]["address"]]
    return fields


def _screen(event: Event) -> Document:
    screen = event.context.get("screen")
    sizes = [screen.get(side) for side in ("width", "height")] if isinstance(screen, dict) else []
    is_known = sizes and all(isinstance(size, int) and not isinstance(size, bool) for size in sizes)
    return {"screen_resolution": f"{sizes[0]}x{sizes[1]}"} if is_known else {}
