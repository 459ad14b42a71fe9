"""Identify and group calls: from traits to users and companies.

Source: facts/vendors/userpilot.md sections 3 (companies), 4 (traits) and 5 (identify, group).
"""

from __future__ import annotations

from typing import Any, Final

from plugins.userpilot.metadata import OF_PROFILES, SET_BY_USERPILOT, to_plain
from plugins.userpilot.settings import Settings
from router.plugin import NESTED_TRAITS, Custom, Document, Event, Field, Payload, Skip, Table, Trait, convert

USER_ID: Final = Field("userId", "user_id", convert.to_id)
ANONYMOUS: Final = Skip("anonymous: Userpilot knows users by their userId alone")
_AT: Final = "metadata"
_REST: Final = "company_"
"""How what has no row begins that `USER` makes of a company's parts."""
_CUSTOM: Final = Custom("traits", _AT, forbidden=SET_BY_USERPILOT, convert=to_plain)
_ADDRESS: Final = (
    Trait("address", f"{_AT}.address", to_plain, note="an address given as text; each other part as `address_…`"),
    # A null address clears what these rows make.
    *(Trait(f"address.{part}", f"{_AT}.address_{part}", to_plain) for part in NESTED_TRAITS["address"]),
)


def _texts(*names: str) -> tuple[Field, ...]:
    return tuple(Trait(name, f"{_AT}.{name}", convert.to_text) for name in names)


def only_object(value: Any) -> Document:
    """An object's parts; a company that is none has no id."""
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return {key: to_plain(item) for key, item in value.items()}


USER: Final = Table(
    (
        USER_ID,
        Trait("id", note="the userId is the `user_id`"),
        *_texts("name", "email", "firstName", "lastName", "username", "phone"),
        *_texts("title", "gender", "description", "website", "avatar"),
        Trait("age", f"{_AT}.age", convert.to_number),
        Trait("birthday", f"{_AT}.birthday", convert.to_iso_utc),
        Trait("createdAt", f"{_AT}.created_at", convert.to_iso_utc),
        *_ADDRESS,
        Trait("company.id", "company.id", convert.to_id, note="without it the others are `metadata.company_…`"),
        *(Trait(f"company.{part}", f"company.{part}", to_plain) for part in NESTED_TRAITS["company"] if part != "id"),
        Field(
            ("traits.company.createdAt", "traits.company.created_at"),
            "company.created_at",
            convert.to_iso_utc,
        ),
        Trait("company", "company", only_object, note="whatever else is in it"),
    ),
    (_CUSTOM,),
    OF_PROFILES,
)


def build_user(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The user, whom Userpilot makes where there is none yet, and the company that they belong to from now on.

    A company is known by its id: without one, what is said of it is said of the user.
    """
    if "user_id" not in fields:
        return ANONYMOUS
    told = fields.pop("company", None)
    company: Document = told if isinstance(told, dict) else {}
    for name in [name for name in fields if name.startswith(_REST)]:
        company[name.removeprefix(_REST)] = fields.pop(name)
    if company.get("id"):
        fields["company"] = company
    else:
        company.pop("id", None)
        about = {f"{_REST}{name}": value for name, value in company.items()} | fields.get(_AT, {})
        fields |= {_AT: about} if about else {}
    return Payload(fields)


COMPANY: Final = Table(
    (
        Field("groupId", "company_id", convert.to_id),
        Trait("id", note="the groupId is the `company_id`"),
        *_texts("name", "email", "phone", "description", "industry", "plan", "website", "avatar"),
        Trait("employees", f"{_AT}.employees", to_plain),
        Trait("createdAt", f"{_AT}.created_at", convert.to_iso_utc),
        *_ADDRESS,
    ),
    (_CUSTOM,),
    OF_PROFILES,
)

_NO_COMPANY: Final = Skip("the call names no group")


def build_company(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The company, which Userpilot makes where there is none yet, with traits or without."""
    return Payload(fields) if "company_id" in fields else _NO_COMPANY


MEMBER: Final = Table((USER_ID, Field("groupId", "company.id", convert.to_id)))
"""Of a group call: what it says of the user."""


def build_member(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The user belongs to the company from now on, and to no other."""
    if "user_id" not in fields:
        return ANONYMOUS
    return Payload(fields) if "company" in fields else _NO_COMPANY
