"""An event to a payload: itself.

Source: facts/vendors/webhook.md, sections 3 to 5: everything keeps its name, its place and its type.
"""

from __future__ import annotations

from typing import Final

from plugins.webhook.identity import message_key
from plugins.webhook.settings import Settings
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
"""Of every call. A null goes on as it came: the spec reads it as "set this to null", and the receiver decides."""


def build_event(event: Event, fields: Document, settings: Settings) -> Payload:
    """The whole event: what the table says, and beside it empty objects and fields the spec does not know."""
    return Payload({**event.document, **fields}, key=message_key(event.message_id))
