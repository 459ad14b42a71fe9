"""From events to people and events of Acme: tables, and what is made of what they give."""

from __future__ import annotations

from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, Trait, Values, convert, same_name

from router_acme.settings import Settings

VALUES = Values(objects="flatten", lists="json")
"""Acme takes no objects: their keys are joined with _, lists are written as JSON."""

PERSON = Table(
    (
        Field("userId", "id"),
        Trait("id", note="the userId is the person's `id`"),
        Trait("createdAt", "created_at", convert.to_unix_seconds),
        Trait("birthday", "birthday", convert.to_date),
        Trait("firstName", "first_name"),
        Trait("lastName", "last_name"),
        Trait("phone", "phone", convert.to_text),
        Trait("age", "age", convert.to_integer),
        *same_name("address", "avatar", "company", "description", "email", "gender", "name"),
        *same_name("title", "username", "website"),
    ),
    custom=(Custom("traits"),),
    values=VALUES,
)

EVENT = Table(
    (
        Field("event", "name"),
        Field("userId", "person_id"),
        Field("timestamp", "at", convert.to_unix_seconds),
    ),
    custom=(Custom("properties", at="data"),),
    values=VALUES,
)


def build_person(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """One person; nobody without a userId becomes one."""
    if "id" not in fields:
        return Skip("anonymous: Acme knows people by their userId")
    return Payload(fields)


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """One event, under a key by which Acme knows a repeat."""
    if "person_id" not in fields:
        return Skip("anonymous: Acme knows people by their userId")
    return Payload({**fields, "idempotency_key": event.message_id}, key=event.message_id)
