"""Values as Salesforce's fields take them: lengths, dates, picklists.

Source: facts/vendors/salesforce.md section 4 (types and lengths, of the standard object model).
"""

from __future__ import annotations

from typing import Any, Final

from router.plugin import Converter, convert

MAX_ID: Final = 255


def cut(limit: int) -> Converter:
    """Text, cut to *limit* characters: longer text fails the record."""

    def cut(value: Any) -> str:
        text = convert.to_text(value).strip()
        if not text:
            raise ValueError("expected text that is not blank")
        return text[:limit]

    cut.__name__ = f"cut({limit})"
    cut.__doc__ = f"Text cut to {limit} characters."
    return cut


def at_most(limit: int, converter: Converter) -> Converter:
    """What *converter* makes, left out where it is longer than *limit*: half an address leads nowhere."""

    def at_most(value: Any) -> str:
        text: str = converter(value)
        if len(text) > limit:
            raise ValueError(f"expected at most {limit} characters")
        return text

    at_most.__name__ = f"{converter.__name__}, at_most({limit})"
    at_most.__doc__ = f"{converter.__doc__} At most {limit} characters."
    return at_most


def to_date_time(value: Any) -> str:
    """``2024-08-24T14:15:22.000Z``; a plain date is midnight UTC."""
    return convert.to_naive_utc(value) + ".000Z"


def to_value(value: Any) -> Any:
    """Text, numbers, booleans as they are; a list of texts as ``a;b`` (a multi-select picklist); all else as JSON in a text."""
    if isinstance(value, list) and value and all(isinstance(item, str) and ";" not in item for item in value):
        return ";".join(value)
    return convert.to_json_text(value) if isinstance(value, dict | list) else value
