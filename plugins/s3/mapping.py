"""An event to a payload: itself, filed under the hour in which it was received.

Source: facts/vendors/s3.md sections 3 to 5: everything keeps its name, its place and its type.
"""

from __future__ import annotations

import hashlib
from typing import Final

from plugins.s3.settings import Settings
from router.plugin import GROUP_TRAITS, USER_TRAITS, Custom, Document, Event, Field, Payload, Table, Values, same_name

_FIELDS: Final = (
    "type",
    "messageId",
    "userId",
    "anonymousId",
    "groupId",
    "previousId",
    "event",
    "name",
    "category",
    "context",
    "integrations",
    "timestamp",
    "originalTimestamp",
    "sentAt",
    "receivedAt",
    "channel",
    "version",
)

TABLE: Final = Table(
    (
        *(Field(name, name) for name in _FIELDS),
        *same_name(*dict.fromkeys((*USER_TRAITS, *GROUP_TRAITS)), at="traits"),
    ),
    (Custom("traits", at="traits"), Custom("properties", at="properties")),
    Values(null="clear"),
)
"""Of every call. An archive keeps a null as it came."""


def build_event(event: Event, fields: Document, settings: Settings) -> Payload:
    """The whole event: what the table says, and beside it empty objects and fields that the spec does not know.

    Its group is the hour, ``2026-03-04T10``; its key begins with the time of receipt, by which objects are named, and ends with
    a hash, since a ``messageId`` may be long and hold anything.
    """
    received = event.received_at
    digest = hashlib.sha256(event.message_id.encode("utf-8", "replace")).hexdigest()
    return Payload({**event.document, **fields}, key=f"{received} {digest}", group=received[:13])
