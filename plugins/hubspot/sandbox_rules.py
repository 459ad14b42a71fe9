"""What HubSpot refuses: property values, events, and the shape of its errors.

Source: facts/vendors/hubspot.md sections 4, 6 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

MAX_TEXT = 65_536
MAX_EVENT_PROPERTIES = 50
MAX_EVENT_VALUE = 256
MAX_EVENT_ADDRESS = 1_024
DAY_MS = 86_400_000

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_EVENT_PROPERTY = re.compile(r"[a-z][a-z0-9_]{0,49}")
_PROPERTY = re.compile(r"[a-z][a-z0-9_]*")

Kind = Literal["string", "number", "bool", "date", "datetime", "enumeration"]


@dataclass(frozen=True)
class Property:
    """One property of the account's schema."""

    type: Kind = "string"
    options: frozenset[str] = frozenset()
    is_unique: bool = False
    is_read_only: bool = False


def strings(*names: str) -> dict[str, Property]:
    return {name: Property() for name in names}


CONTACT: Mapping[str, Property] = {
    **strings(
        "firstname", "lastname", "phone", "jobtitle", "website", "company", "industry", "gender", "date_of_birth"
    ),
    **strings("address", "city", "state", "zip", "country", "lifecyclestage"),
    "email": Property(is_unique=True),
    "numemployees": Property(
        "enumeration", frozenset({"1-5", "5-25", "25-50", "50-100", "100-500", "500-1000", "1000+"})
    ),
    "hs_object_id": Property("number", is_read_only=True),
    "createdate": Property("datetime", is_read_only=True),
    "lastmodifieddate": Property("datetime", is_read_only=True),
    "num_notes": Property("number", is_read_only=True),
}
COMPANY: Mapping[str, Property] = {
    **strings("name", "domain", "website", "phone", "description", "address", "city", "state", "zip", "country"),
    "industry": Property("enumeration", frozenset({"BANKING", "COMPUTER_SOFTWARE", "MACHINERY", "RETAIL"})),
    "numberofemployees": Property("number"),
    "hs_object_id": Property("number", is_read_only=True),
    "createdate": Property("datetime", is_read_only=True),
}
DEFAULT_EVENT_PROPERTIES = frozenset(
    {
        *("hs_page_url", "hs_page_title", "hs_referrer", "hs_user_agent", "hs_city", "hs_country", "hs_region"),
        *("hs_device_name", "hs_device_type", "hs_browser", "hs_operating_system", "hs_language", "hs_screen_height"),
        *("hs_screen_width", "hs_utm_source", "hs_utm_medium", "hs_utm_campaign", "hs_utm_term", "hs_utm_content"),
        *("hs_touchpoint_source", "hs_tracking_name"),
    }
)


@dataclass(frozen=True)
class Fault:
    """One property, and what is wrong with it."""

    name: str
    code: str
    message: str


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(
        self, status: int, category: str, message: str, faults: list[Fault] | None = None, **headers: str
    ) -> None:
        self.status, self.category, self.message, self.faults, self.headers = (
            status,
            category,
            message,
            faults or [],
            headers,
        )

    def body(self) -> dict[str, Any]:
        return {"status": "error", "correlationId": "sandbox", **self.error()}

    def error(self) -> dict[str, Any]:
        """Category, message and one entry for each property that is wrong."""
        inner = [
            {"message": fault.message, "code": fault.code, "context": {"propertyName": [fault.name]}}
            for fault in self.faults
        ]
        return {"category": self.category, "message": self.message, **({"errors": inner} if inner else {})}


def check_properties(properties: Any, schema: Mapping[str, Property]) -> dict[str, str]:
    """*properties*, all of which can be written.

    Raises:
        Refusal: at least one can't; each one that can't is named.
    """
    if not isinstance(properties, dict):
        raise Refusal(400, "VALIDATION_ERROR", "properties must be an object")
    faults = [fault for name, value in properties.items() if (fault := _check(name, value, schema.get(name)))]
    if faults:
        raise Refusal(400, "VALIDATION_ERROR", f"Property values were not valid: {faults[0].message}", faults)
    return properties


def _check(name: str, value: Any, known: Property | None) -> Fault | None:
    if known is None:
        return Fault(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    if known.is_read_only:
        return Fault(name, "READ_ONLY_VALUE", f'"{name}" is a read only property')
    if not isinstance(value, str):
        return Fault(name, "INVALID_VALUE", f'"{name}" must be a string')
    if value == "":
        return None  # clears
    if len(value) > MAX_TEXT:
        return Fault(name, "VALUE_TOO_LONG", f'"{name}" is longer than {MAX_TEXT} characters')
    if name == "email" and not _EMAIL.fullmatch(value):
        return Fault(name, "INVALID_EMAIL", f"Email address {value} is invalid")
    return None if _fits(value, known) else Fault(name, _CODES[known.type], f'"{name}": {value} is not valid')


_CODES: Mapping[str, str] = {
    "number": "INVALID_NUMBER",
    "bool": "INVALID_OPTION",
    "date": "INVALID_DATE",
    "datetime": "INVALID_DATE",
    "enumeration": "INVALID_OPTION",
}


def _fits(value: str, known: Property) -> bool:
    try:
        match known.type:
            case "number":
                float(value)
            case "bool":
                return value in ("true", "false")
            case "enumeration":
                return all(each in known.options for each in value.strip(";").split(";"))
            case "date":
                return int(value) % DAY_MS == 0 if value.lstrip("-").isdecimal() else bool(date.fromisoformat(value))
            case "datetime":
                return value.lstrip("-").isdecimal() or datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
    return True


def check_definition(body: Any) -> Property:
    """A new property.

    Raises:
        Refusal: it is none.
    """
    wanted = ("groupName", "name", "label", "type", "fieldType")
    if not isinstance(body, dict) or not all(isinstance(body.get(key), str) and body[key] for key in wanted):
        raise Refusal(400, "VALIDATION_ERROR", f"needed: {', '.join(wanted)}")
    if not _PROPERTY.fullmatch(body["name"]) or body["type"] not in Kind.__args__:  # type: ignore[attr-defined]
        raise Refusal(400, "VALIDATION_ERROR", "the name or the type is not valid")
    options = frozenset(str(option.get("value")) for option in body.get("options", ()))
    return Property(body["type"], options, bool(body.get("hasUniqueValue")))


def check_event(event: Any, definitions: Mapping[str, frozenset[str] | None]) -> None:
    """One occurrence; a definition without a set of properties takes any.

    Raises:
        Refusal: it is not taken, nor is the request that it is in.
    """
    if not isinstance(event, dict) or not isinstance(event.get("eventName"), str):
        raise Refusal(400, "VALIDATION_ERROR", "eventName is required")
    if event["eventName"] not in definitions:
        raise Refusal(400, "VALIDATION_ERROR", f"no event definition named {event['eventName']}")
    if not any(isinstance(event.get(key), str) and event[key] for key in ("email", "utk", "objectId")):
        raise Refusal(400, "VALIDATION_ERROR", "one of email, utk and objectId is required")
    occurred_at = event.get("occurredAt")
    if not isinstance(occurred_at, str) or not _fits(occurred_at, Property("datetime")):
        raise Refusal(400, "VALIDATION_ERROR", "occurredAt must be ISO 8601")
    properties = event.get("properties", {})
    if not isinstance(properties, dict) or len(properties) > MAX_EVENT_PROPERTIES:
        raise Refusal(400, "VALIDATION_ERROR", f"properties: an object of {MAX_EVENT_PROPERTIES} at most")
    known = definitions[event["eventName"]]
    for name, value in properties.items():
        _check_event_property(name, value, known)


def _check_event_property(name: str, value: Any, known: frozenset[str] | None) -> None:
    most = MAX_EVENT_ADDRESS if name in ("hs_page_url", "hs_referrer") else MAX_EVENT_VALUE
    if not _EVENT_PROPERTY.fullmatch(name):
        raise Refusal(400, "VALIDATION_ERROR", f"{name} is no name of an event property")
    if known is not None and name not in known | DEFAULT_EVENT_PROPERTIES:
        message = f"the event definition has no property {name}"
        raise Refusal(400, "VALIDATION_ERROR", message, [Fault(name, "PROPERTY_DOESNT_EXIST", message)])
    if not isinstance(value, str) or len(value) > most:
        raise Refusal(400, "VALIDATION_ERROR", f"{name} must be text of {most} characters at most")
