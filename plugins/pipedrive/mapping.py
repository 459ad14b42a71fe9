"""From events to people, organizations and notes.

Source: facts/vendors/pipedrive.md sections 3 to 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from plugins.pipedrive.fields import MAX_TEXT, converter_for, to_address, to_id, to_moment, to_name
from plugins.pipedrive.settings import CustomField, Settings
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
    Values,
    canonical_trait,
    convert,
    looks_like_email,
    without_nulls,
)

_NAME_OF_NAMELESS: Final = "name_if_new"
_VALUES: Final = Values(null="clear")
"""Of custom fields, which a null clears; the builds take the other nulls out.

Source: the official client (github.com/pipedrive/client-nodejs, read 2026-11-28).
"""
to_email: Final = convert.at_most(MAX_TEXT, convert.to_email)
to_phone: Final = convert.chain(convert.not_blank, convert.to_phone)


def person_table(settings: Settings) -> Table:
    """Of an identify."""
    rows = (
        _user_id(settings, f"custom_fields.{settings.person_id_field}"),
        Trait("id", note="the userId is what is kept"),
        Trait("email", "emails", to_email),
        Trait("phone", "phones", to_phone),
        Trait("name", "name", to_name),
        Trait("firstName", note="in `name`, which Pipedrive takes apart itself", is_within=True),
        Trait("lastName", note="in `name`, which Pipedrive takes apart itself", is_within=True),
        Trait("createdAt", "add_time", to_moment, note="of a new person alone"),
        *_company_rows(settings),
        *_field_rows(settings.fields, USER_TRAITS),
    )
    return Table((*rows, *_rows_of_none(rows, USER_TRAITS, "fields")), values=_VALUES)


def _company_rows(settings: Settings) -> tuple[Field, ...]:
    """What stands at `org_id` becomes an organization, whose id it is then."""
    if not settings.company_organizations:
        return ()
    by_id = (Trait("company.id", "org_id.id", to_id),) if settings.organization_id_field else ()
    return (*by_id, Trait("company.name", "org_id.name", to_name))


def organization_table(settings: Settings) -> Table:
    """Of a group call."""
    id_field = settings.organization_id_field
    rows = (
        Field("groupId", f"custom_fields.{id_field}" if id_field else _NAME_OF_NAMELESS, to_id),
        Trait("id", note="the groupId is what is kept"),
        Trait("name", "name", to_name, note="the groupId where a new one has none"),
        Trait("address", "address", to_address),
        Trait("createdAt", "add_time", to_moment, note="of a new organization alone"),
        *_field_rows(settings.group_fields, GROUP_TRAITS),
        *_member_rows(settings),
    )
    return Table((*rows, *_rows_of_none(rows, GROUP_TRAITS, "group_fields")), values=_VALUES)


def note_table(settings: Settings) -> Table:
    """Of a track call."""
    rows = (Field("timestamp", "add_time", to_note_time), *_member_rows(settings))
    return Table(rows, custom=(Custom("properties", at="content"),))


def _member_rows(settings: Settings) -> tuple[Field, ...]:
    """Whose call it is that is no identify."""
    return _user_id(settings, "person.id"), Field("context.traits.email", "person.email", to_email)


def _user_id(settings: Settings, to: str) -> Field:
    if not settings.person_id_field:
        return Field("userId", note="people are found by email (setting person_id_field)")
    return Field("userId", to, to_id)


def _field_rows(fields: Mapping[str, CustomField], reserved: tuple[str, ...]) -> Iterator[Field]:
    """A reserved trait may be named in either spelling."""
    for name, field in fields.items():
        yield Trait(canonical_trait(name, reserved), f"custom_fields.{field.key}", converter_for(field))


def _rows_of_none(rows: tuple[Field, ...], reserved: tuple[str, ...], setting: str) -> Iterator[Field]:
    mapped = {source.split(".")[1] for row in rows for source in row.sources if source.startswith("traits.")}
    for trait in reserved:
        if trait not in mapped:
            other = "set `company_organizations`, or " if trait == "company" else ""
            yield Trait(trait, note=f"Pipedrive has no field for it: {other}name a custom one in `{setting}`")


def to_note_time(value: Any) -> str:
    """``2026-03-04 10:20:31``, in UTC."""
    return convert.to_naive_utc(value).replace("T", " ")


# --- builds ---


def build_person(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The person and what they are found by; what only a new one gets; the email and the phone, which are put among those that
    a known one has; the organization that their company becomes."""
    custom: Document = fields.pop("custom_fields", {})
    told = without_nulls(fields)
    told_lists: Document = {name: told.pop(name) for name in ("emails", "phones") if name in told}
    found_by = _found_by(event, custom.get(settings.person_id_field), told_lists.get("emails"))
    if not found_by:
        missing = "neither a userId nor" if settings.person_id_field else "without"
        return Skip(f"{missing} an email: Pipedrive can't find the person again")
    names = (event.traits.get(part) for part in ("firstName", "lastName"))
    name = " ".join(each.strip() for each in names if isinstance(each, str)).strip()
    if_new = {"name": name[:MAX_TEXT] or found_by.get("email") or found_by["id"], **_only_if_new(told, settings)}
    if settings.label_ids:
        if_new["label_ids"] = list(settings.label_ids)
    company = without_nulls(told.pop("org_id", {}))
    body: Document = {"record": told | _custom(custom), "found_by": found_by, "if_new": if_new, **told_lists}
    if company:
        id = company.pop("id", "")
        of_id = {settings.organization_id_field: id} if id else {}
        body["company"] = _organization(company, of_id, id, settings)
    return Payload(body, key=event.message_id)


def build_organization(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The organization, and the person who is to be linked to it."""
    custom: Document = fields.pop("custom_fields", {})
    member: Document = fields.pop("person", {})
    group_id = custom.get(settings.organization_id_field) or fields.pop(_NAME_OF_NAMELESS, None)
    if group_id is None:
        return Skip(f"the call names no group, or one by more than {MAX_TEXT} characters")
    body = _organization(without_nulls(fields), custom, group_id, settings)
    body["member"] = _found_by(event, member.get("id"), member.get("email"))
    return Payload(body, key=event.message_id)


def build_note(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The event's name and properties as the text of a note, which is HTML.

    Source: the official client (github.com/pipedrive/client-nodejs, read 2026-11-28).
    """
    name = (event.event or "").strip()
    if name not in settings.notes:
        return Skip("it becomes no note (setting notes)")
    member = fields.get("person", {})
    found_by = _found_by(event, member.get("id"), member.get("email"))
    if not found_by:
        return Skip("the call names nobody whom Pipedrive could know")
    values = {key: convert.to_json_text(value) for key, value in fields.get("content", {}).items()}
    told = ", ".join(f"{key} {value}" for key, value in values.items() if value)
    content = escape(f"{name}: {told}" if told else name, quote=False)
    return Payload(
        {"note": {"content": content, "add_time": fields["add_time"]}, "found_by": found_by}, event.message_id
    )


def _organization(told: Document, custom: Document, name_if_new: str, settings: Settings) -> Document:
    """The organization, what it is found by, and what a new one gets. Where it is found by its name alone, in any letter case,
    the name is no news."""
    name, id = told.get("name", name_if_new), custom.get(settings.organization_id_field)
    found_by = ({"id": id} if id else {}) | ({"name": name} if "name" in told or not id else {})
    if not id:
        told.pop("name", None)
    if_new = {"name": name, **_only_if_new(told, settings)}
    return {"record": told | _custom(custom), "found_by": found_by, "if_new": if_new}


def _only_if_new(told: Document, settings: Settings) -> Document:
    """What a record has from its first day on, taken out of what is *told*."""
    add_time = told.pop("add_time", None)
    return without_nulls({"add_time": add_time, "owner_id": settings.owner_id, "visible_to": settings.visible_to})


def _found_by(event: Event, user_id: str | None, email: str | None) -> Document:
    """What a person is found by; nothing where it is nobody. A userId may be an email."""
    if email is None and event.user_id and looks_like_email(event.user_id) and len(event.user_id) <= MAX_TEXT:
        email = event.user_id.lower()
    return ({"id": user_id} if user_id else {}) | ({"email": email} if email else {})


def _custom(values: Document) -> Document:
    return {"custom_fields": values} if values else {}
