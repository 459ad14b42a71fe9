"""Values as SendGrid's contact fields take them.

Source: facts/vendors/sendgrid-marketing.md sections 3 and 4.
"""

from __future__ import annotations

from typing import Any, Final

from plugins.sendgrid.settings import FIELD
from router.plugin import Converter, convert

MAX_ID: Final = 254
to_id: Final = convert.at_most(MAX_ID)
to_email_id: Final = convert.at_most(MAX_ID, convert.to_email)
MAX_CUSTOM_TEXT: Final = 1_000
"""Unverified: a longer text may be refused, and with it everybody in the request."""


def cut(most: int) -> Converter:
    """Text cut to *most* characters."""

    def cut_text(value: Any) -> str:
        return convert.to_text(value).strip()[:most]

    cut_text.__name__ = f"cut({most})"
    return cut_text


def to_us_date(value: Any) -> str:
    """``08/24/2024``: month, day, year in UTC."""
    year, month, day = convert.to_date(value).split("-")
    return f"{month}/{day}/{year}"


def to_custom_text(value: Any) -> str:
    """Text of at most 1000 characters; booleans, lists and objects as JSON."""
    return convert.to_json_text(value)[:MAX_CUSTOM_TEXT]


_CONVERTERS: Final[dict[str, Converter]] = {
    "T": to_custom_text,
    "N": convert.to_number,
    "D": to_us_date,
    "text": to_custom_text,
    "number": convert.to_number,
    "date": to_us_date,
}


def custom_field(named: str) -> tuple[str, Converter]:
    """The id of a custom field that the settings name, and what makes a value of its type."""
    match = FIELD.fullmatch(named)
    assert match is not None, named  # the settings have seen to it
    return match["id"], _CONVERTERS[match["type"] or match["suffix"] or "T"]
