"""What PostHog checks in an event. Pure; used by the sandbox alone.

Written from facts/vendors/posthog.md sections 3 to 8, not from the mapper.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

MAX_EVENT_BYTES: Final = 1_000_000
MAX_ID: Final = 200
HIDDEN_AHEAD_S: Final = 23 * 3_600
MAX_GROUP_TYPES: Final = 5

_NEVER_JOINED: Final = frozenset(
    [
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
    ]
)
_NEVER_JOINED_AS_WRITTEN: Final = frozenset(["[object Object]", "NaN", "None", "none", "null", "0"])


def invalid(event: Any) -> str:
    """What makes PostHog refuse the request with *event* in it, "" for a good one."""
    if not isinstance(event, dict):
        return "an event is no object"
    if not isinstance(event.get("event"), str) or not event["event"].strip():
        return "an event has no name"
    distinct_id = event.get("distinct_id")
    if not isinstance(distinct_id, str | int) or not str(distinct_id).strip():
        return "an event has no distinct_id"
    return ""


def dropped(event: dict[str, Any]) -> str:
    """Why an event is answered as good and thrown away, "" where it is kept."""
    if len(json.dumps(event, ensure_ascii=False).encode()) > MAX_EVENT_BYTES:
        return "message_size_too_large"
    try:
        UUID(event.get("uuid") or "00000000-0000-0000-0000-000000000000")
    except (ValueError, AttributeError, TypeError):
        return "invalid_uuid"
    properties = event.get("properties", {})
    if not isinstance(properties, dict):
        return "invalid_properties"
    if event["event"] == "$groupidentify" and not isinstance(properties.get("$group_set", {}), dict):
        return "invalid_group_set"
    return ""


def can_be_joined(distinct_id: Any) -> bool:
    """Whether an id may be one side of a merge."""
    text = str(distinct_id).strip()
    return bool(text) and text.lower() not in _NEVER_JOINED and text not in _NEVER_JOINED_AS_WRITTEN


def moment_of(timestamp: Any, now: datetime) -> datetime:
    """The event's time, or now where it can't be read."""
    try:
        moment = datetime.fromisoformat(timestamp)
    except (ValueError, TypeError):
        return now
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
