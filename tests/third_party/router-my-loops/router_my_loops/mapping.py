"""From events to contacts and events of Loops.

Source: https://loops.so/docs/api-reference, https://loops.so/docs/contacts/properties (read 2026-11-23).
"""

from __future__ import annotations

from typing import Any

from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, Trait, Values, convert, same_name

from router_my_loops.settings import Settings

RESERVED = frozenset({"id", "listId", "softDeleteAt", "teamId", "updatedAt"})
"""What Loops keeps for itself: no custom property may be called so."""
MAX_TEXT = 498
"""500 characters with the quotes; one longer value costs the whole call."""


def to_value(value: Any) -> Any:
    """A value as it is; text cut to 498 characters."""
    return value[:MAX_TEXT] if isinstance(value, str) else value


VALUES = Values(objects="flatten", lists="json", null="clear")
"""A contact has no nested values. A null clears a property."""

CONTACT = Table(
    (
        Field("userId", "userId"),
        Trait("id", note="the userId is the contact's `userId`"),
        Trait("email", "email", convert.to_lower),
        Trait("firstName", "firstName", to_value),
        Trait("lastName", "lastName", to_value),
        Trait("name", "name", to_value, note="Loops has first and last name; the whole is a custom property"),
        Trait("createdAt", "createdAt", convert.to_iso_utc),
        Trait("birthday", "birthday", convert.to_iso_utc),
        Trait("age", "age", convert.to_number),
        Trait("phone", "phone", convert.to_text),
        Trait("address.city", "addressCity", convert.to_text),
        Trait("address.country", "addressCountry", convert.to_text),
        Trait("address.postalCode", "addressPostalCode", convert.to_text),
        Trait("address.state", "addressState", convert.to_text),
        Trait("address.street", "addressStreet", convert.to_text),
        Trait("address", "address", to_value, note="an address given as text"),
        Trait("company.name", "companyName", convert.to_text),
        Trait("company.id", "companyId", convert.to_text),
        Trait("company.industry", "companyIndustry", convert.to_text),
        Trait("company.employee_count", "companyEmployeeCount", convert.to_number),
        Trait("company.plan", "companyPlan", convert.to_text),
        Trait("company", "companyName", convert.text_only, note="a company given as text"),
        *same_name("avatar", "description", "gender", "title", "username", "website"),
    ),
    custom=(Custom("traits", forbidden=RESERVED, convert=to_value),),
    values=VALUES,
)

EVENT = Table(
    (
        Field("userId", "userId"),
        Field("event", "eventName", to_value),
    ),
    custom=(Custom("properties", at="eventProperties", convert=to_value),),
    values=Values(objects="flatten", lists="json"),
)


def build_contact(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """A contact; Loops finds it by its userId or its email, and makes nobody without either."""
    if event.email:
        fields.setdefault("email", event.email.lower())
    if "userId" not in fields and "email" not in fields:
        return Skip("anonymous: Loops knows contacts by their userId or their email")
    if settings.source:
        fields["source"] = settings.source
    return Payload(fields)


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """Something a contact did. Its key lets Loops know a repeat for 24 hours."""
    if event.email:
        fields["email"] = event.email.lower()
    if "userId" not in fields and "email" not in fields:
        return Skip("anonymous: Loops knows contacts by their userId or their email")
    return Payload(fields, key=event.message_id)
