"""Whom a call is about, and what joins two users.

Source: facts/vendors/iterable.md section 3.
"""

from __future__ import annotations

from typing import Final

from plugins.iterable.settings import Settings
from router.plugin import Document, Event, Field, Payload, Skip, Table, looks_like_email

MERGE: Final = Table((Field("previousId", "source"), Field("userId", "destination")))


def who(event: Event, settings: Settings) -> Document | None:
    """What names the user: either ``userId`` or ``email``, never both; None for nobody whom the project may know."""
    email = event.email.lower() if event.email and looks_like_email(event.email) else None
    if settings.identity == "email":
        if email:
            return {"email": email}
        # Only with preferUserId a project by email takes a userId that it doesn't know.
        return {"userId": event.user_id} if event.user_id and settings.prefer_user_id else None
    if event.user_id:
        return {"userId": event.user_id}
    if email and settings.identity == "hybrid":
        return {"email": email}
    if event.anonymous_id and settings.send_anonymous_id:
        return {"userId": event.anonymous_id}
    return None


def user(event: Event, settings: Settings) -> Document | None:
    """As `who`, for calls that may make the user: a userId that Iterable does not know is one from now on."""
    named = who(event, settings)
    return named | {"preferUserId": True} if named and "userId" in named and settings.prefer_user_id else named


def why_nobody(event: Event, settings: Settings) -> Skip:
    if settings.identity == "email":
        return Skip(
            "no email: the project knows its users by that, and a userId may not stand in (setting prefer_user_id)"
        )
    if settings.identity == "userId":
        return Skip("no userId, and the project knows its users by that (setting send_anonymous_id)")
    return Skip("anonymous: neither a userId nor an email (setting send_anonymous_id)")


def build_merge(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """Merge one user into another, where the operator wants that."""
    if not settings.merge_users:
        return Skip("users are not merged (setting merge_users)")
    old, new = event.previous_id, event.user_id
    if not old or not new:
        return Skip("nothing to join: an alias needs a userId and a previousId")
    if old == new:
        return Skip("nothing to join: previousId and userId are the same")
    if old == event.anonymous_id and not settings.send_anonymous_id:
        return Skip("previousId is the anonymous id, and Iterable has no user of that name (setting send_anonymous_id)")
    if settings.identity != "email":
        return Payload({"sourceUserId": old, "destinationUserId": new})
    if looks_like_email(old) and looks_like_email(new):
        return Payload({"sourceEmail": old, "destinationEmail": new})
    return Skip("the project knows its users by email, and previousId and userId are none")
