"""What ActiveCampaign refuses of contacts, fields and accounts.

Source: facts/vendors/activecampaign.md sections 3, 4, 5 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from typing import Any

import orjson

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_CONTACT = frozenset({"email", "firstName", "lastName", "phone", "fieldValues"})
_IMPORTED = frozenset(
    {"email", "first_name", "last_name", "phone", "customer_acct_name", "tags", "fields", "subscribe", "unsubscribe"}
)

MAX_EVENT_NAME = 32

Fault = tuple[str, str, str]
"""Code, title, and the last part of the pointer."""


def is_email(value: Any) -> bool:
    return isinstance(value, str) and _EMAIL.fullmatch(value) is not None


def check_contact(contact: Any, types: Mapping[str, str]) -> Iterator[Fault]:
    """*types*: text, number, date, datetime or list by the id of each custom field."""
    if not isinstance(contact, dict):
        yield "field_missing", "The contact was not provided.", "contact"
        return
    if not contact.get("email"):
        yield "field_missing", "The contact email is required.", "email"
    elif not is_email(contact["email"]):
        yield "email_invalid", "Email address is invalid.", "email"
    for name, value in contact.items():
        if name not in _CONTACT:
            yield "field_unknown", f"{name} is not a field of a contact.", name
        elif name != "fieldValues" and not isinstance(value, str):
            yield "field_invalid", f"{name} must be text.", name
    for item in contact.get("fieldValues", []):
        wrong = _wrong_value(item.get("value"), types.get(str(item.get("field")), "text"))
        if wrong:
            yield "field_invalid", f"Field {item.get('field')}: {wrong}", "fieldValues"


def unknown_fields(contact: Mapping[str, Any], types: Mapping[str, str]) -> list[str]:
    named = [str(item.get("field")) for item in contact.get("fieldValues", [])]
    return [field for field in named if field not in types]


def check_imported(contact: Any, types: Mapping[str, str]) -> str:
    """Why this contact of an import is refused; "" if it isn't."""
    if not isinstance(contact, dict) or not is_email(contact.get("email")):
        return "Invalid email address"
    unknown = contact.keys() - _IMPORTED
    if unknown:
        return f"Unknown {sorted(unknown)[0]}"
    for field in contact.get("fields", []):
        if not isinstance(field.get("id"), int) or str(field["id"]) not in types:
            return f"Unknown field {field.get('id')}"
        wrong = _wrong_value(field.get("value"), types[str(field["id"])])
        if wrong:
            return wrong
    for name in ("subscribe", "unsubscribe"):
        if not all(isinstance(each, dict) and "listid" in each for each in contact.get(name, [])):
            return f"{name} takes objects with a listid"
    return ""


def check_account(account: Any, fields: frozenset[str]) -> Iterator[Fault]:
    if not isinstance(account, dict) or not account.get("name"):
        yield "field_missing", "The account name is required.", "name"
        return
    for name in account.keys() - {"name", "accountUrl", "fields"}:
        yield "field_unknown", f"{name} is not a field of an account.", name
    for item in account.get("fields", []):
        if str(item.get("customFieldId")) not in fields or not isinstance(item.get("fieldValue"), str):
            yield "field_invalid", f"Custom field {item.get('customFieldId')} does not take that.", "fields"


def check_event(form: Mapping[str, str], names: Collection[str]) -> str:
    """Why event tracking refuses this form, less its credentials; "" if it doesn't."""
    unknown = form.keys() - {"event", "eventdata", "visit"}
    if unknown:
        return f"Unknown parameter {sorted(unknown)[0]}"
    name = form.get("event", "")
    if not 1 <= len(name) <= MAX_EVENT_NAME:
        return "The event name has 1 to 32 characters"
    if name not in names:
        return f"There is no event {name}"
    try:
        visit = orjson.loads(form.get("visit", ""))
    except orjson.JSONDecodeError:
        return "visit is not JSON"
    return "" if isinstance(visit, dict) and is_email(visit.get("email")) else "visit has no valid email"


def _wrong_value(value: Any, kind: str) -> str:
    if not isinstance(value, str):
        return "a value is text"
    try:
        if kind == "number":
            float(value)
        elif kind == "date":
            date.fromisoformat(value)
        elif kind == "datetime" and datetime.fromisoformat(value).tzinfo is None:
            return "a date and time has an offset"
    except ValueError:
        return f"{value!r} is no {kind}"
    if kind == "list" and not (value.startswith("||") and value.endswith("||") and len(value) > 4):
        return "options stand between double pipes"
    return ""
