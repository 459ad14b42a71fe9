"""Values as Pipedrive's fields take them.

Source: facts/vendors/pipedrive.md section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from plugins.pipedrive.settings import CustomField
from router.plugin import Converter, Document, convert

MAX_TEXT: Final = 255
"""Characters of a `varchar`; our choice for names, which are searched for."""
to_name: Final = convert.chain(convert.not_blank, convert.cut(MAX_TEXT))
to_id: Final = convert.at_most(MAX_TEXT, convert.to_id)
_ADDRESS: Final = {
    "city": "locality",
    "state": "admin_area_level_1",
    "postalCode": "postal_code",
    "country": "country",
}
"""There is no part for a street with its number in it."""


def converter_for(field: CustomField) -> Converter:
    """What makes a value of the field's type."""
    match field.type:
        case "enum":
            return partial(to_option, field.options)
        case "set":
            return partial(to_options, field.options)
        case "monetary":
            return partial(to_money, field.currency)
        case _:
            return _CONVERTERS[field.type]


def to_line(value: Any) -> str | None:
    """Text, cut to 255 characters; all else as JSON, unless it is longer. An empty text clears the field."""
    text = convert.to_json_text(value)
    if len(text) > MAX_TEXT and not isinstance(value, str):
        raise ValueError(f"expected at most {MAX_TEXT} characters of JSON")
    return text[:MAX_TEXT] or None


def to_large_text(value: Any) -> str | None:
    """Text; all else as JSON. An empty text clears the field."""
    return convert.to_json_text(value) or None


def to_phone_text(value: Any) -> str | None:
    """A phone number, in the form that says its country where it does. An empty text clears the field."""
    return convert.to_phone(value) or None


def to_option(options: Mapping[str, int], value: Any) -> int:
    """The id of the option that the settings name for a value, in any letter case; where they name none, the value itself."""
    if not options:
        return convert.to_integer(value)
    wanted = convert.to_text(value).strip().casefold()
    for name, option in options.items():
        if name.casefold() == wanted:
            return option
    raise ValueError("expected one of the options that the settings name")


def to_options(options: Mapping[str, int], value: Any) -> list[int] | None:
    """The ids of several options, each once; one value is a list of one, and an empty list clears the field.

    Source: the official client (github.com/pipedrive/client-nodejs, read 2026-11-28): no empty list is taken.
    """
    values = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(to_option(options, each) for each in values)) or None


def to_money(currency: str, value: Any) -> Document:
    """An amount, with the currency that the settings name."""
    return {"value": convert.to_amount(value), "currency": currency}


def to_address(value: Any) -> Document:
    """An address in one line, beside it those of its parts that Pipedrive has a place for."""
    parts = _parts_of(value)
    return {"value": _in_one_line(value), **{to: parts[name] for name, to in _ADDRESS.items() if name in parts}}


def to_address_line(value: Any) -> Document:
    """An address in one line."""
    return {"value": _in_one_line(value)}


def _in_one_line(value: Any) -> str:
    line = value.strip() if isinstance(value, str) else ", ".join(_parts_of(value).values())
    if not line:
        raise ValueError("expected an address")
    return line


def _parts_of(value: Any) -> dict[str, str]:
    parts = value if isinstance(value, dict) else {}
    told = {name: parts.get(name) for name in ("street", *_ADDRESS)}
    return {
        name: text
        for name, part in told.items()
        if isinstance(part, str | int | float) and (text := convert.to_text(part).strip())
    }


def to_moment(value: Any) -> str:
    """``2026-03-04T10:20:30Z``; a plain date is midnight UTC."""
    return convert.to_naive_utc(value) + "Z"


_CONVERTERS: Final[Mapping[str, Converter]] = {
    "varchar": to_line,
    "varchar_auto": to_line,
    "text": to_large_text,
    "phone": to_phone_text,
    "double": convert.to_amount,
    "date": convert.to_date,
    "address": to_address_line,
    "user": convert.to_integer,
    "org": convert.to_integer,
    "people": convert.to_integer,
}
