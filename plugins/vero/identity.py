"""Whom a call is about, and what gives a user another id.

Source: facts/vendors/vero.md section 3.
"""

from __future__ import annotations

from typing import Final

from plugins.vero.settings import Settings
from router.plugin import Document, Event, Field, Payload, Skip, Table, convert

MAX_TEXT: Final = 254
"""Characters of an id, an email and the name of an event: Vero takes fewer than 255."""
to_email: Final = convert.at_most(MAX_TEXT, convert.to_email)

ALIAS: Final = Table((Field("previousId", "id"), Field("userId", "new_id")))


def who(event: Event, settings: Settings) -> Document | None:
    """The ``id`` of a user and, if the call tells it, the ``email``, which is the id of who has no other; None for nobody."""
    email = email_of(event.person.get("email"))
    anonymous_id = event.anonymous_id if settings.send_anonymous_id else None
    id = event.user_id or anonymous_id or email
    if not id:
        return None
    return {"id": id, "email": email} if email else {"id": id}


def email_of(value: object) -> str | None:
    """*value* as an email, None where it is none that Vero takes."""
    try:
        return str(to_email(value))
    except ValueError:
        return None


def why_nobody() -> Skip:
    return Skip("anonymous: neither a userId nor an email (setting send_anonymous_id)")


def build_alias(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """Give the user of the previousId the userId for an id."""
    if not (event.user_id and event.previous_id):
        return Skip("nothing to rename: an alias needs a userId and a previousId")
    if event.user_id == event.previous_id:
        return Skip("nothing to rename: previousId and userId are the same")
    if event.previous_id == event.anonymous_id and not settings.send_anonymous_id:
        return Skip("previousId is the anonymous id, and Vero has no user of that name (setting send_anonymous_id)")
    return Payload({"id": event.previous_id, "new_id": event.user_id})
