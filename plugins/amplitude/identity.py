"""Who an event is about, when it happened, and the key that makes a repeat harmless: rows that every event has.

The first event with both ids gives the device's anonymous past to the user; no other call joins them.

Source: facts/vendors/amplitude.md sections 3 and 8.
"""

from __future__ import annotations

import re
from typing import Any, Final

from plugins.amplitude.settings import Settings
from router.plugin import Converter, Document, Event, Field, Payload, Skip, Table, convert

FORBIDDEN_IDS: Final = frozenset(
    {
        "00000000-0000-0000-0000-000000000000",
        "anonymous",
        "nil",
        "none",
        "null",
        "n/a",
        "na",
        "undefined",
        "unknown",
        "{}",
        "lmy47d",
        "0",
        "-1",
    }
)
"""Ids that stand for nobody: Amplitude refuses the whole request for one. The list is silent on letter case: any counts."""

NOBODY: Final = "neither a userId nor an anonymousId that Amplitude takes"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def known_id(settings: Settings) -> Converter:
    """The converter of ids: as they are, but for those that Amplitude refuses."""

    def known_id(value: Any) -> str:
        text = convert.to_text(value)
        if not text.strip() or text.strip().casefold() in FORBIDDEN_IDS:
            raise ValueError("Amplitude refuses this id, it stands for nobody")
        if len(text) < settings.min_id_length:
            raise ValueError(f"shorter than min_id_length, {settings.min_id_length}")
        return text

    return known_id


def user_rows(settings: Settings) -> tuple[Field, ...]:
    """``user_id`` and ``device_id``. The later row wins, so that an id which Amplitude refuses leaves room for the other."""
    devices = ["context.device.id", "anonymousId"]
    if settings.device_id == "context_device_id":
        devices.reverse()
    known = known_id(settings)
    return (Field("userId", "user_id", known), *(Field(source, "device_id", known) for source in devices))


EVENT_ROWS: Final = (
    Field("timestamp", "time", convert.to_unix_millis),
    Field("messageId", "insert_id"),
)


def make_payload(event_type: str, fields: Document, part: str = "") -> Payload | Skip:
    """One event of Amplitude's; *fields* has the rows above. *part* tells the payloads that one call makes apart."""
    if fields.keys().isdisjoint(("user_id", "device_id")):
        return Skip(NOBODY)
    insert_id = f"{fields['insert_id']}-{part}" if part else fields["insert_id"]
    return Payload({"event_type": event_type, **fields, "insert_id": insert_id}, key=insert_id)


def alias_table(settings: Settings) -> Table:
    """A device's past goes to the user: the previous id stands in the device's place."""
    known = known_id(settings)
    return Table((Field("userId", "user_id", known), Field("previousId", "device_id", known), *EVENT_ROWS))


def build_alias(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """An event with both ids, if the previous one is a device's. Two users can be joined only by a paid call of its own."""
    previous = event.previous_id or ""
    if previous != event.anonymous_id and not _UUID.fullmatch(previous):
        return Skip("previousId is neither the call's anonymousId nor a UUID: Amplitude joins a device to a user only")
    if not {"user_id", "device_id"} <= fields.keys():
        return Skip("one of the two ids is one that Amplitude refuses")
    return make_payload("$identify", fields)
