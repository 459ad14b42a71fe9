"""Identify and group calls: contacts. SendGrid's contacts have no events.

Source: facts/vendors/sendgrid-marketing.md sections 3 to 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from plugins.sendgrid.fields import custom_field, cut, to_email_id, to_id
from plugins.sendgrid.settings import Settings
from router.plugin import (
    GROUP_TRAITS,
    USER_TRAITS,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    Trait,
    canonical_trait,
    convert,
    looks_like_email,
)

IDENTIFIERS: Final = ("email", "external_id", "anonymous_id")
NO_LISTS: Final = "no lists"
"""The group of payloads that put nobody on the lists of the settings."""
MAX_LINE: Final = 100
_WITHOUT_A_FIELD: Final = (
    "age",
    "avatar",
    "birthday",
    "company",
    "createdAt",
    "description",
    "gender",
    "title",
    "username",
    "website",
)
"""Reserved traits that a contact has no field for."""


def contact_table(settings: Settings) -> Table:
    """Of an identify. A later row wins: the name is split only where first or last are missing."""
    return Table(
        (
            *_identifier_rows(settings, "traits"),
            Trait("id", note="the userId is sent, with `send_external_id`"),
            Trait("name", "first_name", convert.chain(convert.to_first_name, cut(50))),
            Trait("name", "last_name", convert.chain(convert.to_last_name, cut(50))),
            Trait("firstName", "first_name", cut(50)),
            Trait("lastName", "last_name", cut(50)),
            Trait("phone", "phone_number", convert.to_text),
            Trait("address", "address_line_1", convert.text_only, "an address given as text"),
            Trait(
                "address.street", "address_line_1", convert.to_text, f"beyond {MAX_LINE} characters `address_line_2`"
            ),
            Trait("address.city", "city", cut(60)),
            Trait("address.state", "state_province_region", cut(50)),
            Trait("address.postalCode", "postal_code", convert.to_text),
            Trait("address.country", "country", cut(50)),
            *_custom_rows(settings.custom_fields, USER_TRAITS),
            *_rows_of_none(settings.custom_fields, _WITHOUT_A_FIELD, "custom_fields"),
        )
    )


def member_table(settings: Settings) -> Table:
    """Of a group call: what the contact of the person gets."""
    return Table(
        (
            *_identifier_rows(settings, "context.traits"),
            *_custom_rows(settings.group_fields, GROUP_TRAITS),
            *_rows_of_none(settings.group_fields, GROUP_TRAITS, "group_fields"),
        )
    )


def _identifier_rows(settings: Settings, traits: str) -> Iterator[Field]:
    yield Field(f"{traits}.email", "email", to_email_id)
    if settings.send_external_id:
        yield Field("userId", "external_id", to_id)
    if settings.send_anonymous_id:
        yield Field("anonymousId", "anonymous_id", to_id, "only of people without an email")


def _custom_rows(fields: Mapping[str, str], reserved: tuple[str, ...]) -> Iterator[Field]:
    """A reserved trait may be named in either spelling; ``userId`` and ``groupId`` are no traits."""
    for trait, named in fields.items():
        field_id, convert_value = custom_field(named)
        source = trait if trait in ("userId", "groupId") else f"traits.{canonical_trait(trait, reserved)}"
        yield Field(source, f"custom_fields.{field_id}", convert_value)


def _rows_of_none(fields: Mapping[str, str], traits: tuple[str, ...], setting: str) -> Iterator[Field]:
    mapped = {canonical_trait(trait, traits).partition(".")[0] for trait in fields}
    for trait in traits:
        if trait not in mapped:
            yield Trait(trait, note=f"SendGrid has no field for it: name a custom one in `{setting}`")


def build_contact(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    return _contact(event, fields, settings)


def build_member(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """It puts nobody on a list: the operator may let an identify do that for people who have agreed alone."""
    if not settings.group_fields:
        return Skip("SendGrid has no groups (setting group_fields)")
    if "custom_fields" not in fields:
        return Skip("the call has none of the traits in group_fields")
    return _contact(event, fields, settings, group=NO_LISTS)


def _contact(event: Event, fields: Document, settings: Settings, *, group: str = "") -> Payload | Skip:
    """A contact with all the identifiers that it has: with one less SendGrid wouldn't find it, and would make another."""
    if "email" not in fields and event.user_id and looks_like_email(event.user_id):
        fields["email"] = convert.to_email(event.user_id)
    anonymous_id = fields.pop("anonymous_id", None)
    if "email" not in fields and anonymous_id and not event.user_id:
        fields["anonymous_id"] = anonymous_id
    elif "email" not in fields:
        return Skip("SendGrid finds no contact without a valid email")
    elif settings.send_external_id and "external_id" not in fields:
        return Skip("without a userId SendGrid would make a second contact of this email (setting send_external_id)")
    street = fields.get("address_line_1", "")
    if len(street) > MAX_LINE:
        fields["address_line_1"] = street[:MAX_LINE]
        fields["address_line_2"] = street[MAX_LINE : 2 * MAX_LINE]
    return Payload(fields, key=event.message_id, group=group)
