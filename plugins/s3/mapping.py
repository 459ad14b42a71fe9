"""An event to a payload: itself, filed under the hour in which it was received.

Source: facts/vendors/s3.md sections 3 to 5: everything keeps its name, its place and its type.
"""

from __future__ import annotations

import hashlib

from plugins.s3.settings import Settings
from router.plugin import Document, Event, Payload


def build_event(event: Event, fields: Document, settings: Settings) -> Payload:
    """The whole event: what the table says, and beside it empty objects and fields that the spec does not know.

    Its group is the hour, ``2026-03-04T10``; its key begins with the time of receipt, by which objects are named, and ends with
    a hash, since a ``messageId`` may be long and hold anything.
    """
    received = event.received_at
    digest = hashlib.sha256(event.message_id.encode("utf-8", "replace")).hexdigest()
    return Payload({**event.document, **fields}, key=f"{received} {digest}", group=received[:13])
