"""Identify and group calls: users, and the companies they are of.

Source: facts/vendors/userlist.md sections 3 to 6.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from plugins.userlist.settings import Settings
from router.plugin import (
    NESTED_TRAITS,
    Converter,
    Custom,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    Trait,
    Values,
    convert,
    left_out,
    make_room,
    snake_case,
    without_nulls,
)

MAX_BYTES: Final = 100_000
"""100 KB are the most that a request may have."""
NOBODY: Final = Skip("neither a userId nor an email: Userlist knows users by those")
WHOSE: Final = (Field("userId", "user.identifier"), Field("context.traits.email", "user.email", convert.to_email))
"""Whose call it is that is no identify."""
_VALUES: Final = Values(null="clear")
"""Of properties. That a null removes one is told of integrations made from Userlist's reference, by
metorial.com/integrations/userlist (a copy of 2026); its own client sends nulls among them (github.com/userlist/userlist-ruby,
read 2026-11-28)."""


def to_object(value: Any) -> Document:
    """An object as it is; anything else is left out."""
    if isinstance(value, dict):
        return value
    raise ValueError("expected an object")


def _property(name: str, converter: Converter | None = None) -> Field:
    return Trait(name, f"properties.{snake_case(name)}", converter)


_ADDRESS: Final = (
    *(
        Trait(f"address.{part}", f"properties.address_{snake_case(part)}", convert.to_text)
        for part in NESTED_TRAITS["address"]
    ),
    Trait("address", "properties.address", note="an address given as text, and whatever else is in it"),
)

USER: Final = Table(
    (
        Field("userId", "identifier"),
        Trait("id", note="the userId is the user's `identifier`"),
        Trait("email", "email", convert.to_email),
        Trait("createdAt", "signed_up_at", convert.to_iso_utc),
        Field(("traits.lastSeenAt", "traits.last_seen_at"), "last_seen_at", convert.to_iso_utc),
        *map(_property, ("firstName", "lastName", "name", "username", "title", "gender", "description", "phone")),
        *map(_property, ("avatar", "website")),
        _property("age", convert.to_number),
        _property("birthday", convert.to_iso_utc),
        *_ADDRESS,
        Trait("company", "company.properties", to_object, "whatever else is in it"),
        Trait("company.id", "company.identifier", convert.to_id, "a property `company_id` without `companies`"),
        Trait("company.name", "company.name", convert.to_text, "a property `company_name` without an id"),
        Field(
            ("traits.company.createdAt", "traits.company.created_at"),
            "company.signed_up_at",
            convert.to_iso_utc,
        ),
        *(
            Trait(f"company.{part}", f"company.properties.{part}", note=f"a property `company_{part}` without an id")
            for part in ("industry", "employee_count", "plan")
        ),
    ),
    (Custom("traits", at="properties"),),
    _VALUES,
)
"""Of an identify."""

COMPANY: Final = Table(
    (
        Field("groupId", "identifier"),
        Trait("id", note="the groupId is the company's `identifier`"),
        Trait("name", "name", convert.to_text),
        Trait("createdAt", "signed_up_at", convert.to_iso_utc),
        *map(_property, ("industry", "employees", "plan", "description", "email", "phone", "website", "avatar")),
        *_ADDRESS,
        *WHOSE,
    ),
    (Custom("traits", at="properties"),),
    _VALUES,
)
"""Of a group call."""


def build_user(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """What an identify says of the person and their company. A userId that is an email is theirs if the call tells none."""
    company = without_nulls(fields.pop("company", {}))
    body = without_nulls(fields)
    if "email" not in body and event.user_id:
        with suppress(ValueError):
            body["email"] = convert.to_email(event.user_id)
    if not body.keys() & {"identifier", "email"}:
        return NOBODY
    if settings.companies and "identifier" in company:
        body["company"] = company
    elif company:
        body["properties"] = body.get("properties", {}) | _about(company)
    return sized(body)


def _about(company: Document) -> Document:
    """Properties of a user that tell of a company which can be none of its own."""
    own = {"id" if name == "identifier" else name: value for name, value in company.items() if name != "properties"}
    return {f"company_{name}": value for name, value in (own | company.get("properties", {})).items()}


def build_company(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A company, made if there is none, and that whoever made the call is of it."""
    if not settings.companies:
        return Skip("companies are not written (setting companies)")
    if not event.group_id:
        return Skip("the call names no group")
    user = fields.pop("user", None)
    return sized(without_nulls(fields) | ({"relationships": [{"user": user}]} if user else {}))


def sized(body: Document) -> Payload:
    """The payload of *body*, without its largest properties where it is more than Userlist takes."""
    beyond = make_room(body, "properties", MAX_BYTES)
    return Payload(body, notes=left_out(beyond, f"beyond the {MAX_BYTES} bytes that a request may have"))
