"""Events to contacts, companies and events of Intercom.

Source: facts/vendors/intercom.md sections 3 to 6; facts/event-spec.md section 4, track (revenue).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from plugins.intercom.settings import Settings
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
    complete_value,
    convert,
    has_odd_currency,
    left_out,
    looks_like_email,
    same_name,
    snake_case,
    spelt_alike,
    view_name,
)

CONTACT_READ_ONLY: Final = frozenset(
    {
        "android_app_name",
        "browser",
        "contact_id",
        "created_at",
        "external_id",
        "ios_app_name",
        "last_contacted_at",
        "last_email_opened_at",
        "last_replied_at",
        "location",
        "os",
        "session_count",
        "type",
        "updated_at",
        "user_id",
        "workspace_id",
    }
)
"""Names that a contact has of its own and nobody may write as custom attributes."""
COMPANY_READ_ONLY: Final = frozenset(
    {"app_id", "company_id", "created_at", "last_request_at", "session_count", "type", "updated_at", "user_count"}
)

MAX_METADATA_KEYS: Final = 10
"""The API description says ten, the help centre twenty; more are ignored without a word."""
MAX_NAME: Final = 190
MAX_TEXT: Final = 255
_MAX_MONTHLY_SPEND = 2_147_483_647
_FORBIDDEN_SIGNS = re.compile(r"[^\w\- €$£¥]|\$", re.ASCII)
_CURRENCY = re.compile("[A-Za-z]{3}")
_AT = "contact.custom_attributes"
_ORDERS: Final = frozenset({"ordercompleted", "completedorder"})
"""By `spelt_alike`."""


def attribute_name(name: str) -> str | None:
    """*name* with ``_`` for what Intercom allows in no attribute name (``.``, ``$``, punctuation)."""
    return _FORBIDDEN_SIGNS.sub("_", name)[:MAX_NAME] or None


def to_monthly_spend(value: Any) -> int:
    """A whole number up to 2147483647."""
    number = convert.to_integer(value)
    if not 0 <= number <= _MAX_MONTHLY_SPEND:
        raise ValueError(f"expected 0 to {_MAX_MONTHLY_SPEND}")
    return number


def contact_table(settings: Settings) -> Table:
    """Of an identify: the contact, and the company it names."""
    created = {
        "created_at": ("created_at",),
        "signed_up_at": ("signed_up_at",),
        "both": ("created_at", "signed_up_at"),
    }[settings.created_at_field]
    return Table(
        (
            Field("userId", "contact.external_id"),
            Trait("id", note="the userId is the contact's `external_id`"),
            Trait("email", "contact.email", convert.to_email),
            Trait("phone", "contact.phone", convert.to_phone),
            Trait("name", "contact.name", convert.to_text),
            *(
                Trait(
                    part,
                    note=f"in `name`: Intercom has no field for it; without a {other} only of a new contact",
                    is_within=True,
                )
                for part, other in (("firstName", "lastName"), ("lastName", "firstName"))
            ),
            Trait("avatar", "contact.avatar", convert.to_url),
            *(Trait("createdAt", f"contact.{name}", convert.to_unix_seconds) for name in created),
            Field(("traits.lastSeenAt", "traits.last_seen_at"), "contact.last_seen_at", convert.to_unix_seconds),
            Field(
                ("traits.unsubscribedFromEmails", "traits.unsubscribed_from_emails"),
                "contact.unsubscribed_from_emails",
                convert.to_boolean,
            ),
            Field(("traits.ownerId", "traits.owner_id"), "contact.owner_id", convert.to_integer),
            Trait("role", "contact.role", to_role),
            *_address(_AT),
            Trait("birthday", f"{_AT}.birthday", convert.to_unix_seconds),
            Trait("age", f"{_AT}.age", convert.to_number),
            *same_name("description", "gender", "title", "username", "website", at=_AT),
            Trait("company.id", "company.company_id", convert.to_text),
            Trait("company.name", "company.name", convert.to_text),
            Trait("company.industry", "company.industry", convert.to_text),
            Trait("company.employee_count", "company.size", convert.to_integer),
            Trait("company.plan", "company.plan", convert.to_text),
            *_company_extras("traits.company."),
            Trait("company.remove", "leaves", convert.to_boolean, note="takes the contact out of the company"),
            Trait("company", "company.custom_attributes", note="whatever else is in it"),
        ),
        custom=(Custom("traits", at=_AT, rename=attribute_name, forbidden=CONTACT_READ_ONLY),),
    )


def to_role(value: Any) -> str:
    """``user`` or ``lead``."""
    if value not in ("user", "lead"):
        raise ValueError("expected user or lead")
    return str(value)


def _address(at: str) -> tuple[Field, ...]:
    """Rows for an address, of a contact or of a company."""
    return (
        *(
            Trait(f"address.{part}", f"{at}.address_{snake_case(part)}", convert.to_text)
            for part in NESTED_TRAITS["address"]
        ),
        Trait("address", f"{at}.address", note="an address given as text, and whatever else is in it"),
    )


def _company_extras(prefix: str) -> tuple[Field, ...]:
    return (
        Field((f"{prefix}createdAt", f"{prefix}created_at"), "company.remote_created_at", convert.to_unix_seconds),
        Field((f"{prefix}monthlySpend", f"{prefix}monthly_spend"), "company.monthly_spend", to_monthly_spend),
        Field(f"{prefix}website", "company.website", convert.to_text),
    )


COMPANY: Final = Table(
    (
        Field("groupId", "company.company_id"),
        Trait("id", note="the groupId is the company's `company_id`"),
        Trait("name", "company.name", convert.to_text),
        Trait("industry", "company.industry", convert.to_text),
        Field(("traits.employees", "traits.employee_count", "traits.size"), "company.size", convert.to_integer),
        Trait("plan", "company.plan", convert.to_text),
        *_company_extras("traits."),
        *_address("company.custom_attributes"),
        *same_name("avatar", "description", "email", "phone", at="company.custom_attributes"),
    ),
    custom=(Custom("traits", at="company.custom_attributes", rename=attribute_name, forbidden=COMPANY_READ_ONLY),),
)
"""Of a group call. Everything arrives: what a company has no field for becomes a custom attribute."""

EVENT: Final = Table(
    (
        Field("event", "event_name", convert.not_blank),
        Field("timestamp", "created_at", convert.to_unix_seconds),
        Field("properties.revenue", "revenue", convert.to_cents),
        Field("properties.currency", "currency", convert.chain(convert.to_currency, convert.to_lower)),
    ),
    custom=(Custom("properties", at="metadata", rename=attribute_name),),
)

VIEW: Final = Table(
    (
        Field("timestamp", "created_at", convert.to_unix_seconds),
        *(Field((name, f"properties.{name}"), f"metadata.{name}") for name in ("name", "category")),
    ),
    custom=(Custom("properties", at="metadata", rename=attribute_name),),
)


# --- builds ---


def build_contact(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The contact, beside it the company, and what only somebody new gets, since of somebody known it would take the place of
    what is there: half a name where the whole isn't told, a userId for an email, the role of a lead. Nobody without a name to
    be found by becomes a contact."""
    contact: Document = dict(fields.get("contact", {}))
    if "external_id" not in contact:
        if contact.get("email"):
            contact.setdefault("role", settings.role_without_user_id)
        elif settings.send_anonymous_id and event.anonymous_id:
            contact["external_id"] = event.anonymous_id
        else:
            return Skip("anonymous: without userId and email Intercom would get an empty contact")
    notes = left_out(["traits.role"] if _is_misplaced_lead(contact) else [], "a lead can't have an external_id")
    if notes:
        del contact["role"]
    contact.setdefault("role", "user")
    attributes = dict(_flat(contact.pop("custom_attributes", {})))
    if attributes:
        contact["custom_attributes"] = attributes
    body: Document = {"contact": contact}
    name = next((part for part in map(event.traits.get, ("firstName", "lastName")) if isinstance(part, str)), "")
    role = contact.pop("role") if contact["role"] == "lead" else ""
    if_new = {"name": name, "email": _email(event), "role": role}
    if_new = {field: value for field, value in if_new.items() if value and field not in contact}
    if if_new:
        body["if_new"] = if_new
    company = _company(fields.get("company", {}))
    if company is not None:
        body["company"] = company
        body |= {"leaves": True} if fields.get("leaves") else {}
    elif event.traits.get("company") is not None:
        notes += left_out(["traits.company"], "it has neither an id nor a name")
    return Payload(body, key=event.message_id, notes=notes)


def _is_misplaced_lead(contact: Document) -> bool:
    """Intercom refuses to create such a contact."""
    return contact.get("role") == "lead" and "external_id" in contact


def build_company(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The company, and the contact to attach to it."""
    company = _company(fields.get("company", {}))
    if company is None:
        return Skip("the call names no group")
    contact = _who(event, settings)
    if not contact:  # Intercom shows a company once a contact is attached to it
        return Payload(
            {"company": company}, event.message_id, notes=("nobody is attached to the company: no userId, no email",)
        )
    return Payload({"company": company, "contact": contact}, key=event.message_id)


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """Something a contact did. Intercom takes no event of somebody it doesn't know."""
    if "event_name" not in fields:
        return Skip("the event has no name")
    metadata: Document = dict(fields.get("metadata", {}))
    if spelt_alike(event.event) in _ORDERS:
        _complete_revenue(event, fields)
    if "revenue" in fields:
        metadata = {"revenue": _revenue(event, fields)} | metadata
    elif "currency" in fields:
        metadata["currency"] = fields["currency"]
    return _event(event, fields["event_name"], fields, metadata, settings)


def _complete_revenue(event: Event, fields: Document) -> None:
    """The revenue of an order that tells of its money as a total, or by its products alone."""
    told: Document = {"value": fields["revenue"] / 100} if "revenue" in fields else {}
    complete_value(told, event.properties.get("total"), event.properties.get("products"))
    if "value" in told:
        with suppress(ValueError):  # more than cents can hold
            fields["revenue"] = convert.to_cents(told["value"])


def _revenue(event: Event, fields: Document) -> Document | float:
    """An amount in cents, of dollars where no currency is told; beside a currency that is none, a number without one."""
    if has_odd_currency(event):
        return float(fields["revenue"]) / 100
    return {"amount": fields["revenue"], "currency": fields.get("currency", "usd")}


def build_view(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A page or a screen, where the operator wants those as events."""
    if not settings.track_pages:
        return Skip("Intercom has no call for pages and screens (setting track_pages)")
    return _event(event, view_name(event), fields, dict(fields.get("metadata", {})), settings)


def _event(event: Event, name: str, fields: Document, metadata: Document, settings: Settings) -> Payload | Skip:
    who = _who(event, settings)
    if not who:
        return Skip("anonymous: Intercom takes events of known people only")
    body: Document = {"event_name": name, "created_at": fields["created_at"]}
    body |= {"user_id": who["external_id"]} if "external_id" in who else {"email": who["email"]}
    flat = dict(_metadata(metadata))
    if flat:
        body["metadata"] = dict(list(flat.items())[:MAX_METADATA_KEYS])
    surplus = left_out(
        list(flat)[MAX_METADATA_KEYS:], f"beyond the {MAX_METADATA_KEYS} metadata keys that Intercom reads"
    )
    return Payload(body, key=event.message_id, notes=surplus)


def _who(event: Event, settings: Settings) -> Document:
    """What finds the contact of an event: ``external_id``, else ``email``; empty for nobody."""
    if event.user_id:
        return {"external_id": event.user_id}
    if email := _email(event):
        return {"email": email}
    if settings.send_anonymous_id and event.anonymous_id:
        return {"external_id": event.anonymous_id}
    return {}


def _email(event: Event) -> str:
    """The person's email in lower case; "" where they have none, or one that is none."""
    return event.email.lower() if event.email and looks_like_email(event.email) else ""


def _company(fields: Document) -> Document | None:
    """A company with an id; one that only has a name is known by its name."""
    company = dict(fields)
    extra = company.pop("custom_attributes", None)
    if "company_id" not in company:
        if not company.get("name"):
            return None
        company["company_id"] = company["name"]
    if isinstance(extra, dict):
        attributes = {attribute_name(name): value for name, value in _flat(extra) if name not in COMPANY_READ_ONLY}
        if attributes:
            company["custom_attributes"] = attributes
    return company


def _flat(values: Document, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Scalars only: objects by their keys joined with ``_``, lists as JSON in a text, texts cut to 255 characters."""
    for key, value in values.items():
        # Cut as a whole: thousands of values, deep down, would repeat all of the names around them.
        name = f"{prefix}{attribute_name(key) or '_'}"[:MAX_NAME]
        if isinstance(value, dict):
            yield from _flat(value, f"{name}_")
        elif isinstance(value, list):
            yield name, convert.to_json_text(value)[:MAX_TEXT]
        elif isinstance(value, str):
            yield name, value[:MAX_TEXT]
        elif value is not None:
            yield name, value


def _is_amount(value: Any) -> bool:
    """``{"amount", "currency"}``, in whole cents of a currency. What is no whole number is in units of the caller's own."""
    if not isinstance(value, dict) or value.keys() != {"amount", "currency"}:
        return False
    amount, currency = value["amount"], value["currency"]
    return type(amount) is int and isinstance(currency, str) and _CURRENCY.fullmatch(currency) is not None


def _is_link(value: Any) -> bool:
    """``{"url", "value"}``, both text."""
    is_pair = isinstance(value, dict) and value.keys() == {"url", "value"}
    return is_pair and all(isinstance(each, str) for each in value.values())


def _metadata(values: Document) -> Iterator[tuple[str, Any]]:
    """As attributes are, but the two objects that Intercom knows stay whole, and keys ending in ``_date`` hold Unix seconds."""
    for key, value in values.items():
        if _is_amount(value) or _is_link(value):
            yield key, value
            continue
        if key.endswith("_date"):
            with suppress(ValueError):  # no date: it stays what it is
                value = convert.to_unix_seconds(value)
        yield from _flat({key: value})
