"""Identify and group calls: contacts, their custom fields, lists and tags; accounts.

Source: facts/vendors/activecampaign.md sections 3 to 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from plugins.activecampaign.fields import MAX_TAGS, custom_field, field_name, to_field_text, to_tags
from plugins.activecampaign.settings import Settings
from router.plugin import (
    GROUP_TRAITS,
    USER_TRAITS,
    Custom,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    Trait,
    canonical_trait,
    convert,
    left_out,
    looks_like_email,
)

NOBODY: Final = "ActiveCampaign knows nobody without a valid email"
_BULK_NAMES: Final = {"email": "email", "firstName": "first_name", "lastName": "last_name", "phone": "phone"}


def contact_table(settings: Settings) -> Table:
    """Of an identify. A later row wins: the name is split only where first or last are missing."""
    rows = (
        Trait("email", "contact.email", convert.to_email),
        Trait("name", "contact.firstName", convert.to_first_name),
        Trait("name", "contact.lastName", convert.to_last_name),
        Trait("firstName", "contact.firstName", convert.to_text),
        Trait("lastName", "contact.lastName", convert.to_text),
        Trait("phone", "contact.phone", convert.to_text),
        *((Trait("company.name", "account.name", convert.to_text),) if settings.company_accounts else ()),
        *_field_rows(settings.fields, USER_TRAITS, "fields"),
        *((Trait(settings.tags_trait, "tags", to_tags),) if settings.tags_trait else ()),
        *((Trait(settings.subscribe_trait, "is_on_lists", convert.to_boolean),) if settings.subscribe_trait else ()),
    )
    custom = (Custom("traits", "fields", field_name, convert=to_field_text),) if settings.send_all_traits else ()
    return Table((*rows, *_rows_of_none(rows, USER_TRAITS, "fields")), custom)


def account_table(settings: Settings) -> Table:
    """Of a group call. An account is known by its name; one without goes by the group's id."""
    rows = (
        Field("context.traits.email", "email", convert.to_email),
        Field(("traits.name", "groupId"), "account.name", convert.to_text),
        Trait("website", "account.accountUrl", convert.to_url),
        *_field_rows(settings.group_fields, GROUP_TRAITS, "account_fields"),
    )
    return Table((*rows, *_rows_of_none(rows, GROUP_TRAITS, "group_fields")))


def _field_rows(fields: Mapping[str, str], reserved: tuple[str, ...], at: str) -> Iterator[Field]:
    """A reserved trait may be named in either spelling; ``userId`` and ``groupId`` are no traits."""
    for name, named in fields.items():
        field, convert_value = custom_field(named)
        source = name if name in ("userId", "groupId") else f"traits.{canonical_trait(name, reserved)}"
        yield Field(source, f"{at}.{field}", convert_value)


def _rows_of_none(rows: tuple[Field, ...], reserved: tuple[str, ...], setting: str) -> Iterator[Field]:
    mapped = {source.split(".")[1] for row in rows for source in row.sources if source.startswith("traits.")}
    for trait in reserved:
        if trait not in mapped:
            other = "set `company_accounts`, or " if trait == "company" else ""
            yield Trait(trait, note=f"ActiveCampaign has no field for it: {other}name a custom one in `{setting}`")


# --- builds ---


def build_contact(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A contact written at once, with its lists, tags and account."""
    if settings.bulk:
        return Skip("contacts are imported in bulk (setting bulk)")
    contact = complete_contact(event, fields)
    if contact is None:
        return Skip(NOBODY)
    body: Document = {"contact": contact}
    is_on_lists = fields.get("is_on_lists")
    if settings.lists and (is_on_lists is not None or not settings.subscribe_trait):
        body["lists"] = {"ids": settings.lists, "is_on": is_on_lists}
    body |= {name: fields[name] for name in ("fields", "tags", "account") if fields.get(name)}
    beyond = body.get("tags", [])[MAX_TAGS:]
    if beyond:
        body["tags"] = body["tags"][:MAX_TAGS]
    return Payload(body, key=event.message_id, notes=left_out(beyond, f"beyond the {MAX_TAGS} tags of one call"))


def build_contact_of_bulk(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The same contact under the names that an import has."""
    if not settings.bulk:
        return Skip("contacts are written one by one (setting bulk)")
    contact = complete_contact(event, fields)
    if contact is None:
        return Skip(NOBODY)
    body: Document = {_BULK_NAMES[name]: value for name, value in contact.items()}
    if "account" in fields:
        body["customer_acct_name"] = fields["account"]["name"]
    if fields.get("tags"):
        body["tags"] = fields["tags"]
    if "fields" in fields:
        body["fields"] = [{"id": int(field), "value": value} for field, value in fields["fields"].items()]
    if "is_on_lists" in fields:
        body["subscribe" if fields["is_on_lists"] else "unsubscribe"] = [{"listid": each} for each in settings.lists]
    return Payload(body, key=event.message_id)


def complete_contact(event: Event, fields: Document) -> dict[str, Any] | None:
    """The contact, with the email that a userId may be; None for nobody."""
    contact: dict[str, Any] = fields.get("contact", {})
    if "email" not in contact and event.user_id and looks_like_email(event.user_id):
        contact["email"] = convert.to_email(event.user_id)
    return contact if "email" in contact else None


def build_account(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The account, and who is to be linked to it."""
    account: Document = fields.get("account", {})
    if not account.get("name"):
        return Skip("the call names no group")
    if "account_fields" in fields:
        values = fields["account_fields"].items()
        account["fields"] = [{"customFieldId": int(field), "fieldValue": value} for field, value in values]
    email = fields.get("email") or (event.user_id if looks_like_email(event.user_id or "") else None)
    who: Document = {"email": convert.to_email(email)} if email else {}
    return Payload({"account": account, **who}, key=event.message_id)
