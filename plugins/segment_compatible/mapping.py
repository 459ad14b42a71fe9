"""An event to an item of a batch: nearly itself.

Source: facts/vendors/segment-compatible.md sections 3 to 5.
"""

from __future__ import annotations

from typing import Any, Final

from plugins.segment_compatible.identity import to_message_id
from plugins.segment_compatible.settings import Settings
from router.plugin import (
    GROUP_TRAITS,
    USER_TRAITS,
    Custom,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    Values,
    left_out,
    make_room,
    same_name,
)

LIBRARY: Final = {"name": "trait-router", "version": "1"}
HOPS: Final = "forwardedBy"

_KEPT: Final = (
    "type",
    "userId",
    "anonymousId",
    "groupId",
    "previousId",
    "event",
    "name",
    "category",
    "context",
    "channel",
    "timestamp",
)
_LEFT: Final = {
    "sentAt": "would make the next system correct a time that is right already",
    "originalTimestamp": "the time before it was corrected",
    "receivedAt": "the next system's own",
    "version": "the next system's own",
    "projectId": "of the source",
    "writeKey": "of the source",
}


def table(settings: Settings) -> Table:
    """Of every call. Everything keeps its name, its place and its type, and a null is a null."""
    left = _left(settings)
    integrations = () if "integrations" in left else (Field("integrations", "integrations"),)
    return Table(
        (
            *(Field(name, name) for name in _KEPT),
            Field("messageId", "messageId", to_message_id(settings.flavour)),
            *integrations,
            *(Field(name, note=reason) for name, reason in left.items()),
            *same_name(*dict.fromkeys((*USER_TRAITS, *GROUP_TRAITS)), at="traits"),
        ),
        (Custom("traits", at="traits"), Custom("properties", at="properties")),
        Values(null="clear"),
    )


def _left(settings: Settings) -> dict[str, str]:
    return _LEFT | ({"integrations": "setting integrations"} if settings.integrations == "drop" else {})


def build_event(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The event: what the table says, and beside it empty objects and fields that the spec does not know."""
    if settings.router_name in hops_of(event):
        return Skip(f"context.{HOPS} names {settings.router_name}: it has been here before")
    if not event.user_id and not event.anonymous_id and settings.flavour != "trait_router":
        return Skip("neither a userId nor an anonymousId: no such call is taken there")
    left = _left(settings)
    document = {name: value for name, value in event.document.items() if name not in left}
    context = {"library": LIBRARY, **event.context, HOPS: [*hops_of(event), settings.router_name]}
    body: Document = {**document, **fields, "context": context}
    part = "traits" if event.type in ("identify", "group") else "properties"
    most_bytes = settings.limits.event_bytes
    beyond = make_room(body, part, most_bytes)
    return Payload(body, key=fields["messageId"], notes=left_out(beyond, f"beyond the {most_bytes} bytes of an event"))


def hops_of(event: Event) -> list[Any]:
    """The routers that an event came through, the first one first."""
    hops = event.context.get(HOPS)
    return hops if isinstance(hops, list) else []
