"""Whom an event is about: ``user_data``, by which Meta finds a person. What names somebody is normalised, then hashed.

Source: facts/vendors/facebook-conversions-api.md sections 3 and 4.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from plugins.facebook_conversions.settings import Settings
from plugins.facebook_conversions.us_states import US_STATES
from router.plugin import Converter, Document, Event, Field, convert, looks_like_email

_HASHED = re.compile(r"[0-9a-fA-F]{64}")
_FIRST_YEAR = "1900"
_ZIP_PLUS_4 = re.compile(r"([0-9]{5})-?[0-9]{4}")
_CLICK_ID = re.compile(r"[?&]fbclid=([^&#\s]+)")

TOO_BROAD: Final = (
    frozenset({"ct", "country", "st", "zp", "ge", "client_user_agent"}),
    frozenset({"db", "client_user_agent"}),
    frozenset({"fn", "ge"}),
    frozenset({"ln", "ge"}),
)
"""What would fit too many people: an event with nothing but these, or with less, is refused.

Source: developers.facebook.com/docs/marketing-api/conversions-api/best-practices, as quoted in public code (read 2026-11-26).
"""


def hashed(normalise: Converter) -> Converter:
    """The converter that normalises and hashes. What is hashed already (64 hex digits) is neither."""

    def hash(value: Any) -> str:
        text = convert.to_text(value).strip()
        return text.lower() if _HASHED.fullmatch(text) else convert.to_sha256(normalise(text))

    hash.__name__ = f"{normalise.__name__}, to_sha256"
    hash.__doc__ = f"{normalise.__doc__} Then its SHA-256."
    return hash


def part_of_name(take: Converter) -> Converter:
    """The converter of a full name to the part of it that *take* takes, hashed. A hashed name has no parts."""

    def part(value: Any) -> str:
        if _HASHED.fullmatch(convert.text_only(value).strip()):
            raise ValueError("a name that is hashed can't be taken apart")
        return convert.to_sha256(to_name(take(value)))

    part.__name__ = f"{take.__name__}, to_name, to_sha256"
    part.__doc__ = f"{take.__doc__} Then its SHA-256."
    return part


def to_phone_digits(value: Any) -> str:
    """Digits with the country code in front. A number that begins with a single 0 has none, and is left out."""
    text = convert.to_text(value).strip()
    try:
        return str(convert.to_e164(text if text.startswith(("+", "00")) else f"+{text}")).removeprefix("+")
    except ValueError:
        raise ValueError("expected a phone number with its country code, such as +14155550123") from None


def to_initial(value: Any) -> str:
    """``f`` or ``m``; anything else is left out."""
    gender = convert.to_gender(value)
    if gender not in ("female", "male"):
        raise ValueError("expected female or male, Meta knows no other")
    return gender[0]


def to_day(value: Any) -> str:
    """A date as ``YYYYMMDD``, from 1900 on."""
    day = convert.to_date(value).replace("-", "")
    if day < _FIRST_YEAR:
        raise ValueError("expected a date of 1900 or later")
    return day


def to_name(value: Any) -> str:
    """Lower case, without punctuation."""
    return _kept(value, lambda kind: kind[0] not in "CPS")


def to_city(value: Any) -> str:
    """Lower case, letters alone."""
    return _kept(value, lambda kind: kind[0] in "LM")


def to_state(value: Any) -> str:
    """Lower case, without blanks and punctuation; the name of a state of the US becomes its two letters."""
    text = _kept(value, lambda kind: kind[0] in "LMN")
    return US_STATES.get(text, text)


def to_postal_code(value: Any) -> str:
    """Lower case, without blanks; a ZIP+4 is cut to five digits."""
    text = re.sub(r"\s", "", convert.to_lower(value))
    zip_plus_4 = _ZIP_PLUS_4.fullmatch(text)
    return zip_plus_4[1] if zip_plus_4 else text


def _kept(value: Any, is_kept: Any) -> str:
    text = "".join(each for each in convert.to_lower(value) if is_kept(unicodedata.category(each)))
    if not text.strip():
        raise ValueError("expected text with letters in it")
    return text.strip()


def _person(*names: str, to: str, normalise: Converter) -> Field:
    """A row for what is known of the person, which rides in ``context.traits``; or for a property of that name."""
    first, *others = names
    sources = (f"context.traits.{first}", *(f"properties.{name}" for name in others))
    return Field(sources, f"user_data.{to}", hashed(normalise))


PERSON_ROWS: Final = (
    _person("email", "email", to="em", normalise=convert.to_email),
    _person("phone", "phone", to="ph", normalise=to_phone_digits),
    _person("gender", to="ge", normalise=to_initial),
    _person("birthday", to="db", normalise=to_day),
    Field("context.traits.name", "user_data.fn", part_of_name(convert.to_first_name), note="without a firstName"),
    _person("firstName", "firstName", "first_name", to="fn", normalise=to_name),
    Field("context.traits.name", "user_data.ln", part_of_name(convert.to_last_name), note="without a lastName"),
    _person("lastName", "lastName", "last_name", to="ln", normalise=to_name),
    _person("address.city", to="ct", normalise=to_city),
    _person("address.state", to="st", normalise=to_state),
    _person("address.postalCode", to="zp", normalise=to_postal_code),
    _person("address.country", to="country", normalise=convert.chain(convert.to_country, convert.to_lower)),
    Field("context.traits.address", note="the street, and an address given as text, find nobody"),
    Field("context.traits.id", note="the userId is the `external_id`"),
    *(
        Field(f"context.traits.{name}", note="Meta finds nobody by it")
        for name in ("age", "avatar", "company", "createdAt", "description", "title", "username", "website")
    ),
    Field("context.ip", "user_data.client_ip_address", convert.to_ip),
    Field("context.userAgent", "user_data.client_user_agent", convert.to_text),
    Field(("context.fbp", "context.cookies._fbp", "properties.fbp"), "user_data.fbp", convert.text_only),
    Field(("context.fbc", "context.cookies._fbc", "properties.fbc"), "user_data.fbc", convert.text_only),
    Field(("context.fbclid", "properties.fbclid"), "click_id", convert.text_only, note="in `fbc`, where there is none"),
)


def id_rows(settings: Settings) -> tuple[Field, ...]:
    if not settings.send_external_id:
        return (Field(("userId", "anonymousId"), note="not sent (setting send_external_id)"),)
    return (Field(("userId", "anonymousId"), "user_data.external_id", hashed(convert.to_text)),)


def build_user_data(event: Event, fields: Document) -> Document:
    """``user_data`` from what `PERSON_ROWS` gave, which are taken out of *fields*; with what has to be derived."""
    user: Document = fields.pop("user_data", {})
    if "em" not in user and event.user_id and looks_like_email(event.user_id):
        user["em"] = convert.to_sha256(event.user_id)
    click_id = fields.pop("click_id", None) or _click_id(event)
    if "fbc" not in user and click_id:
        user["fbc"] = f"fb.1.{convert.to_unix_millis(event.timestamp)}.{click_id}"
    return user


def _click_id(event: Event) -> str | None:
    """``fbclid`` of the page's address."""
    page = event.context.get("page")
    for address in (page.get("url"), page.get("search")) if isinstance(page, dict) else ():
        found = _CLICK_ID.search(address) if isinstance(address, str) else None
        if found:
            return found[1]
    return None


def is_too_broad(user: Document) -> bool:
    return any(user.keys() <= combination for combination in TOO_BROAD)
