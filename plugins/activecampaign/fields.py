"""Values as custom fields of ActiveCampaign take them: always text.

Source: facts/vendors/activecampaign.md section 4.
"""

from __future__ import annotations

from typing import Any, Final

from plugins.activecampaign.settings import FIELD
from router.plugin import Converter, convert

MAX_TAGS: Final = 10
"""Each takes up to three requests, of five that there are in a second."""


def to_field_text(value: Any) -> str:
    """Text; a list of scalars as ``||one||two||``, an empty one as an empty text; booleans, numbers and objects as JSON."""
    if isinstance(value, list) and not any(isinstance(item, dict | list | None) for item in value):
        return to_options(value) if value else ""
    return convert.to_json_text(value)


def to_options(value: Any) -> str:
    """``||sms||email||``, the options that are ticked; one text is one option. There is no word for none."""
    options = value if isinstance(value, list) else [value]
    if not options:
        raise ValueError("expected at least one option")
    return "||" + "||".join(convert.to_text(option).replace("||", "|") for option in options) + "||"


def to_digits(value: Any) -> str:
    """A number as text; a currency sign before it is taken off."""
    return convert.to_text(convert.to_amount(value))


def to_moment(value: Any) -> str:
    """``2026-03-04T10:20:30+00:00``; a plain date is midnight UTC."""
    return convert.to_naive_utc(value) + "+00:00"


def to_tags(value: Any) -> list[str]:
    """A list of texts, each once; one text is a list of one."""
    tags = [value] if isinstance(value, str) else value
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError("expected a list of texts")
    return list(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))


_CONVERTERS: Final[dict[str, Converter]] = {
    "text": to_field_text,
    "number": to_digits,
    "date": convert.to_date,
    "datetime": to_moment,
    "list": to_options,
}


def custom_field(named: str) -> tuple[str, Converter]:
    """The field that the settings name, and what makes a value of its type."""
    match = FIELD.fullmatch(named)
    assert match is not None, named  # the settings have seen to it
    return match["field"], _CONVERTERS[match["type"] or "text"]


def field_name(key: str) -> str | None:
    """A trait's own name, as that of a field. Digits alone would be taken for an id."""
    name = key.strip()
    return None if not name or name.isdecimal() else name
