"""Identify, group and alias calls: users, organizations, and which users are one.

Source: facts/vendors/zendesk.md sections 3 to 5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from plugins.zendesk.settings import Settings
from router.plugin import (
    NESTED_TRAITS,
    Custom,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    Trait,
    convert,
    looks_like_email,
    same_name,
    snake_case,
)

MAX_EXTERNAL_ID: Final = 255
to_external_id: Final = convert.at_most(MAX_EXTERNAL_ID)
_USER_FIELDS: Final = "user.user_fields"
_ORGANIZATION_FIELDS: Final = "organization.organization_fields"
_LONGEST_KEY: Final = 500
"""Characters. Within an object each key repeats those around it, so without a limit thousands of values are gigabytes."""
_NOT_IN_A_KEY = re.compile("[^A-Za-z0-9_]+")


def field_key(name: str) -> str | None:
    """*name* with ``_`` for what no key of a field may have; None where nothing is left, or it is longer than any field's."""
    if len(name) > _LONGEST_KEY:
        return None
    return _NOT_IN_A_KEY.sub("_", name) if _NOT_IN_A_KEY.sub("", name) else None


# --- converters ---


def to_tags(value: Any) -> list[str]:
    """A list of tags, or text with commas between them; blanks inside a tag become ``_``."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError("expected a list of tags")
    return ["_".join(item.split()) for item in items if item.strip()]


def to_domains(value: Any) -> list[str]:
    """A list with the domain of one address."""
    return [convert.to_domain(value)]


# --- tables ---


def _address(at: str) -> tuple[Field, ...]:
    """Rows for an address, of a user or of an organization."""
    return (
        *(
            Trait(f"address.{part}", f"{at}.address_{snake_case(part)}", convert.to_text)
            for part in NESTED_TRAITS["address"]
        ),
        Trait("address", f"{at}.address", note="an address given as text, and whatever else is in it"),
    )


USER: Final = Table(
    (
        Field("userId", "user.external_id", to_external_id),
        Trait("id", note="the userId is the user's `external_id`"),
        Trait("email", "user.email", convert.to_email),
        Trait("name", "user.name", convert.text_only),
        Trait("firstName", note="in `name`: Zendesk has no field for it", is_within=True),
        Trait("lastName", note="in `name`: Zendesk has no field for it", is_within=True),
        Trait("phone", "user.phone", convert.to_phone),
        Trait("description", "user.details", convert.to_text),
        Trait("avatar", "user.remote_photo_url", convert.to_url),
        Trait("timezone", "user.time_zone", convert.text_only),
        Trait("locale", "user.locale", convert.text_only),
        Trait("tags", "user.tags", to_tags),
        *_address(_USER_FIELDS),
        Trait("age", f"{_USER_FIELDS}.age", convert.to_number),
        Trait("birthday", f"{_USER_FIELDS}.birthday", convert.to_date),
        Trait("createdAt", f"{_USER_FIELDS}.created_at", convert.to_date),
        *same_name("gender", "title", "username", "website", at=_USER_FIELDS),
        Trait("company.id", "company.external_id", to_external_id, note="of the organization"),
        Trait("company.name", "company.name", convert.text_only, note="of the organization"),
        *(Trait(f"company.{part}", f"{_USER_FIELDS}.company_{part}") for part in NESTED_TRAITS["company"]),
        Trait("company", f"{_USER_FIELDS}.company", note="whatever else is in it"),
    ),
    custom=(Custom("traits", _USER_FIELDS, field_key),),
)

ORGANIZATION: Final = Table(
    (
        Field("groupId", "organization.external_id", to_external_id),
        Trait("id", note="the groupId is the organization's `external_id`"),
        Trait("name", "organization.name", convert.text_only, note="the groupId where a new one has none"),
        Field(("traits.domain", "traits.website"), "organization.domain_names", to_domains),
        Trait("website", f"{_ORGANIZATION_FIELDS}.website", convert.to_text),
        Trait("description", "organization.details", convert.to_text),
        Trait("tags", "organization.tags", to_tags),
        Trait("createdAt", f"{_ORGANIZATION_FIELDS}.created_at", convert.to_date),
        *_address(_ORGANIZATION_FIELDS),
        *same_name("avatar", "email", "employees", "industry", "phone", "plan", at=_ORGANIZATION_FIELDS),
        Field("userId", "member.external_id", to_external_id),
        Field("context.traits.email", "member.email", convert.to_email),
    ),
    custom=(Custom("traits", _ORGANIZATION_FIELDS, field_key),),
)

MERGE: Final = Table(
    (Field("userId", "winner", to_external_id), Field("previousId", "loser", to_external_id)),
)


# --- builds ---


def build_user(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The user, beside it the name that a new one has where the call brings none, the company it names, and the email that is
    to be the primary one."""
    user = fields.get("user", {})
    primary = {"primary": user["email"]} if settings.primary_email and "email" in user else {}
    if event.user_id and looks_like_email(event.user_id):
        user.setdefault("email", event.user_id.lower())  # to be found by, and no news of where they read their mail
    if "external_id" not in user and "email" not in user:
        return Skip("neither a userId nor an email: Zendesk has no anonymous users")
    name_if_new = " ".join(
        event.traits[part].strip() for part in ("firstName", "lastName") if isinstance(event.traits.get(part), str)
    )
    _flatten(user, "user_fields")
    user |= {"verified": True} if settings.create_verified else {"skip_verify_email": True}
    company = {"company": fields["company"]} if "company" in fields else {}
    name_if_new = name_if_new or user.get("email") or user["external_id"]
    return Payload({"user": user, "name_if_new": name_if_new, **company, **primary}, key=event.message_id)


def build_organization(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The organization, and the user who belongs to it."""
    organization = fields.get("organization", {})
    if "external_id" not in organization:
        return Skip(f"the groupId has more than {MAX_EXTERNAL_ID} characters")
    _flatten(organization, "organization_fields")
    member = {"member": fields["member"]} if "member" in fields else {}
    return Payload(
        {"organization": organization, "name_if_new": organization["external_id"], **member}, key=event.message_id
    )


def build_merge(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if not settings.merge_users:
        return Skip("users are not merged, which can't be undone (setting merge_users)")
    if {"winner", "loser"} - fields.keys() or fields["winner"].casefold() == fields["loser"].casefold():
        return Skip("userId and previousId are the same to Zendesk, or too long")
    return Payload(fields, key=event.message_id)


def _flatten(document: Document, name: str) -> None:
    """Put right the fields under *name*: objects by their keys joined with ``_``, lists as JSON in a text."""
    fields = dict(_flat(document.pop(name, {})))
    if fields:
        document[name] = fields


def _flat(values: Document, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = field_key(prefix + key)
        if name is None or value is None:
            continue
        if isinstance(value, dict):
            yield from _flat(value, f"{name}_")
        else:
            yield name, convert.to_json_text(value) if isinstance(value, list) else value
