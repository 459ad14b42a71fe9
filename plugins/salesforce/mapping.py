"""From events to records: people (Lead or Contact), accounts, and events where the operator has an object for them.

Source: facts/vendors/salesforce.md sections 3 to 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from plugins.salesforce.fields import MAX_ID, cut, to_date_time, to_state_code, to_value
from plugins.salesforce.settings import Settings
from router.plugin import (
    GROUP_TRAITS,
    USER_TRAITS,
    Converter,
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
)

OF_ITS_OWN: Final = "no field of its own: name one in the settings"
_VALUES: Final = Values(objects="json", lists="json", null="clear")
_TYPED: Final[Mapping[str, Converter]] = {
    "createdAt": to_date_time,
    "birthday": convert.to_date,
    "age": convert.to_number,
    "company.employee_count": convert.to_integer,
}
"""Traits of which the spec says what they are. For a text in a field for numbers Salesforce refuses the whole record."""
_TYPED_OF_EVENT: Final[Mapping[str, Converter]] = {
    "event": convert.not_blank,
    "timestamp": to_date_time,
    "properties.revenue": convert.to_amount,
    "properties.value": convert.to_number,
}
"""The same of an event."""


def _own_rows(fields: Mapping[str, str], reserved: tuple[str, ...], *unplaced: str) -> tuple[Field, ...]:
    """Rows for the fields that the operator names, a *reserved* trait in either spelling; of *unplaced*, traits that have no
    other, those too that they do not."""
    named = {canonical_trait(path, reserved): name for path, name in fields.items()}
    return (
        *(Trait(name, note=OF_ITS_OWN) for name in unplaced if name not in named),
        *(Trait(path, name, _TYPED.get(path, to_value)) for path, name in named.items()),
    )


def _address_rows(prefix: str, settings: Settings) -> tuple[Field, ...]:
    """*prefix* is what the object's fields of the address begin with."""
    has_codes = settings.state_country_codes
    return (
        Trait("address", f"{prefix}Street", convert.at_most(255, convert.text_only), note="an address given as text"),
        Trait("address.street", f"{prefix}Street", cut(255)),
        Trait("address.city", f"{prefix}City", cut(40)),
        Trait("address.state", f"{prefix}StateCode", to_state_code)
        if has_codes
        else Trait("address.state", f"{prefix}State", cut(80)),
        Trait("address.postalCode", f"{prefix}PostalCode", cut(20)),
        Trait("address.country", f"{prefix}CountryCode", convert.to_country)
        if has_codes
        else Trait("address.country", f"{prefix}Country", cut(80)),
    )


def person_table(settings: Settings) -> Table:
    """Of an identify. A null clears the field."""
    id_field = settings.external_id_field
    return Table(
        (
            Field("userId", id_field, note="" if id_field else "people are found by email (setting match_on_email)"),
            Trait("id", note="the userId is the external id"),
            Trait("email", "Email", convert.at_most(80, convert.to_email)),
            Trait("name", "FirstName", convert.chain(convert.to_first_name, cut(40)), note="without a firstName"),
            Trait("firstName", "FirstName", cut(40)),
            Trait("name", "LastName", convert.chain(convert.to_last_name, cut(80)), note="without a lastName"),
            Trait("lastName", "LastName", cut(80)),
            Trait("phone", "Phone", cut(40)),
            Trait("title", "Title", cut(128)),
            Trait("description", "Description", cut(32_000)),
            *_address_rows("" if settings.object == "Lead" else "Mailing", settings),
            *(_lead_rows(settings) if settings.object == "Lead" else _contact_rows(settings)),
        ),
        values=_VALUES,
    )


def _lead_rows(settings: Settings) -> tuple[Field, ...]:
    return (
        Trait("company.name", "Company", cut(255)),
        Trait("company.industry", "Industry", cut(255)),
        Trait("company.employee_count", "NumberOfEmployees", convert.to_integer),
        Trait("website", "Website", convert.at_most(255, convert.to_text)),
        *_own_rows(
            settings.custom_fields,
            USER_TRAITS,
            *("age", "avatar", "birthday", "company.id", "company.plan", "createdAt", "gender", "username"),
        ),
    )


def _contact_rows(settings: Settings) -> tuple[Field, ...]:
    return (
        Trait("birthday", "Birthdate", convert.to_date),
        *_own_rows(
            settings.custom_fields,
            USER_TRAITS,
            *("age", "avatar", "company", "createdAt", "gender", "username", "website"),
        ),
    )


def account_table(settings: Settings) -> Table:
    """Of a group call."""
    id_field = settings.account_external_id_field
    return Table(
        (
            Field("groupId", id_field, note="" if id_field else "setting account_external_id_field"),
            Trait("id", note="the groupId is the external id"),
            Trait("name", "Name", cut(255)),
            Trait("industry", "Industry", cut(255)),
            Field(("traits.employees", "traits.employee_count"), "NumberOfEmployees", convert.to_integer),
            Trait("website", "Website", convert.at_most(255, convert.to_text)),
            Trait("phone", "Phone", cut(40)),
            Trait("description", "Description", cut(32_000)),
            *_address_rows("Billing", settings),
            *_own_rows(settings.account_custom_fields, GROUP_TRAITS, "avatar", "createdAt", "email", "plan"),
        ),
        values=_VALUES,
    )


def event_table(settings: Settings) -> Table:
    """Of a track call: what the operator names, and nothing else."""
    return Table(
        (
            Field("messageId", settings.event_external_id_field, note="setting event_object"),
            *(Field(path, name, _TYPED_OF_EVENT.get(path, to_value)) for path, name in settings.event_fields.items()),
        ),
        values=_VALUES,
    )


# --- builds ---


def build_person_for_batch(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A record that is whole, and found by the userId: up to 200 of them are one call."""
    record = _person(event, fields, settings)
    if isinstance(record, Skip):
        return record
    if settings.match_on_email:
        return Skip("people are looked for by email (setting match_on_email)")
    if _lacks(record, _required(settings)):
        return Skip(f"lacks what a new {settings.object} needs: written by itself")
    return _batched(settings.object, record, event)


def build_person_by_itself(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A record that has to be looked for, or that may need what it lacks in case that it is new."""
    record = _person(event, fields, settings)
    if isinstance(record, Skip):
        return record
    lacking = _lacks(record, _required(settings))
    if not settings.match_on_email and not lacking:
        return Skip("up to 200 people are written with one call")
    body: Document = {
        "object": settings.object,
        "id_field": settings.external_id_field,
        "record": record,
        "if_new": dict.fromkeys(lacking, settings.missing),
    }
    email = _email(event, fields)
    if email and "Email" not in record:  # of somebody known it would take the place of the one that is there
        body["if_new"]["Email"] = email
    if settings.match_on_email and email:
        body["email"] = email
    return Payload(body, key=event.message_id)


def build_account_for_batch(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    account = _account(event, fields, settings)
    if isinstance(account, Skip):
        return account
    if "Name" not in account:
        return Skip("lacks the name that a new Account needs: written by itself")
    return _batched("Account", account, event)


def build_account_by_itself(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    account = _account(event, fields, settings)
    if isinstance(account, Skip):
        return account
    if "Name" in account:
        return Skip("up to 200 accounts are written with one call")
    body: Document = {
        "object": "Account",
        "id_field": settings.account_external_id_field,
        "record": account,
        "if_new": {"Name": event.group_id},
    }
    return Payload(body, key=event.message_id)


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if not settings.event_object:
        return Skip("Salesforce has no place for events, unless you have an object for them (setting event_object)")
    return _batched(settings.event_object, fields, event)


def _batched(name: str, record: Document, event: Event) -> Payload:
    return Payload({"attributes": {"type": name}, **record}, key=event.message_id, group=name)


def _required(settings: Settings) -> Sequence[str]:
    return ("LastName", "Company") if settings.object == "Lead" else ("LastName",)


def _lacks(record: Document, names: Sequence[str]) -> list[str]:
    return [name for name in names if name not in record]


def _person(event: Event, fields: Document, settings: Settings) -> Document | Skip:
    """The record, if there is something to find it by. Nobody without a name to be found by becomes one."""
    id_field = settings.external_id_field
    if not (id_field and id_field in fields) and not (settings.match_on_email and _email(event, fields)):
        return Skip(_nobody(event, fields, settings))
    if len(str(fields.get(id_field, ""))) > MAX_ID:
        return Skip(f"the userId has more than {MAX_ID} characters")
    record = _without_null(fields, _required(settings))
    return record | ({"LeadSource": settings.lead_source} if settings.lead_source else {})


def _nobody(event: Event, fields: Document, settings: Settings) -> str:
    if settings.match_on_email:
        return "no email to find the person by" if event.user_id else "anonymous: nothing to find the person by"
    if _email(event, fields):
        return "no userId, and people are not looked for by email (setting match_on_email)"
    return "anonymous: nothing to find the person by"


def _email(event: Event, fields: Document) -> str | None:
    """The trait, else a userId that is an email."""
    email: str | None = fields.get("Email")
    return email or (event.user_id if event.user_id and looks_like_email(event.user_id) else None)


def _account(event: Event, fields: Document, settings: Settings) -> Document | Skip:
    if not settings.account_external_id_field:
        return Skip("group calls are not sent without the setting account_external_id_field")
    if len(event.group_id or "") > MAX_ID:
        return Skip(f"the groupId has more than {MAX_ID} characters")
    return _without_null(fields, ("Name",))


def _without_null(fields: Document, required: Sequence[str]) -> Document:
    """A required field can't be cleared."""
    return {name: value for name, value in fields.items() if value is not None or name not in required}
