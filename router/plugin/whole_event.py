"""The table of a destination that takes events as they are."""

from __future__ import annotations

from typing import Final

from router.plugin.table import Custom, Field, Table, same_name
from router.plugin.values import Values
from router.traits import GROUP_TRAITS, USER_TRAITS

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

WHOLE_EVENT: Final = Table(
    (
        *(Field(name, name) for name in _FIELDS),
        *same_name(*dict.fromkeys((*USER_TRAITS, *GROUP_TRAITS)), at="traits"),
    ),
    (Custom("traits", at="traits"), Custom("properties", at="properties")),
    Values(null="clear"),
)
"""Of every call: everything keeps its name, its place and its type. A null goes on as it came: the spec reads it as "set this
to null", and the receiver decides."""
