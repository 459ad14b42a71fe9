"""Who an event is about, which ids are one person, and the key of an event.

``$identify`` with ``$anon_distinct_id`` gives an anonymous person's past to a user, ``$create_alias`` joins another id.

Source: facts/vendors/posthog.md sections 3, 5 (alias) and 8.
"""

from __future__ import annotations

import re
from typing import Any, Final
from uuid import UUID, uuid5

from plugins.posthog.settings import Settings
from router.plugin import Document, Event, Field, Payload, Skip, Table, convert

_ANY_CASE: Final = frozenset(
    {
        "anonymous",
        "guest",
        "distinctid",
        "distinct_id",
        "id",
        "not_authenticated",
        "email",
        "undefined",
        "true",
        "false",
    }
)
_THIS_CASE: Final = frozenset({"[object Object]", "NaN", "None", "none", "null", "0"})

NOBODY: Final = "neither a userId nor an anonymousId"

_NAMESPACE: Final = UUID("6f2d5c4e-8f5b-4a6e-9d53-0b6a6f6f1c57")
"""Of the event ids made from a messageId. Never change it: a repeat has to have the same id."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_UUID_V7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


def known_id(value: Any) -> str:
    """An id as it is; one that PostHog never joins to another (``null``, ``guest``, …) is left out: it stands for nobody."""
    text = convert.to_text(value)
    if not text.strip() or text.strip().lower() in _ANY_CASE or text.strip() in _THIS_CASE:
        raise ValueError("PostHog joins this id to no other, it stands for nobody")
    return text


def to_event_id(value: Any) -> str:
    """The messageId where it is a UUID, else one made from it."""
    text = convert.to_text(value)
    return text.lower() if _UUID.fullmatch(text) else str(uuid5(_NAMESPACE, text.encode("utf-8", "replace").decode()))


def to_uuid_v7(value: Any) -> str:
    """A UUID of version 7; anything else is left out."""
    text = convert.to_text(value)
    if not _UUID_V7.fullmatch(text):
        raise ValueError("expected a UUID of version 7")
    return text.lower()


EVENT_ROWS: Final = (
    # The later row wins: a userId before an anonymousId, and an id that stands for nobody only where there is no other.
    Field("userId", "distinct_id"),
    Field("anonymousId", "distinct_id", known_id),
    Field("userId", "distinct_id", known_id),
    Field("messageId", "uuid", to_event_id),
    Field("timestamp", "timestamp"),
)
"""Rows that every event has."""


def is_identified(event: Event) -> bool:
    """Whether the event is of a user, and not of somebody anonymous."""
    return _is_known(event.user_id)


def is_somebody(event: Event) -> bool:
    """Whether the event is of a user or of somebody anonymous, and not of an id that many have who are strangers."""
    return _is_known(event.user_id) or _is_known(event.anonymous_id)


def _is_known(id: str | None) -> bool:
    try:
        return bool(known_id(id))
    except ValueError:
        return False


def make_payload(name: str, fields: Document, settings: Settings) -> Payload | Skip:
    """One event of PostHog's; *fields* has the rows above."""
    if not fields.get("distinct_id"):
        return Skip(NOBODY)
    properties = fields.setdefault("properties", {})
    if not settings.geoip or "$ip" not in properties:
        properties["$geoip_disable"] = True  # or the router's own address would say where it happened
    return Payload({"event": name, **fields}, key=fields["uuid"])


ALIAS: Final = Table(
    (
        *EVENT_ROWS[3:],
        Field("userId", "distinct_id", known_id),
        Field("userId", "properties.distinct_id", known_id),
        Field("previousId", "properties.alias", known_id),
    )
)
"""Of an alias: the userId is kept, the previous one is another name for it."""


def build_alias(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if settings.person_profiles == "never":
        return Skip("nobody has a profile (setting person_profiles)")
    properties = fields.get("properties", {})
    if not {"distinct_id", "alias"} <= properties.keys():
        return Skip("one of the two ids is one that PostHog never joins")
    if properties["alias"] == properties["distinct_id"]:
        return Skip("userId and previousId are the same")
    return make_payload("$create_alias", fields, settings)
