"""Whom a call is about, and what gives a user another id.

Source: facts/vendors/onesignal.md section 3.
"""

from __future__ import annotations

from typing import Final

from plugins.onesignal.settings import Settings
from router.plugin import Document, Event, Field, Payload, Skip, Table

PAIR: Final = Table((Field("userId", "identity.external_id"), Field("anonymousId", "alias_id")))
"""Of an identify with both ids."""
ALIAS: Final = Table((Field("userId", "identity.external_id"), Field("previousId", "alias_id")))
"""Of an alias call."""


def who(event: Event, settings: Settings) -> Document | None:
    """The identity of a user: the ``external_id``, else the alias of somebody anonymous; None for nobody."""
    if event.user_id:
        return {"external_id": event.user_id}
    if settings.anonymous_alias and event.anonymous_id:
        return {settings.anonymous_alias: event.anonymous_id}
    return None


def why_nobody() -> Skip:
    return Skip("no userId: OneSignal knows users by that alone (setting anonymous_alias)")


def build_pair(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """Give the user of an anonymous alias its external id, before the traits are written."""
    if not settings.anonymous_alias:
        return Skip("people without a userId are not sent, so there is none to join (setting anonymous_alias)")
    if not (event.user_id and event.anonymous_id):
        return Skip("nothing to join: no userId beside an anonymousId")
    return _assign(settings.anonymous_alias, event.anonymous_id, event.user_id)


def build_alias(event: Event, fields: Document, settings: Settings) -> list[Payload] | Skip:
    """Give the user of the previousId the new external id. A call without that anonymousId does not say whether it is one or an
    older userId; OneSignal leaves alone what it does not know."""
    if not (event.user_id and event.previous_id):
        return Skip("nothing to join: an alias needs a userId and a previousId")
    if event.user_id == event.previous_id:
        return Skip("nothing to join: previousId and userId are the same")
    labels = ["external_id"] if event.previous_id != event.anonymous_id else []
    labels += [settings.anonymous_alias] if settings.anonymous_alias else []
    if not labels:
        return Skip("previousId is the anonymous id, and OneSignal has no user of that name (setting anonymous_alias)")
    return [_assign(label, event.previous_id, event.user_id) for label in labels]


def _assign(label: str, id: str, external_id: str) -> Payload:
    """An alias of somebody anonymous becomes the userId as well: it stands for a device, and the next person who signs in there
    would be given this one's user, for OneSignal overwrites an external id.

    Source: documentation.onesignal.com/reference/create-alias (a copy of 2026).
    """
    return Payload({"label": label, "id": id, "identity": {"external_id": external_id, label: external_id}})
