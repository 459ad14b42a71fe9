"""Who an event is about: the ids Mixpanel takes, in both kinds of id merge, and the events that join two ids.

Simplified: each event carries ``$device_id`` and ``$user_id``; the first event with both joins them, a profile update never
does. Original: each event carries one ``distinct_id``; ``$identify`` and ``$create_alias`` join them.

Source: facts/vendors/mixpanel.md sections 3, 5 and 8.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from plugins.mixpanel.settings import Settings
from router.plugin import Document, Event, Field, Payload, Skip, Table, convert

FORBIDDEN_IDS: Final = frozenset(
    {
        "00000000-0000-0000-0000-000000000000",
        "anon",
        "anonymous",
        "nil",
        "none",
        "null",
        "n/a",
        "na",
        "undefined",
        "unknown",
        "<nil>",
        "0",
        "-1",
        "true",
        "false",
        "[]",
        "{}",
    }
)
"""Ids that stand for nobody; Mixpanel refuses an event that has one. The list is silent on letter case: any case counts."""

_INSERT_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_UUID_V4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


def _is_forbidden(text: str) -> bool:
    word = text.strip().casefold()
    return not word or word in FORBIDDEN_IDS


def known_id(value: Any) -> str:
    """An id as it is; one that Mixpanel takes for nobody (``null``, ``anonymous``, …) is left out."""
    text = value if type(value) is str else convert.to_text(value)
    if _is_forbidden(text):
        raise ValueError("Mixpanel refuses this id, it stands for nobody")
    return text


def to_device_user(value: Any) -> str:
    """``$device:`` and the anonymous id: whom simplified id merge takes an anonymous event to be of."""
    return "$device:" + known_id(value)


def to_insert_id(value: Any) -> str:
    """The messageId where it has Mixpanel's form, else the first 36 characters of its SHA-256.

    At most 36 letters, digits and dashes are allowed; cutting a longer id could make two alike.
    """
    text = convert.to_text(value)
    if _INSERT_ID.fullmatch(text) and not _is_forbidden(text):
        return text
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:36]


def to_uuid_v4(value: Any) -> str:
    """A UUID of version 4; anything else is left out."""
    text = convert.to_text(value)
    if not _UUID_V4.fullmatch(text):
        raise ValueError("expected a UUID of version 4")
    return text


def user_rows(settings: Settings) -> tuple[Field, ...]:
    """Rows for the user of an ordinary event. Where no id is left, `build_event` sends the empty id."""
    if settings.id_merge == "original":
        # The later row wins: a userId before an anonymousId, also where the userId is one Mixpanel refuses.
        return (
            Field("anonymousId", "distinct_id", known_id),
            Field("userId", "distinct_id", known_id),
        )
    return (
        Field("anonymousId", "$device_id", known_id),
        Field("userId", "$user_id", known_id),
        # /import asks for it although it follows from the two: the same value, so that they agree.
        Field("anonymousId", "distinct_id", to_device_user),
        Field("userId", "distinct_id", known_id),
    )


EVENT_ROWS: Final = (
    Field("timestamp", "time", convert.to_unix_millis),
    Field("messageId", "$insert_id", to_insert_id),
)
"""Rows that every event has."""

IP_ROW: Final = Field(
    "context.ip", "ip", convert.to_ip, note="0 without one: no place is guessed from the router's own address"
)


def build_event(name: str, properties: Document, notes: tuple[str, ...] = ()) -> Payload:
    """The payload of one event; *properties* has the rows above, *notes* say what they had to leave out."""
    properties.setdefault("distinct_id", "")  # of nobody: kept, but left out of what is told of users
    properties.setdefault("ip", 0)  # left out, /import would look up the sender's address
    return Payload({"event": name, "properties": properties}, key=properties.get("$insert_id", ""), notes=notes)


def link_table(settings: Settings) -> Table:
    """What joins the ids of an identify."""
    if settings.id_merge == "original":
        return Table(
            (
                Field("userId", "$identified_id", known_id),
                Field("anonymousId", "$anon_id", to_uuid_v4),
                Field("userId", "distinct_id", known_id),
                *EVENT_ROWS,
                IP_ROW,
            )
        )
    return Table((*user_rows(settings), *EVENT_ROWS, IP_ROW))


def build_link(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The event that joins an anonymousId to a userId: "Identify", or ``$identify`` in original id merge."""
    if not (event.user_id and event.anonymous_id):
        return Skip("nothing to join: no userId beside an anonymousId")
    if settings.id_merge == "original":
        if "$identified_id" not in fields or "$anon_id" not in fields:
            return Skip("original id merge joins only a UUID v4 anonymousId to a userId that Mixpanel takes")
        if fields["$identified_id"] == fields["$anon_id"]:
            return Skip("nothing to join: anonymousId and userId are the same")
        return build_event("$identify", fields)
    if "$user_id" not in fields or "$device_id" not in fields:
        return Skip("nothing to join: Mixpanel refuses one of the ids, it stands for nobody")
    return build_event("Identify", fields)


def alias_table(settings: Settings) -> Table:
    """What an alias call becomes."""
    if settings.id_merge == "original":
        return Table(
            (
                Field("previousId", "distinct_id", known_id),
                Field("userId", "alias", known_id),
                *EVENT_ROWS,
                IP_ROW,
            )
        )
    return Table(
        (
            Field("previousId", "$device_id", known_id),
            Field("userId", "$user_id", known_id),
            Field("userId", "distinct_id", known_id),
            *EVENT_ROWS,
            IP_ROW,
        )
    )


def build_alias(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """``$create_alias``; in simplified id merge an event "Alias" that joins an anonymous previousId to the userId."""
    if not (event.user_id and event.previous_id):
        return Skip("nothing to join: an alias needs a userId and a previousId")
    if event.user_id == event.previous_id:
        return Skip("nothing to join: previousId and userId are the same")
    old, new = ("distinct_id", "alias") if settings.id_merge == "original" else ("$device_id", "$user_id")
    if old not in fields or new not in fields:
        return Skip("nothing to join: Mixpanel refuses one of the ids, it stands for nobody")
    if settings.id_merge == "original":
        return build_event("$create_alias", fields)
    if event.previous_id != event.anonymous_id and not _UUID.fullmatch(event.previous_id):
        return Skip("simplified id merge joins no two user ids, and previousId is no anonymousId")
    return build_event("Alias", fields)
