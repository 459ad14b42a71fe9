"""Identify and group calls: people, users, companies and workspaces.

Source: facts/vendors/attio.md sections 3 to 5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from plugins.attio.attributes import LOCATION, own_rows
from plugins.attio.settings import Settings
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
    convert,
    left_out,
    looks_like_email,
)

_NO_DOMAIN: Final = "Attio finds a company by its domain alone"
_NO_EMAIL: Final = "Attio finds a person by an email alone"


def person_table(settings: Settings) -> Table:
    """Of an identify: ``person``, the ``company`` that the person is of, and ``user``. A later row wins: the name is split
    only where first or last are missing."""
    return Table(
        (
            Trait("email", "person.email_addresses", convert.to_email),
            Trait("name", "person.name.full_name", convert.chain(convert.text_only, convert.not_blank)),
            Trait("name", "person.name.first_name", convert.to_first_name),
            Trait("name", "person.name.last_name", convert.to_last_name),
            Trait("firstName", "person.name.first_name", convert.not_blank),
            Trait("lastName", "person.name.last_name", convert.not_blank),
            Trait("phone", "person.phone_numbers", convert.to_phone),
            Trait("title", "person.job_title", convert.to_text),
            Trait("description", "person.description", convert.to_text),
            *_location_rows("person."),
            Field(("traits.company.domain", "traits.company.website"), "company.domains", convert.to_domain),
            Trait("company.name", "company.name", convert.not_blank, note="beside its domain"),
            Trait("company", note="all else of it: name attributes in `person_attributes`"),
            *_user_rows(settings),
            *own_rows(
                settings.person_attributes,
                USER_TRAITS,
                "person.",
                "person_attributes",
                ("age", "avatar", "birthday", "createdAt", "gender", "username", "website"),
            ),
        )
    )


def _user_rows(settings: Settings) -> Iterator[Field]:
    yield Trait("id", note="the userId is sent, with `use_users_object`")
    if not settings.use_users_object:
        yield Field("userId", note="people have no attribute for it (`use_users_object`)")
        return
    yield Field("userId", "user.user_id", convert.to_id)
    yield Trait("email", "user.primary_email_address", convert.to_email)
    yield from own_rows(settings.user_attributes, USER_TRAITS, "user.", "user_attributes")


def company_table(settings: Settings) -> Table:
    """Of a group call."""
    return Table(
        (
            _OF_DOMAIN,
            Trait("name", "name", convert.not_blank),
            Trait("description", "description", convert.to_text),
            *_location_rows(),
            Trait("id", note="the groupId is sent, with `use_workspaces_object`"),
            *own_rows(
                settings.company_attributes,
                GROUP_TRAITS,
                "",
                "company_attributes",
                ("avatar", "createdAt", "email", "employees", "industry", "phone", "plan"),
            ),
        )
    )


def workspace_table(settings: Settings) -> Table:
    """Of a group call: the workspace, and the ``member`` of it."""
    return Table(
        (
            Field("groupId", "workspace.workspace_id", convert.to_id),
            Trait("name", "workspace.name", convert.not_blank),
            Trait("avatar", "workspace.avatar_url", convert.to_url),
            replace(_OF_DOMAIN, to="workspace.company", note="points at the company"),
            *own_rows(settings.workspace_attributes, GROUP_TRAITS, "workspace.", "workspace_attributes"),
            Field("userId", "member" if settings.use_users_object else "", convert.to_id, _MEMBER),
        )
    )


_OF_DOMAIN: Final = Field(("traits.domain", "traits.website"), "domains", convert.to_domain)
_MEMBER: Final = "the user becomes one of the workspace's, with `use_users_object`"


def _location_rows(at: str = "") -> tuple[Field, ...]:
    location = f"{at}primary_location"
    return (
        Trait("address", location, convert.chain(convert.text_only, convert.not_blank), "an address given as text"),
        Trait("address.street", f"{location}.line_1", convert.to_text),
        Trait("address.city", f"{location}.locality", convert.to_text),
        Trait("address.state", f"{location}.region", convert.to_text),
        Trait("address.postalCode", f"{location}.postcode", convert.to_text),
        Trait("address.country", f"{location}.country_code", convert.to_country),
    )


# --- builds ---


def build_person(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The person, found by the email; what is only to be added to them; their company; and the user."""
    person: Document = fields.get("person", {})
    company: Document = fields.get("company", {})
    user: Document = fields.get("user", {})
    body: Document = {}
    notes: tuple[str, ...] = ()
    of_user_id = convert.to_email(event.user_id) if event.user_id and looks_like_email(event.user_id) else None
    email = person.pop("email_addresses", of_user_id)
    if email:
        added, notes = _take_added(person)
        body["person"] = {"email_addresses": [email], **person}
        body |= {"added": added} if added else {}
        if "domains" in company:
            body["company"] = {**company, "domains": [company["domains"]]}
        elif company:
            notes += left_out(["company"], _NO_DOMAIN)
    elif user.keys() <= {"user_id"}:
        return Skip(f"no email: {_NO_EMAIL}")
    else:
        notes = left_out([*sorted(person), *(["company"] if company else [])], _NO_EMAIL)
    if "user_id" in user:
        body["user"] = user
        if of_user_id and "primary_email_address" not in user:
            body["user_if_new"] = {"primary_email_address": of_user_id}  # somebody known may have another by now
    return Payload(body, key=event.message_id, notes=notes)


def _take_added(person: Document) -> tuple[Document, tuple[str, ...]]:
    """Put the location of *person* right, and take out of it what may not take the place of what is there: the phone, which
    would do so of all others; half a name."""
    added: Document = {}
    notes: tuple[str, ...] = ()
    _fill_location(person)
    location = person.get("primary_location")
    country = location["country_code"] if isinstance(location, dict) else None
    phone = person.pop("phone_numbers", "")
    if phone.startswith("+") or (phone and country):
        added["phone_numbers"] = [
            {"original_phone_number": phone, "country_code": None if phone.startswith("+") else country}
        ]
    elif phone:
        notes = left_out(["phone"], "Attio takes no phone number whose country is not told")
    name: Document = person.pop("name", {})
    if name:
        parts = {"first_name": name.get("first_name", ""), "last_name": name.get("last_name", "")}
        full_name = name.get("full_name") or " ".join(filter(None, parts.values()))
        (person if "full_name" in name else added)["name"] = parts | {"full_name": full_name}
    return added, notes


def _fill_location(record: Document) -> None:
    location: Any = record.get("primary_location")
    if isinstance(location, dict):
        record["primary_location"] = dict.fromkeys(LOCATION) | location


def build_company(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if "domains" not in fields:
        return Skip(f"neither a website nor a domain: {_NO_DOMAIN}")
    _fill_location(fields)
    return Payload({"company": {**fields, "domains": [fields["domains"]]}}, key=event.message_id)


def build_workspace(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The workspace points at the company, which the action before this one has written, and gets the user of the call."""
    if not settings.use_workspaces_object:
        return Skip("workspaces are not written (setting use_workspaces_object)")
    workspace: Document = fields.get("workspace", {})
    if "workspace_id" not in workspace:
        return Skip("the call names no group")
    if "company" in workspace:
        workspace["company"] = [{"target_object": "companies", "domains": [{"domain": workspace["company"]}]}]
    return Payload(fields, key=event.message_id)
