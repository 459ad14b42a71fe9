"""Calls for the Pipelines API: Segment's six, with traits and dates as Journeys wants them.

Source: facts/vendors/customerio.md, sections 1, 5 and 8.
"""

from __future__ import annotations

import hashlib
import json

from plugins.customerio.identity import email_identity
from plugins.customerio.settings import Settings
from router.plugin import Document, Event, Payload, Skip


def build_call(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """One item of a batch. A batch has one ``context`` for all its items, so items travel with those of equal context.

    ``context.traits`` stays behind: it would bring the person's traits in a second spelling. So does ``integrations``: the
    router has decided already.
    """
    user_id = event.user_id or email_identity(event, settings)
    if not user_id and not event.anonymous_id:
        return Skip("the call names nobody: no userId, no email, no anonymousId")
    body: Document = {"type": event.type, "messageId": event.message_id, "timestamp": event.timestamp}
    if user_id:
        body["userId"] = user_id
    if event.anonymous_id:
        body["anonymousId"] = event.anonymous_id
    if event.type == "group":
        body["groupId"] = event.group_id
    part = "traits" if event.type in ("identify", "group") else "properties"
    body |= {part: {}, **fields}
    context = {key: value for key, value in event.context.items() if key != "traits"}
    if context:
        body["context"] = context
    return Payload(body, key=event.message_id, group=f"context {_fingerprint(context)}")


def build_alias(event: Event) -> Payload:
    """A merge: alone in its request, so that nothing overtakes it."""
    body: Document = {
        "type": "alias",
        "messageId": event.message_id,
        "timestamp": event.timestamp,
        "userId": event.user_id,
        "previousId": event.previous_id,
    }
    return Payload(body, key=event.message_id, group=f"merge {event.message_id}")


def _fingerprint(context: Document) -> str:
    text = json.dumps(context, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
