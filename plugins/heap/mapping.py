"""Identify and group calls: from traits to the properties of users and accounts.

Source: facts/vendors/heap.md section 4 (traits) and section 5 (identify, group).
"""

from __future__ import annotations

from typing import Final

from plugins.heap.identity import IDENTITY, no_identity
from plugins.heap.property import MAX_CHARACTERS, VALUES, property_name, to_property, to_property_text
from plugins.heap.settings import Settings
from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, Trait, convert

_AT: Final = "properties"
_NO_ACCOUNTS: Final = Skip("no user property is said to be the Account ID (setting account_id_property)")
_CUSTOM: Final = Custom("traits", _AT, property_name, convert=to_property)


def _texts(*names: str) -> tuple[Field, ...]:
    return tuple(Trait(name, f"{_AT}.{name}", to_property_text) for name in names)


USER: Final = Table(
    (
        IDENTITY,
        Trait("id", note="the userId is the `identity`"),
        Trait("email", f"{_AT}.email", to_property_text, note="Heap's own property"),
        *_texts("name", "firstName", "lastName", "username", "phone", "title"),
        *_texts("gender", "description", "website", "avatar"),
        Trait("age", f"{_AT}.age", convert.to_number),
        Trait("birthday", f"{_AT}.birthday", convert.to_iso_utc),
        Trait("createdAt", f"{_AT}.createdAt", convert.to_iso_utc),
        Trait("address", f"{_AT}.address", to_property, note="each part: `address.city`, `address.postalCode`, …"),
        Trait("company", f"{_AT}.company", to_property, note="each part: `company.name`, `company.plan`, …"),
    ),
    (_CUSTOM,),
    VALUES,
)


def build_user(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """What the traits say of the user, whom Heap makes where there is none yet."""
    if "identity" not in fields:
        return no_identity(event)
    return Payload(fields) if fields.get(_AT) else Skip("no traits to write")


_NO_ACCOUNT: Final = Skip(f"the call names no group, or one of more than {MAX_CHARACTERS} characters")
_ACCOUNT_ID: Final = convert.at_most(MAX_CHARACTERS, convert.to_id)

ACCOUNT: Final = Table(
    (
        Field("groupId", "account_id", _ACCOUNT_ID),
        Trait("id", note="the groupId is the `account_id`"),
        *_texts("name", "email", "phone", "description", "industry", "plan", "website", "avatar"),
        Trait("createdAt", f"{_AT}.createdAt", convert.to_iso_utc),
        Trait("employees", f"{_AT}.employees", to_property),
        Trait("address", f"{_AT}.address", to_property, note="each part: `address.city`, `address.postalCode`, …"),
    ),
    (_CUSTOM,),
    VALUES,
)


def build_account(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """What the traits say of the account."""
    if not settings.account_id_property:
        return _NO_ACCOUNTS
    if "account_id" not in fields:
        return _NO_ACCOUNT
    return Payload(fields) if fields.get(_AT) else Skip("no traits to write")


MEMBER: Final = Table((IDENTITY, Field("groupId", "account_id", _ACCOUNT_ID, note="as the property of the settings")))
"""Of a group call: what it says of the user."""


def build_member(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The user's property names the account from now on."""
    if not settings.account_id_property:
        return _NO_ACCOUNTS
    if "identity" not in fields:
        return no_identity(event)
    if "account_id" not in fields:
        return _NO_ACCOUNT
    return Payload({"identity": fields["identity"], _AT: {settings.account_id_property: fields["account_id"]}})
