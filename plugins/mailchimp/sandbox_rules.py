"""What Mailchimp refuses of members and events.

Source: facts/vendors/mailchimp.md sections 3 to 6.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")
MAX_TEXT = 255
MAX_PROPERTIES = 1_000
"""Characters of an event's properties. Source: github.com/mailchimp/Mailchimp-SDK-iOS/issues/70 (2022-03-16)."""
STANDARD = {"FNAME": "text", "LNAME": "text", "PHONE": "phone", "BIRTHDAY": "birthday", "ADDRESS": "address"}
"""What an audience has from the start."""
_ROLES = frozenset({"abuse", "admin", "no-reply", "noreply", "postmaster", "spam", "webmaster"})
_EMAIL = re.compile(r"([^@\s]+)@[^@\s]+\.[^@\s]+")
_EVENT_NAME = re.compile(r"[A-Za-z0-9_-]{2,30}")
_URL = re.compile(r"https?://[^\s/]+\.[^\s]+")
_US_PHONE = re.compile(r"\(\d{3}\) \d{3}-\d{4}")

Fault = tuple[str, str]
"""The field, and what is wrong with it."""


def is_real_email(email: Any) -> bool:
    match = _EMAIL.fullmatch(email) if isinstance(email, str) else None
    return match is not None and match[1].lower() not in _ROLES


def check_member(member: Mapping[str, Any], types: Mapping[str, str]) -> Iterator[Fault]:
    """*types*: the type of each merge field by its tag. A tag that there is not is no fault: it is ignored."""
    if "email_address" in member and not is_real_email(member["email_address"]):
        yield "email_address", f"{member['email_address']} looks fake or invalid, please enter a real email address."
    for name in ("status", "status_if_new"):
        if name in member and member[name] not in STATUSES:
            yield name, f"expected one of {', '.join(STATUSES)}"
    if "language" in member and not re.fullmatch("[a-z]{2}", str(member["language"])):
        yield "language", "expected a language code of two letters"
    if "timestamp_signup" in member and not _is_moment(member["timestamp_signup"]):
        yield "timestamp_signup", "expected a date and time in ISO 8601"
    fields = member.get("merge_fields", {})
    if not isinstance(fields, dict):
        yield "merge_fields", "expected an object"
        return
    for tag, value in fields.items():
        wrong = _CHECKS[types[tag]](value) if tag in types else ""
        if wrong:
            yield f"merge_fields.{tag}", wrong


def check_event(event: Any) -> Iterator[Fault]:
    if not isinstance(event, dict):
        yield "", "expected an object"
        return
    if not isinstance(event.get("name"), str) or not _EVENT_NAME.fullmatch(event["name"]):
        yield "name", "an event name has 2 to 30 letters, digits, _ and -"
    if "occurred_at" in event and not _is_moment(event["occurred_at"]):
        yield "occurred_at", "expected a date and time in ISO 8601 with its offset"
    if not isinstance(event.get("is_syncing", False), bool):
        yield "is_syncing", "expected true or false"
    properties = event.get("properties", {})
    if not isinstance(properties, dict):
        yield "properties", "expected an object"
        return
    for name, value in properties.items():
        if not re.match("[A-Za-z]", name):
            yield f"properties.{name}", "a property name begins with a letter"
        if not isinstance(value, str):
            yield f"properties.{name}", "a property is a string"
    if sum(len(name) + len(str(value)) for name, value in properties.items()) > MAX_PROPERTIES:
        yield "properties", f"properties have at most {MAX_PROPERTIES} characters"


def _is_moment(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _check_text(value: Any) -> str:
    return (
        "" if isinstance(value, str) and len(value) <= MAX_TEXT else f"expected text of at most {MAX_TEXT} characters"
    )


def _check_number(value: Any) -> str:
    return "" if isinstance(value, int | float) and not isinstance(value, bool) else "expected a number"


def _check_url(value: Any) -> str:
    return "" if isinstance(value, str) and _URL.fullmatch(value) else "expected an absolute URL"


def _check_us_phone(value: Any) -> str:
    return "" if isinstance(value, str) and _US_PHONE.fullmatch(value) else "expected a phone number: (555) 555-1234"


def _check_date(*forms: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        return "" if any(_is_date(value, form) for form in forms) else f"expected a date: {' or '.join(forms)}"

    return check


def _is_date(value: Any, form: str) -> bool:
    year = "2024" if "%Y" in form else "%Y"  # a leap year, for birthdays on the last of February
    try:
        return isinstance(value, str) and bool(datetime.strptime(f"2024 {value}", f"{year} {form}"))
    except ValueError:
        return False


def _check_address(value: Any) -> str:
    if not isinstance(value, dict):
        return "expected an object"
    missing = [name for name in ("addr1", "city", "state", "zip") if not value.get(name)]
    if missing:
        return f"{', '.join(missing)} must not be empty"
    country = value.get("country", "US")
    return "" if isinstance(country, str) and re.fullmatch("[A-Z]{2}", country) else "expected a country code"


_CHECKS: Mapping[str, Callable[[Any], str]] = {
    "text": _check_text,
    "zip": _check_text,
    "phone": _check_text,
    "us_phone": _check_us_phone,
    "number": _check_number,
    "date": _check_date("%Y-%m-%d", "%m/%d/%Y"),
    "birthday": _check_date("%m/%d"),
    "url": _check_url,
    "imageurl": _check_url,
    "address": _check_address,
}
