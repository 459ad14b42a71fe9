"""Tags of a user: an option of an identify or a track call, and no trait, as at Segment and RudderStack.

Source: facts/vendors/vero.md section 5; segment.com/docs/connections/destinations/catalog/vero, "Tags" (a copy of 2024).
"""

from __future__ import annotations

from typing import Any, Final

from plugins.vero.identity import who, why_nobody
from plugins.vero.settings import Settings
from router.plugin import Document, Event, Field, Payload, Skip, Table, convert

_WAYS: Final = ("add", "remove")


def to_tags(value: Any) -> Document:
    """Tags to ``add`` and to ``remove``; also as Segment takes them: an ``action``, its ``values`` and perhaps another user's
    ``id``."""
    if not isinstance(value, dict):
        raise ValueError("expected an object with the lists add and remove")
    lists = {way: value.get(way) for way in _WAYS}
    if value.get("action") in _WAYS:
        lists[value["action"]] = value.get("values")
    tags = {
        way: [convert.to_text(tag) for tag in told if isinstance(tag, str | int | float) and tag != ""]
        for way, told in lists.items()
        if isinstance(told, list)
    }
    found: Document = {way: told for way, told in tags.items() if told}
    if not found:
        raise ValueError("expected a list of tags in add or remove")
    return {"id": convert.to_id(value["id"]), **found} if value.get("id") is not None else found


TABLE: Final = Table((Field(("integrations.Vero.tags", "integrations.vero.tags"), "tags", to_tags),))


def build_tags(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """Tags of the user, who is there by then: the user or the event goes first."""
    if "tags" not in fields:
        return Skip("no tags among the options of the call (integrations.Vero.tags)")
    user = who(event, settings)
    return why_nobody() if user is None else Payload({"id": user["id"], **fields["tags"]})
