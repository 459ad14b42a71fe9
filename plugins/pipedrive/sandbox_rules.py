"""What Pipedrive refuses of people, organizations and notes. Pure; used by the sandbox alone.

Written from facts/vendors/pipedrive.md sections 3 to 7, not from the mapper; the words of a refusal of custom fields from what
public integrations keep in their tests (read 2026-11-28).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

Fields = dict[str, Any]
MAX_VARCHAR: Final = 255
_PERSON: Final = frozenset(
    {"name", "owner_id", "org_id", "add_time", "emails", "phones", "visible_to", "label_ids", "marketing_status"}
)
_ORGANIZATION: Final = frozenset({"name", "owner_id", "add_time", "visible_to", "label_ids", "address"})
_ADDRESS: Final = frozenset(
    {
        "value",
        "country",
        "admin_area_level_1",
        "admin_area_level_2",
        "locality",
        "sublocality",
        "route",
        "street_number",
        "subpremise",
        "postal_code",
    }
)


class Refusal(Exception):
    """An answer other than a success."""

    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.headers = status, headers or {}
        self.body = {"success": False, "error": error, "error_info": "See the API documentation", "data": None}


def _invalid(name: str, why: str) -> Refusal:
    return Refusal(400, f"Validation failed: {name}: {why}")


def check_record(kind: str, sent: Any, types: Mapping[str, Fields], *, is_new: bool) -> None:
    """*types*: of each custom field by its key, its ``type`` and perhaps its ``options``."""
    if not isinstance(sent, dict):
        raise Refusal(400, "Bad request")
    known = _PERSON if kind == "person" else _ORGANIZATION
    for name, value in sent.items():
        if name == "custom_fields":
            _check_custom(kind, value, types)
        elif name not in known:
            raise _invalid(name, "Unknown key")
        else:
            _check_own(name, value)
    if is_new and "name" not in sent:
        raise _invalid("name", "Required")


def _check_own(name: str, value: Any) -> None:
    if name in ("emails", "phones"):
        if not isinstance(value, list) or not all(map(_is_entry, value)):
            raise _invalid(name, "Expected a list of objects with value, primary and label")
        if sum(entry["primary"] for entry in value) > 1:
            raise _invalid(name, "Only one may be primary")
        if name == "emails" and not all(re.fullmatch(r"[^@\s]+@[^@\s]+", entry["value"]) for entry in value):
            raise _invalid(name, "Invalid email")
    elif name in ("owner_id", "org_id", "visible_to"):
        if not _is_integer(value):
            raise _invalid(name, "Expected 'number'")
    elif name == "label_ids":
        if not isinstance(value, list) or not all(map(_is_integer, value)):
            raise _invalid(name, "Expected a list of numbers")
    elif name == "add_time":
        _check_time(name, value, "%Y-%m-%dT%H:%M:%SZ")
    elif name == "address":
        if not isinstance(value, dict) or not value.get("value") or value.keys() - _ADDRESS:
            raise _invalid(name, "Invalid address")
        if not all(isinstance(part, str) for part in value.values()):
            raise _invalid(name, "Expected texts")
    elif not isinstance(value, str) or not value.strip():
        raise _invalid(name, "Expected 'string'")


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("value"), str)
        and bool(entry["value"])
        and isinstance(entry.get("primary"), bool)
        and isinstance(entry.get("label"), str)
        and not entry.keys() - {"value", "primary", "label"}
    )


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_time(name: str, value: Any, form: str) -> None:
    try:
        datetime.strptime(value, form)
    except (ValueError, TypeError):
        raise _invalid(name, "Invalid date") from None


def _check_custom(kind: str, values: Any, types: Mapping[str, Fields]) -> None:
    if not isinstance(values, dict):
        raise _invalid("custom_fields", "Expected 'object'")
    for key, value in values.items():
        if key not in types:
            raise _invalid("custom_fields", f"Unknown key '{key}'")
        expected = None if value is None else _wrong_value(value, types[key])
        if expected:
            raise _invalid("custom_fields", f"Expected '{expected}' as value for {kind} custom field '{key}'")


def _wrong_value(value: Any, field: Fields) -> str:
    """What the type wants; "" where *value* is that. A null clears."""
    kind, options = field["type"], field.get("options") or {}
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "varchar" | "varchar_auto":
            return "" if isinstance(value, str) and len(value) <= MAX_VARCHAR else "string"
        case "text" | "phone":
            return "" if isinstance(value, str) else "string"
        case "double":
            return "" if is_number else "number"
        case "monetary":
            is_money = isinstance(value, dict) and value.keys() == {"value", "currency"}
            return "" if is_money and isinstance(value["value"], int | float) and value["currency"] else "object"
        case "date":
            return "" if isinstance(value, str) and _is_date(value) else "date"
        case "enum":
            return "" if _is_integer(value) and (not options or value in options.values()) else "option"
        case "set":
            is_list = isinstance(value, list) and bool(value) and all(map(_is_integer, value))
            return "" if is_list and (not options or set(value) <= set(options.values())) else "options"
        case "address":
            return "" if isinstance(value, dict) and isinstance(value.get("value"), str) else "object"
        case _:
            return "" if _is_integer(value) else "number"


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == len("2026-03-04")


def check_note(sent: Any) -> None:
    if not isinstance(sent, dict) or not sent.get("content") or not isinstance(sent["content"], str):
        raise _invalid("content", "Required")
    if sent.keys() - {"content", "person_id", "add_time"} or not _is_integer(sent.get("person_id")):
        raise _invalid("person_id", "Required")
    _check_time("add_time", sent.get("add_time"), "%Y-%m-%d %H:%M:%S")
