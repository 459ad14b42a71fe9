"""What the stand-in for Attio knows of objects, and how it reads a value: as the documentation has it, not as the mapper.

Source: facts/vendors/attio.md sections 3, 4 and 7; docs.attio.com, attribute types and standard objects (copies of 2026).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

Values = dict[str, Any]


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, code: str, message: str, kind: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.status = status
        self.body = {"status_code": status, "type": kind, "code": code, "message": message}


class Attribute(NamedTuple):
    """One attribute of an object."""

    type: str
    is_unique: bool = False
    is_multi: bool = False
    is_required: bool = False
    is_writable: bool = True


OBJECTS: Final[Mapping[str, Mapping[str, Attribute]]] = {
    "people": {
        "email_addresses": Attribute("email", is_unique=True, is_multi=True),
        "name": Attribute("name"),
        "phone_numbers": Attribute("phone", is_multi=True),
        "job_title": Attribute("text"),
        "description": Attribute("text"),
        "primary_location": Attribute("location"),
        "company": Attribute("companies"),
        "avatar_url": Attribute("text", is_writable=False),
        "created_at": Attribute("timestamp", is_writable=False),
    },
    "companies": {
        "domains": Attribute("domain", is_unique=True, is_multi=True),
        "name": Attribute("text"),
        "description": Attribute("text"),
        "primary_location": Attribute("location"),
        "created_at": Attribute("timestamp", is_writable=False),
    },
    "users": {
        "user_id": Attribute("text", is_unique=True, is_required=True),
        "primary_email_address": Attribute("text", is_unique=True, is_required=True),
        "person": Attribute("people"),
        "workspace": Attribute("workspaces", is_multi=True),
        "created_at": Attribute("timestamp", is_writable=False),
    },
    "workspaces": {
        "workspace_id": Attribute("text", is_unique=True, is_required=True),
        "name": Attribute("text"),
        "avatar_url": Attribute("text"),
        "users": Attribute("users", is_multi=True),
        "company": Attribute("companies"),
        "created_at": Attribute("timestamp", is_writable=False),
    },
}
"""By slug, with their attributes. The type of a reference is the object that it points at."""
LOCATION: Final = frozenset(
    {
        *("line_1", "line_2", "line_3", "line_4", "locality", "region", "postcode"),
        *("country_code", "latitude", "longitude"),
    }
)
_PLAIN: Final[Mapping[str, Callable[[Any], bool]]] = {
    "any": lambda value: isinstance(value, str | int | float),
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "checkbox": lambda value: isinstance(value, bool),
    "date": lambda value: isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None,
    "timestamp": lambda value: isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", value) is not None,
}


def refuse(slug: str) -> Refusal:
    return Refusal(400, "validation_type", f'An invalid value was passed to attribute with slug "{slug}".')


def read(slug: str, attribute: Attribute, given: Any) -> list[Any]:
    """The values in *given*, each in the form that it is kept in.

    Raises:
        Refusal: *given* is none that the attribute takes.
    """
    if attribute.is_multi and not isinstance(given, list):
        raise refuse(slug)
    values = given if isinstance(given, list) else [given]
    if len(values) > 1 and not attribute.is_multi:
        raise refuse(slug)
    return [_read_one(slug, attribute.type, value) for value in values]


def _read_one(slug: str, kind: str, value: Any) -> Any:
    try:
        kept = _FORMS.get(kind, _reference)(value)
    except (KeyError, TypeError, AttributeError):
        kept = None
    if kept is None:
        raise refuse(slug)
    return kept


def _plain(fits: Callable[[Any], bool]) -> Callable[[Any], Any]:
    return lambda value: value if fits(value) else None


def _email(value: Any) -> str | None:
    address = value["email_address"] if isinstance(value, dict) else value
    return address.lower() if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address) else None


def _domain(value: Any) -> str | None:
    domain = value["domain"] if isinstance(value, dict) else value
    return domain.lower() if re.fullmatch(r"[^/\s.]+(\.[^/\s.]+)+", domain) else None


def _name(value: Any) -> Any:
    if isinstance(value, str):
        return value if ", " in value else None
    return value if all(isinstance(value[part], str) for part in ("first_name", "last_name", "full_name")) else None


def _phone(value: Any) -> Any:
    """A number needs its country: in itself, or beside it."""
    if isinstance(value, str):
        value = {"original_phone_number": value, "country_code": None}
    number, country = value["original_phone_number"], value["country_code"]
    digits = re.sub(r"[^\d+]", "", number)
    if not re.search(r"\d{6}", digits) or not (digits.startswith("+") or country):
        return None
    return {**value, "normalized_phone_number": digits if digits.startswith("+") else f"({country}) {digits}"}


def _location(value: Any) -> Any:
    if isinstance(value, str):
        return value
    country = value["country_code"]
    is_whole = value.keys() == LOCATION and all(isinstance(part, str | None) for part in value.values())
    return value if is_whole and (country is None or re.fullmatch("[A-Z]{2}", country)) else None


def _reference(value: Any) -> Any:
    """Found by the stand-in itself: here it is enough that it names an object."""
    return value if isinstance(value["target_object"], str) else None


_FORMS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **{kind: _plain(fits) for kind, fits in _PLAIN.items()},
    "email": _email,
    "domain": _domain,
    "name": _name,
    "phone": _phone,
    "location": _location,
}
