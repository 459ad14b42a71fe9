"""A tombstone: what is left of an event in the log once its person is forgotten. Pure.

It keeps the event's place, so that no sequence is missing, and its messageId, so that a repeat is known. It is an event that is
for no destination: whoever reads the log skips it, and needs to know nothing of tombstones.
"""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from router import dates
from router.log.record import Entry
from router.log.row import Row


def bury(row: Row) -> Row:
    """The tombstone of *row*, in its place."""
    event = tombstone(row.type, row.message_id, row.received_at_s)
    entry = Entry(row.source, row.message_id, row.message_id, None, None, None, row.type, row.received_at_s, event)
    return Row.of(row.sequence, entry)


def tombstone(kind: str, message_id: str, received_at_s: float) -> bytes:
    """The JSON of an event of that type of which nothing else is left."""
    received_at = dates.to_iso_milliseconds(datetime.fromtimestamp(received_at_s, UTC))
    return orjson.dumps(
        {
            "type": kind,
            "messageId": message_id,
            "timestamp": received_at,
            "receivedAt": received_at,
            "context": {"erased": True},
            "integrations": {"All": False},
        }
    )
