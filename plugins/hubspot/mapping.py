"""Identify, group and alias calls: contacts, companies, and which two contacts are one.

Source: facts/vendors/hubspot.md sections 3 to 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from plugins.hubspot.properties import (
    is_read_only,
    property_name,
    to_industry,
    to_moment,
    to_property,
    to_size_range,
)
from plugins.hubspot.settings import Settings
from router.plugin import (
    Converter,
    Custom,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    Values,
    convert,
    looks_like_email,
)

OWN_CONTACT_PROPERTIES: Final = frozenset(
    {
        "email",
        "firstname",
        "lastname",
        "phone",
        "jobtitle",
        "website",
        "company",
        "industry",
        "address",
        "city",
        "state",
        "zip",
        "country",
    }
)
"""What every account has. `date_of_birth`, `gender` and `numemployees` are HubSpot's too, but in detail unverified."""
OWN_COMPANY_PROPERTIES: Final = frozenset(
    {
        "name",
        "domain",
        "website",
        "industry",
        "numberofemployees",
        "phone",
        "description",
        "address",
        "city",
        "state",
        "zip",
        "country",
    }
)


def contact_table(settings: Settings) -> Table:
    """Of an identify. A later row wins: the name is split only where first or last are missing."""
    is_sent = _is_sent(settings.contact_properties, OWN_CONTACT_PROPERTIES | {settings.user_id_property})
    user_id = settings.user_id_property
    return _table(
        [
            ("userId", user_id, None) if user_id else ("userId", "", "has a property only with user_id_property"),
            ("traits.id", "", "the userId is sent"),
            ("traits.email", "email", convert.to_email),
            ("traits.name", "firstname", convert.to_first_name),
            ("traits.name", "lastname", convert.to_last_name),
            ("traits.firstName", "firstname", convert.to_text),
            ("traits.lastName", "lastname", convert.to_text),
            ("traits.phone", "phone", convert.to_text),
            ("traits.title", "jobtitle", convert.to_text),
            ("traits.website", "website", convert.to_text),
            ("traits.company.name", "company", convert.to_text),
            ("traits.company.industry", "industry", convert.to_text),
            ("traits.company.employee_count", "numemployees", to_size_range),
            ("traits.company.id", "company_id", convert.to_text),
            ("traits.company.plan", "company_plan", convert.to_text),
            *_ADDRESS,
            ("traits.gender", "gender", convert.to_text),
            ("traits.birthday", "date_of_birth", convert.to_date),
            ("traits.createdAt", "signed_up_at", to_moment),
            ("traits.age", "age", convert.to_number),
            ("traits.avatar", "avatar", convert.to_text),
            ("traits.description", "description", convert.to_text),
            ("traits.username", "username", convert.to_text),
        ],
        is_sent,
        "contact_properties",
        frozenset({"email", user_id}),
    )


def company_table(settings: Settings) -> Table:
    """Of a group call. Everything arrives that the account has a property for."""
    return _table(
        [
            ("groupId", settings.company_key, None),
            ("traits.id", "", "the groupId is sent"),
            ("traits.name", "name", convert.to_text),
            ("traits.website", "website", convert.to_text),
            ("traits.website", "domain", convert.to_domain),
            ("traits.industry", "industry", to_industry),
            (("traits.employees", "traits.employee_count"), "numberofemployees", convert.to_integer),
            ("traits.phone", "phone", convert.to_text),
            ("traits.description", "description", convert.to_text),
            *_ADDRESS,
            ("traits.plan", "plan", convert.to_text),
            ("traits.createdAt", "signed_up_at", to_moment),
            ("traits.avatar", "avatar", convert.to_text),
            ("traits.email", "email", convert.to_text),
        ],
        _is_sent(settings.company_properties, OWN_COMPANY_PROPERTIES | {settings.company_key}),
        "company_properties",
        frozenset({settings.company_key}),
    )


_Row = tuple[str | tuple[str, ...], str, Converter | str | None]
"""Source, property and converter; or source, "" and why it isn't sent."""

_ADDRESS: Final[tuple[_Row, ...]] = (
    ("traits.address", "address", convert.text_only),  # an address given as text
    ("traits.address.street", "address", convert.to_text),
    ("traits.address.city", "city", convert.to_text),
    ("traits.address.state", "state", convert.to_text),
    ("traits.address.country", "country", convert.to_text),
    ("traits.address.postalCode", "zip", convert.to_text),
)


def _table(rows: list[_Row], is_sent: Callable[[str], bool], setting: str, keys: frozenset[str]) -> Table:
    """*keys* are what an object is found by: no custom trait is written there, whatever its letter case."""

    def field(source: str | tuple[str, ...], name: str, convert: Converter | str | None) -> Field:
        if not name:
            return Field(source, note=str(convert))
        if not is_sent(name):
            return Field(source, note=f"`{name}` is not among `{setting}`")
        return Field(source, f"properties.{name}", None if isinstance(convert, str) else convert)

    def rename(key: str) -> str | None:
        name = property_name(key)
        if name in keys:
            raise ValueError(f"{name} says who it is, and no custom trait does")
        if name is not None and not is_sent(name):
            raise ValueError(f"{name} is read-only, or not among `{setting}`")
        return name

    return Table(
        tuple(field(*row) for row in rows),
        (Custom("traits", at="properties", rename=rename, convert=to_property),),
        Values(null="clear"),
    )


def _is_sent(listed: list[str] | None, own: frozenset[str]) -> Callable[[str], bool]:
    if listed is None:
        return lambda name: not is_read_only(name)
    return lambda name: name in own or name in listed


# --- builds ---


def build_contact(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A contact written alone: found by its key, updated or created, whatever the account refuses left out."""
    contact = _contact(event, fields, settings)
    if isinstance(contact, Payload) and settings.batch_contacts and contact.body["id_property"] != "email":
        return Skip("it is written with others (setting batch_contacts)")
    return contact


def build_contact_of_batch(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A contact that travels with others: only by a unique property, for HubSpot upserts nothing in part by email."""
    if not settings.batch_contacts:
        return Skip("contacts are written one by one (setting batch_contacts)")
    contact = _contact(event, fields, settings)
    if isinstance(contact, Payload) and contact.body["id_property"] == "email":
        return Skip("without a userId it is written alone, by its email")
    return contact


def _contact(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    properties: Document = fields.get("properties", {})
    if properties.get("email") is None:
        properties.pop("email", None)  # clearing what a contact is known by helps nobody
    of_user_id = convert.to_email(event.user_id) if event.user_id and looks_like_email(event.user_id) else None
    key = _key(event.user_id, properties.get("email", of_user_id), settings)
    if key is None:
        what = "a userId or a valid email" if settings.lookup_field == "user_id" else "a valid email"
        return Skip(f"HubSpot finds no contact without {what}")
    body: Document = {**key, "properties": properties}
    if of_user_id and "email" not in properties:
        if key["id_property"] == "email" or settings.batch_contacts:
            properties["email"] = of_user_id
        else:
            body["email_if_new"] = of_user_id  # somebody known by the userId may have another by now
    return Payload(body, key=event.message_id)


def _key(user_id: str | None, email: str | None, settings: Settings) -> Document | None:
    """What finds a contact: ``{"id", "id_property"}``; None for nobody."""
    if settings.lookup_field == "user_id" and user_id:
        return {"id": user_id, "id_property": settings.user_id_property}
    return {"id": email, "id_property": "email"} if email else None


def contact_key(event: Event, settings: Settings) -> Document | None:
    """What finds the contact of a call that is no identify."""
    email = (event.email or "").lower()
    return _key(event.user_id, email if looks_like_email(email) else None, settings)


def build_company(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The company, and who is to be linked to it."""
    if not event.group_id:
        return Skip("the call names no group")
    body: Document = {"id": event.group_id, "properties": fields["properties"]}
    contact = contact_key(event, settings)
    if contact is not None:
        body["contact"] = contact
    return Payload(body, key=event.message_id)


MERGE: Final = Table(
    (
        Field("userId", "user_id"),
        Field("previousId", "previous_id"),
    )
)


def build_merge(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if not settings.merge_on_alias:
        return Skip("HubSpot can't undo a merge (setting merge_on_alias)")
    if fields["user_id"] == fields["previous_id"]:
        return Skip("both ids are the same")
    return Payload(fields, key=event.message_id)
