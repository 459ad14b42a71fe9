"""What Salesforce checks in a record. Pure; used by the sandbox alone.

Written from facts/vendors/salesforce.md sections 3, 4 and 7, not from the mapper. Lengths are those of the standard objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_PERSON: Final = {
    "FirstName": 40,
    "LastName": 80,
    "Email": 80,
    "Phone": 40,
    "Title": 128,
    "Description": 32_000,
    "LeadSource": 255,
}
_COMPANY: Final = {"Industry": 255, "NumberOfEmployees": int, "Website": 255}
_ADDRESS: Final = {"Street": 255, "City": 40, "State": 80, "PostalCode": 20, "Country": 80}
_CODES: Final = ("StateCode", "CountryCode")

STANDARD: Final[Mapping[str, Mapping[str, Any]]] = {
    "Lead": _PERSON | _COMPANY | _ADDRESS | {"Company": 255},
    "Contact": _PERSON | {f"Mailing{name}": size for name, size in _ADDRESS.items()} | {"Birthdate": "date"},
    "Account": _COMPANY
    | {"Name": 255, "Phone": 40, "Description": 32_000}
    | {f"Billing{name}": size for name, size in _ADDRESS.items()},
}
"""By object: its fields, and how many characters each takes, or its type."""
REQUIRED: Final = {"Lead": ("LastName", "Company"), "Contact": ("LastName",), "Account": ("Name",)}
_PREFIX: Final = {"Lead": "", "Contact": "Mailing", "Account": "Billing"}

Fault = tuple[str, str, str]
"""Status code, message, field."""


def known_fields(name: str, custom: frozenset[str], has_picklists: bool) -> set[str]:
    codes = [_PREFIX[name] + code for code in _CODES] if has_picklists and name in _PREFIX else []
    return {*STANDARD.get(name, {}), *custom, *codes}


def faults_of(name: str, record: Mapping[str, Any], is_new: bool, has_picklists: bool) -> Iterator[Fault]:
    """Everything that makes Salesforce refuse *record*, which holds known fields only."""
    for field in REQUIRED.get(name, ()):
        if not record.get(field) and (is_new or field in record):
            yield "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{field}]", field
    sizes = STANDARD.get(name, {})
    for field, value in record.items():
        if value is None:
            continue
        size = sizes.get(field, 255)
        if isinstance(value, dict | list):
            yield "JSON_PARSER_ERROR", "Cannot deserialize an object", field
        elif size is int:
            if not isinstance(value, int) or isinstance(value, bool):
                yield "INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field}: value not of required type", field
        elif size == "date":
            if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value)):
                yield "INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field}: value not of required type", field
        elif field in sizes and not isinstance(value, str):
            yield "INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field}: value not of required type", field
        elif isinstance(value, str) and len(value) > size:
            yield "STRING_TOO_LONG", f"{field}: data value too large (max length={size})", field
    if record.get("Email") is not None and not re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@]+", str(record["Email"])):
        yield "INVALID_EMAIL_ADDRESS", f"Email: invalid email address: {record['Email']}", "Email"
    yield from _picklist_faults(name, record, has_picklists)


def _picklist_faults(name: str, record: Mapping[str, Any], has_picklists: bool) -> Iterator[Fault]:
    if not has_picklists or name not in _PREFIX:
        return
    for part in ("State", "Country"):
        field = _PREFIX[name] + part
        if record.get(field):
            yield "FIELD_INTEGRITY_EXCEPTION", f"There's a problem with this {part.lower()}", field
        if record.get(field + "Code") and not re.fullmatch("[A-Z0-9]{1,3}", str(record[field + "Code"])):
            yield "FIELD_INTEGRITY_EXCEPTION", f"{part} code is not valid", field + "Code"


_QUERY = re.compile(r"SELECT ([\w, ]+) FROM (\w+) WHERE (.+?)(?: LIMIT (\d+))?", re.DOTALL)
_CONDITION = re.compile(r"(\w+) = '((?:[^'\\]|\\['\\])*)'", re.DOTALL)


def parse_query(soql: str) -> tuple[list[str], str, list[tuple[str, str]], int] | None:
    """Columns, object, conditions of which one must hold, and limit; None where it is no such query."""
    query = _QUERY.fullmatch(soql)
    if query is None:
        return None
    conditions, place = [], 0
    while True:
        found = _CONDITION.match(query[3], place)
        if found is None:
            return None
        conditions.append((found[1], re.sub(r"\\(.)", r"\1", found[2])))
        place = found.end()
        if place == len(query[3]):
            return [name.strip() for name in query[1].split(",")], query[2], conditions, int(query[4] or 2_000)
        if not query[3].startswith(" OR ", place):
            return None
        place += len(" OR ")
