"""Values as Salesforce's fields take them: lengths, dates, picklists.

Source: facts/vendors/salesforce.md section 4 (types and lengths, of the standard object model).
"""

from __future__ import annotations

import re
from typing import Any, Final

from router.plugin import Converter, convert

MAX_ID: Final = 255
_STATE_CODE: Final = re.compile("[A-Z0-9]{1,3}")


def cut(limit: int) -> Converter:
    """Text, cut to *limit* characters: longer text fails the record."""
    return convert.chain(convert.not_blank, convert.cut(limit))


def to_date_time(value: Any) -> str:
    """``2024-08-24T14:15:22.000Z``; a plain date is midnight UTC."""
    return convert.to_naive_utc(value) + ".000Z"


def to_state_code(value: Any) -> str:
    """A state by the code that ISO 3166-2 has for it in its country, in upper case: ``CA``, ``NSW``; its name is refused."""
    text = convert.to_text(value).strip().upper()
    if not _STATE_CODE.fullmatch(text):
        raise ValueError("expected a code of one to three letters or digits, such as CA")
    return text


def to_value(value: Any) -> Any:
    """Text, numbers, booleans as they are; a list of texts as ``a;b`` (a multi-select picklist), an empty one as an empty text;
    all else as JSON in a text."""
    if isinstance(value, list) and all(isinstance(item, str) and ";" not in item for item in value):
        return ";".join(value)
    return convert.to_json_text(value) if isinstance(value, dict | list) else value
