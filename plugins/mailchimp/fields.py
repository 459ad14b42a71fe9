"""Values as merge fields and events of Mailchimp take them.

Source: facts/vendors/mailchimp.md sections 3 to 6.
"""

from __future__ import annotations

import re
from typing import Any, Final

from plugins.mailchimp.settings import FIELD
from router.plugin import Converter, Document, convert

MAX_TEXT: Final = 255
MAX_TAG: Final = 10
MAX_EVENT_NAME: Final = 30
_MONTH_AND_DAY: Final = re.compile(r"(?:--)?(0[1-9]|1[0-2])[-/](0[1-9]|[12][0-9]|3[01])")
_STATUSES: Final = ("subscribed", "pending", "transactional", "unsubscribed")
_REQUIRED: Final = (("street", "addr1"), ("city", "city"), ("state", "state"), ("postalCode", "zip"))


def merge_tag(key: str) -> str | None:
    """The tag that a trait's name makes: letters, digits and ``_``, in capitals, cut to ten. None where nothing is left."""
    tag = re.sub(r"[^A-Z0-9_]", "", key.upper()).lstrip("0123456789_")[:MAX_TAG]
    return tag or None


def event_name(name: str) -> str | None:
    """*name* with ``_`` for what an event name may not have, cut to 30 characters; None where no name is left."""
    cut = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:MAX_EVENT_NAME]
    return cut if len(cut) >= 2 else None


def property_name(key: str) -> str | None:
    """Beginning with a letter, then letters, digits and ``_``."""
    return re.sub(r"[^A-Za-z0-9_]", "_", key).lstrip("0123456789_") or None


def to_merge_text(value: Any) -> str:
    """Text of at most 255 characters; booleans, numbers, lists and objects as JSON."""
    return convert.to_json_text(value)[:MAX_TEXT]


to_first_name: Final = convert.chain(convert.to_first_name, convert.cut(MAX_TEXT))
to_last_name: Final = convert.chain(convert.to_last_name, convert.cut(MAX_TEXT))


def to_birthday(value: Any) -> str:
    """``12/10``: month and day, which is all that Mailchimp keeps of it; they may come like that."""
    told = _MONTH_AND_DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    if told:
        return f"{told[1]}/{told[2]}"
    _, month, day = convert.to_date(value).split("-")
    return f"{month}/{day}"


def to_us_phone(value: Any) -> str:
    """``(555) 555-1234``, for fields of the US format."""
    digits = re.sub(r"\D", "", convert.to_text(value))
    digits = digits.removeprefix("1") if len(digits) == 11 else digits
    if len(digits) != 10:
        raise ValueError("expected a phone number of the US")
    return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"


def to_address(value: Any) -> dict[str, str]:
    """An address with street, city, state and postal code, all of them: Mailchimp takes it whole or not at all."""
    address = value if isinstance(value, dict) else {}
    made = {name: _text_of(address, part)[:MAX_TEXT] for part, name in _REQUIRED}
    if not all(made.values()):
        raise ValueError("expected an object with street, city, state and postalCode")
    country = _text_of(address, "country").upper()
    if country and not re.fullmatch("[A-Z]{2}", country):
        raise ValueError("expected a country code of two letters")  # without one Mailchimp would say US
    return made | ({"country": country} if country else {})


def _text_of(address: Document, part: str) -> str:
    value = address.get(part)
    if isinstance(value, dict | list):
        raise ValueError(f"expected text as its {part}")
    return "" if value is None else convert.to_text(value).strip()


def to_moment(value: Any) -> str:
    """``2026-03-04T10:20:30+00:00``; a plain date is midnight UTC."""
    return convert.to_naive_utc(value) + "+00:00"


def to_language(value: Any) -> str:
    """``en``: the two letters that a locale begins with."""
    match = re.match(r"[a-z]{2}(?![a-z])", convert.to_lower(value))
    if match is None:
        raise ValueError("expected a locale such as en-GB")
    return match[0]


def to_status(value: Any) -> str:
    """A status by name; true and false are subscribed and unsubscribed."""
    if value in _STATUSES:
        return str(value)
    try:
        return "subscribed" if convert.to_boolean(value) else "unsubscribed"
    except ValueError:
        raise ValueError(f"expected true, false, {', '.join(_STATUSES)}") from None


def to_status_of_new(value: Any) -> str:
    """The same for a new member; ``transactional`` for a word that can't be read: by that nobody has agreed to get mail."""
    try:
        return to_status(value)
    except ValueError:
        return "transactional"


def to_tags(value: Any) -> list[str]:
    """A list of texts; one text is a list of one."""
    tags = [value] if isinstance(value, str) else value
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError("expected a list of texts")
    return [tag.strip() for tag in tags if tag.strip()]


_CONVERTERS: Final[dict[str, Converter]] = {
    "text": to_merge_text,
    "number": convert.to_number,
    "date": convert.to_date,
    "birthday": to_birthday,
    "url": convert.to_url,
    "imageurl": convert.to_url,
    "address": to_address,
    "us_phone": to_us_phone,
}


def merge_field(named: str) -> tuple[str, Converter]:
    """The tag of a merge field that the settings name, and what makes a value of its type."""
    match = FIELD.fullmatch(named)
    assert match is not None, named  # the settings have seen to it
    return match["tag"], _CONVERTERS[match["type"] or "text"]
