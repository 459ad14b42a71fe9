"""What Zendesk checks in a user, an organization and an event. Pure; used by the sandbox alone.

Written from facts/vendors/zendesk.md sections 3 to 7, not from the mapper.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

Fields = dict[str, Any]

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+?[0-9 ().-]{3,}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]+)*")
_USER: Final = frozenset(
    {
        "details",
        "email",
        "external_id",
        "locale",
        "name",
        "notes",
        "organization",
        "organization_id",
        "phone",
        "remote_photo_url",
        "shared_phone_number",
        "skip_verify_email",
        "tags",
        "time_zone",
        "user_fields",
        "verified",
    }
)
_ORGANIZATION: Final = frozenset(
    {"details", "domain_names", "external_id", "name", "notes", "organization_fields", "tags"}
)
_LISTS: Final = ("tags", "domain_names")
_OBJECTS: Final = ("user_fields", "organization_fields", "organization")
_BOOLEANS: Final = ("skip_verify_email", "verified", "shared_phone_number")
_IDS: Final = ("organization_id",)


class Refusal(Exception):
    """An answer other than 2xx."""

    def __init__(self, status: int, body: Fields) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


def invalid(field: str, error: str, description: str) -> Refusal:
    """A 422 that names its field."""
    details = {field: [{"description": description, "error": error}]}
    return Refusal(422, {"error": "RecordInvalid", "description": "Record validation errors", "details": details})


def check_user(user: Fields) -> None:
    _check_types(user, _USER)
    if not user.get("external_id") and not user.get("email"):
        raise Refusal(400, {"error": "external_id or email is needed"})
    if "email" in user and not _EMAIL.fullmatch(user["email"]):
        raise invalid("email", "InvalidFormat", "Email: is not properly formatted")
    if "phone" in user and not _PHONE.fullmatch(user["phone"]):
        raise invalid("phone", "InvalidFormat", "Phone: is not a number")
    if "locale" in user and not _LOCALE.fullmatch(user["locale"]):
        raise invalid("locale", "InvalidValue", "Locale: is not one of the account")
    if "time_zone" in user and not user["time_zone"].strip():
        raise invalid("time_zone", "InvalidValue", "Time zone: is invalid")


def check_organization(organization: Fields) -> None:
    _check_types(organization, _ORGANIZATION)
    if any("/" in domain or "." not in domain for domain in organization.get("domain_names", [])):
        raise invalid("domain_names", "InvalidFormat", "Domain names: expected domains")


def _check_types(sent: Fields, known: frozenset[str]) -> None:
    for name, value in sent.items():
        if name not in known:
            raise Refusal(400, {"error": "BadRequest", "description": f"{name} is no field"})
        kind = _kind_of(name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise invalid(name, "InvalidType", f"{name}: expected {kind.__name__}")
    if len(sent.get("external_id", "")) > 255:
        raise invalid("external_id", "TooLong", "External: is too long (maximum is 255 characters)")
    for name in ("user_fields", "organization_fields"):
        for key, value in sent.get(name, {}).items():
            if not re.fullmatch("[A-Za-z0-9_]+", key) or isinstance(value, dict | list):
                raise Refusal(400, {"error": "BadRequest", "description": f"{name}.{key} is no value of a field"})


def _kind_of(name: str) -> type:
    kinds: tuple[tuple[tuple[str, ...], type], ...] = (
        (_LISTS, list),
        (_OBJECTS, dict),
        (_BOOLEANS, bool),
        (_IDS, int),
    )
    return next((kind for names, kind in kinds if name in names), str)


def check_event(body: Fields) -> tuple[Fields, Fields]:
    """Profile and event of a good request."""
    profile, event = body.get("profile"), body.get("event")
    if not isinstance(profile, dict) or not isinstance(event, dict):
        raise _bad("profile and event are needed")
    for part in (profile, event):
        for name in ("source", "type"):
            if not isinstance(part.get(name), str) or not 1 <= len(part[name]) <= 40:
                raise _bad(f"{name}: expected text of at most 40 characters")
        if part["source"] == "zendesk":
            raise _bad("source: zendesk is reserved")
    if not isinstance(event.get("description"), str) or not isinstance(event.get("properties"), dict):
        raise _bad("event: description and properties are needed")
    try:
        datetime.strptime(event.get("created_at", ""), "%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, TypeError):
        raise _bad("created_at: expected ISO 8601") from None
    identifiers = profile.get("identifiers")
    if not isinstance(identifiers, list) or not 1 <= len(identifiers) <= 20:
        raise _bad("identifiers: expected 1 to 20")
    if not all(each.get("value") and 1 <= len(each.get("type", "")) <= 60 for each in identifiers):
        raise _bad("identifiers: expected a value, and a type of at most 60 characters")
    return profile, event


def _bad(description: str) -> Refusal:
    return Refusal(400, {"error": "BadRequest", "description": description})
