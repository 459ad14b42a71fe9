"""Names and values as HubSpot's properties take them.

Source: facts/vendors/hubspot.md sections 4 and 6.
"""

from __future__ import annotations

import re
from typing import Any, Final

from router.plugin import convert

READ_ONLY: Final = frozenset({"hs_object_id", "createdate", "lastmodifieddate"})
_READ_ONLY_PREFIXES = ("hs_", "num_")
"""Most of these are HubSpot's own sums; the few that can be written have to be listed in the settings."""
MAX_TEXT: Final = 65_536
"""Characters of a property. A longer one costs a contact of a batch everything."""
_SIZES: Final = ((5, "1-5"), (25, "5-25"), (50, "25-50"), (100, "50-100"), (500, "100-500"), (1_000, "500-1000"))


def property_name(key: str) -> str | None:
    """*key* in lower case, ``_`` for what no name may hold; None where it doesn't begin with a letter then."""
    name = re.sub(r"[^a-z0-9_]", "_", key.strip().lower())
    return name if re.match("[a-z]", name) else None


def is_read_only(name: str) -> bool:
    return name in READ_ONLY or name.startswith(_READ_ONLY_PREFIXES)


def to_property(value: Any) -> Any:
    """Scalars as they are; a list joined with ``;``, as checkboxes have it; an object as JSON in a text."""
    if isinstance(value, list):
        return ";".join(convert.to_json_text(item) for item in value if item is not None)
    return convert.to_json_text(value) if isinstance(value, dict) else value


def to_value(value: Any) -> str:
    """What stands in a request, where every value is text, of 65,536 characters at most: ``""`` for null, which clears."""
    return "" if value is None else convert.to_json_text(value)[:MAX_TEXT]


def to_moment(value: Any) -> str:
    """A date as ``2024-08-24T14:15:22.000Z``; a plain date is midnight UTC."""
    return convert.to_naive_utc(value) + ".000Z"


def to_size_range(value: Any) -> str:
    """A number of employees as the contact's option: ``25-50``, ``1000+``."""
    number = convert.to_number(value)
    if number < 1:
        raise ValueError("expected a number of employees")
    return next((name for most, name in _SIZES if number < most), "1000+")


def to_industry(value: Any) -> str:
    """An industry in the form of the company's options: ``COMPUTER_SOFTWARE``."""
    option = re.sub(r"[^A-Z0-9]+", "_", convert.text_only(value).upper()).strip("_")
    if not option:
        raise ValueError("expected an industry with a letter from A to Z")  # empty text would clear HubSpot's
    return option
