"""An event to a payload: itself.

Source: facts/vendors/webhook.md, sections 3 to 5: everything keeps its name, its place and its type.
"""

from __future__ import annotations

from plugins.webhook.identity import message_key
from plugins.webhook.settings import Settings
from router.plugin import Document, Event, Payload


def build_event(event: Event, fields: Document, settings: Settings) -> Payload:
    """The whole event: what the table says, and beside it empty objects and fields the spec does not know."""
    return Payload({**event.document, **fields}, key=message_key(event.message_id))
