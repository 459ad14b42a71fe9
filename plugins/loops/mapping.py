"""Identify and group calls: contacts, and what is said of their company.

Source: facts/vendors/loops.md sections 3 to 5.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from plugins.loops.property import TOO_LONG, camel_name, split_fitting, to_camel_parts
from plugins.loops.settings import Settings
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
    looks_like_email,
)

NOBODY: Final = Skip("anonymous: neither a userId nor an email, and Loops knows contacts by those")
WHOSE: Final = (Field("userId", "userId"), Field("context.traits.email", "email", convert.to_email))
"""Whose call it is that is no identify."""
IDENTIFIERS: Final = frozenset({"userId", "email"})
_LISTS: Final = "mailingLists"
_NEVER_NULL: Final = IDENTIFIERS | {"subscribed"}
"""What null does not clear."""
_FORBIDDEN: Final = _NEVER_NULL | {
    *(_LISTS, "eventName", "eventProperties"),
    *("id", "listId", "softDeleteAt", "teamId", "updatedAt"),
}
"""No custom trait may say who somebody is or what they are sent, or have a name that Loops keeps for itself."""
_ADDRESS: Final = tuple((f"address.{part}", f"address{part[0].upper()}{part[1:]}") for part in NESTED_TRAITS["address"])


def _values(settings: Settings) -> Values:
    """A contact has no nested values. A null clears a property."""
    separator = "" if settings.custom_case == "camel" else "_"
    return Values(objects="flatten", lists="json", null="clear", separator=separator)


def _to_parts(settings: Settings) -> Converter | None:
    return to_camel_parts if settings.custom_case == "camel" else None


def contact_table(settings: Settings) -> Table:
    """Of an identify. A later row wins: the name is split only where first or last are missing."""
    to_parts = _to_parts(settings)
    consent = settings.subscribed_trait
    return Table(
        (
            Field("userId", "userId"),
            Trait("id", note="the userId is the contact's `userId`"),
            Trait("email", "email", convert.to_email),
            Trait("name", "firstName", convert.to_first_name),
            Trait("name", "lastName", convert.to_last_name),
            *(Trait(name, name, convert.to_text) for name in ("firstName", "lastName")),
            *((Trait(consent, "subscribed", convert.to_boolean),) if consent else ()),
            Field(
                ("traits.mailingLists", "traits.mailing_lists"),
                note="`mailingLists`: true or false by id",
                is_within=True,
            ),
            *(
                Trait(name, name, convert.to_text)
                for name in ("avatar", "description", "gender", "phone", "title", "username", "website")
            ),
            Trait("age", "age", convert.to_number),
            Trait("birthday", "birthday", convert.to_iso_utc),
            Trait("createdAt", "createdAt", convert.to_iso_utc),
            *(Trait(name, to, convert.to_text) for name, to in _ADDRESS),
            Trait("address", "address", to_parts, "an address given as text; whatever else is in it as `addressFloor`"),
            *(
                Trait(f"company.{name}", f"company{name.title()}", convert.to_text)
                for name in ("name", "id", "industry", "plan")
            ),
            Trait("company.employee_count", "companyEmployeeCount", convert.to_number),
            Field(("traits.company.createdAt", "traits.company.created_at"), "companyCreatedAt", convert.to_iso_utc),
            Trait("company", "company", to_parts, "whatever else is in it, as `companyTier`"),
        ),
        (
            Custom(
                "traits",
                rename=camel_name if settings.custom_case == "camel" else None,
                forbidden=_FORBIDDEN,
                convert=to_parts,
            ),
        ),
        _values(settings),
    )


def company_table(settings: Settings) -> Table:
    """Of a group call: Loops knows no groups, so properties of the contact tell of it, the same that an identify writes."""
    to_parts = _to_parts(settings)

    def rename(key: str) -> str | None:
        return camel_name(f"company_{key}") if settings.custom_case == "camel" else f"company_{key}"

    return Table(
        (
            *WHOSE,
            Field("groupId", "companyId"),
            Trait("id", note="the groupId is the `companyId`"),
            *(
                Trait(name, f"company{name.title()}", convert.to_text)
                for name in ("name", "industry", "plan", "description", "email", "phone", "website", "avatar")
            ),
            Trait("employees", "companyEmployeeCount", convert.to_number),
            Trait("createdAt", "companyCreatedAt", convert.to_iso_utc),
            *(Trait(name, f"companyA{to[1:]}", convert.to_text) for name, to in _ADDRESS),
            Trait("address", "companyAddress", to_parts, "as in an identify"),
        ),
        (Custom("traits", rename=rename, convert=to_parts),),
        _values(settings),
    )


def build_contact(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """What an identify says of the person. Loops makes the contact where there is none, if it is told an email."""
    told = event.traits.get(_LISTS, event.traits.get("mailing_lists"))
    lists = _lists(told)
    unread = [f"{_LISTS}.{id}" for id in told if id not in lists] if isinstance(told, dict) else [_LISTS] * bool(told)
    defaults = {"source": settings.source, "userGroup": settings.user_group}
    return _contact(
        fields | ({_LISTS: lists} if lists else {}),
        {name: value for name, value in defaults.items() if value},
        left_out(unread, "expected true or false by the id of a list"),
    )


def build_company(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """What a group call says of the company of the person who made it. Of several, the properties tell of the last one."""
    if not event.group_id:
        return Skip("the call names no group")
    return _contact(fields, {})


def _contact(fields: Document, defaults: Document, notes: tuple[str, ...] = ()) -> Payload | Skip:
    told = {name: value for name, value in fields.items() if value is not None or name not in _NEVER_NULL}
    body, long = split_fitting(told)
    if not body.keys() & IDENTIFIERS:
        return NOBODY
    if body.keys() == {"userId"} and not looks_like_email(body["userId"]):
        return Skip("nothing but a userId: Loops makes no contact of it, and has nothing to write")
    return Payload({**defaults, **body}, notes=notes + left_out(long, TOO_LONG))


def _lists(told: Any) -> dict[str, bool]:
    """The mailing lists that somebody is put on or taken off, by id. What says neither true nor false is left out, as Segment's
    destination does (github.com/segmentio/action-destinations, read 2026-11-28)."""
    lists = {}
    for id, value in told.items() if isinstance(told, dict) else ():
        with suppress(ValueError):
            lists[id] = convert.to_boolean(value)
    return lists
