"""Values as Attio's attributes take them, and which attribute a trait goes to.

Source: facts/vendors/attio.md section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from plugins.attio.settings import ATTRIBUTE
from router.plugin import Converter, Field, Trait, canonical_trait, convert

LOCATION: Final = (
    *("line_1", "line_2", "line_3", "line_4", "locality", "region", "postcode"),
    *("country_code", "latitude", "longitude"),
)
"""A location has all of these; null stands for what is not known."""


def to_timestamp(value: Any) -> str:
    """``2024-08-24T14:15:22.000Z``; a plain date is midnight UTC."""
    return convert.to_naive_utc(value) + ".000Z"


def to_value(value: Any) -> Any:
    """Text, numbers and booleans as they are; a list of such too, for an attribute of several values; an object as JSON in a
    text."""
    return to_list(value) if isinstance(value, list) else _to_scalar(value)


def to_list(value: Any) -> list[Any]:
    """A list without its nulls; of anything else a list of one."""
    return [_to_scalar(item) for item in (value if isinstance(value, list) else [value]) if item is not None]


def _to_scalar(value: Any) -> Any:
    return convert.to_json_text(value) if isinstance(value, dict | list) else value


_OF_TYPE: Final[Mapping[str, Converter]] = {
    "text": convert.to_json_text,
    "number": convert.to_number,
    "checkbox": convert.to_boolean,
    "date": convert.to_date,
    "timestamp": to_timestamp,
    "list": to_list,
}
_OF_TRAIT: Final[Mapping[str, Converter]] = {
    "createdAt": to_timestamp,
    "birthday": convert.to_date,
    "age": convert.to_number,
}
"""Traits of which the spec says what they are."""
_IDS: Final = ("userId", "groupId")


def own_rows(
    attributes: Mapping[str, str], reserved: tuple[str, ...], at: str, setting: str, unplaced: Iterable[str] = ()
) -> Iterator[Field]:
    """Rows that write traits to *attributes*, as the *setting* names them, with *at* before each; and those that say of
    *unplaced* reserved traits, which have no attribute else, that they aren't named. They may be named in either spelling."""
    named = {canonical_trait(trait, reserved): attribute for trait, attribute in attributes.items()}
    for trait, attribute in named.items():
        match = ATTRIBUTE.fullmatch(attribute)
        assert match is not None, attribute  # the settings have seen to it
        converter = _OF_TYPE[match["type"]] if match["type"] else _OF_TRAIT.get(trait, to_value)
        yield Field(trait if trait in _IDS else f"traits.{trait}", f"{at}{match['slug']}", converter)
    for trait in unplaced:
        if trait not in named:
            yield Trait(trait, note=f"Attio has no attribute for it: name one in `{setting}`")
