"""What SendGrid refuses of contacts.

Source: facts/vendors/sendgrid-marketing.md sections 3 and 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

IDENTIFIERS = ("email", "external_id", "phone_number_id", "anonymous_id")
_LIMITS = {
    "email": 254,
    "external_id": 254,
    "anonymous_id": 254,
    "first_name": 50,
    "last_name": 50,
    "address_line_1": 100,
    "address_line_2": 100,
    "city": 60,
    "state_province_region": 50,
    "country": 50,
    "postal_code": None,
    "phone_number": None,
    "phone_number_id": None,
    "unique_name": None,
    "whatsapp": None,
    "line": None,
    "facebook": None,
}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_E164 = re.compile(r"\+[1-9]\d{1,14}")
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_RESERVED = frozenset(
    {
        *("first_name", "last_name", "email", "alternate_emails", "address_line_1", "address_line_2", "city"),
        *("state_province_region", "postal_code", "country", "phone_number", "whatsapp", "line", "facebook"),
        *("unique_name", "email_domains", "last_clicked", "last_opened", "last_emailed", "singlesend_id"),
        *("automation_id", "created_at", "updated_at", "contact_id"),
    }
)
MAX_CUSTOM_TEXT = 1_000

Fault = tuple[str, str]
"""The field, and what is wrong with it."""


def check_contact(contact: Any, types: Mapping[str, str]) -> Iterator[Fault]:
    """*types*: Text, Number or Date by the id of each custom field that there is."""
    if not isinstance(contact, dict):
        yield "", "a contact must be an object"
        return
    if not any(contact.get(name) for name in IDENTIFIERS):
        yield "", "at least one identifier is required"
    for name, value in contact.items():
        if name not in (*_LIMITS, "custom_fields", "alternate_emails"):
            yield f".{name}", f"{name} is not a field of a contact"
        elif name in _LIMITS:
            most = _LIMITS[name]
            if not isinstance(value, str):
                yield f".{name}", f"{name} must be a string"
            elif most is not None and len(value) > most:
                yield f".{name}", f"{name} may have {most} characters"
    yield from _check_forms(contact)
    yield from _check_custom(contact.get("custom_fields", {}), types)


def _check_forms(contact: dict[str, Any]) -> Iterator[Fault]:
    email, phone, others = (contact.get(name) for name in ("email", "phone_number_id", "alternate_emails"))
    if isinstance(email, str) and not _EMAIL.fullmatch(email):
        yield ".email", f"email '{email}' is not valid"
    if isinstance(phone, str) and not _E164.fullmatch(phone):
        yield ".phone_number_id", "phone_number_id must be in E.164 form"
    if others is not None and not (isinstance(others, list) and len(others) <= 5):
        yield ".alternate_emails", "alternate_emails is a list of at most 5"


def _check_custom(fields: Any, types: Mapping[str, str]) -> Iterator[Fault]:
    if not isinstance(fields, dict):
        yield ".custom_fields", "custom_fields must be an object"
        return
    for name, value in fields.items():
        if name not in types:
            yield f".custom_fields.{name}", f"invalid custom field ids supplied - {name}"
        elif not _fits(value, types[name]):
            yield f".custom_fields.{name}", f"custom field '{name}' takes a {types[name]}"


def _fits(value: Any, type: str) -> bool:
    if type == "Number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, str):
        return False
    if type == "Date":
        try:
            return bool(datetime.strptime(value, "%m/%d/%Y"))
        except ValueError:
            return False
    return len(value) <= MAX_CUSTOM_TEXT


def check_definition(body: Any) -> Iterator[Fault]:
    """A new custom field."""
    name, type = (body.get(key) if isinstance(body, dict) else None for key in ("name", "field_type"))
    if not isinstance(name, str) or not _FIELD_NAME.fullmatch(name):
        yield "name", "a name has 1 to 100 letters, digits and _, and begins with no digit"
    elif name in _RESERVED:
        yield "name", f"{name} is reserved"
    if type not in ("Text", "Number", "Date"):
        yield "field_type", "field_type is Text, Number or Date"
