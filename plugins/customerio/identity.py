"""Who a person is to Journeys: exactly one of ``cio_id``, ``email``, ``id``, or, for what the unknown do, ``anonymous_id``.

Source: facts/vendors/customerio.md, section 3.
"""

from __future__ import annotations

from plugins.customerio.settings import Settings
from router.plugin import Document, Event, looks_like_email

_CIO_PREFIX = "cio_"


def identifiers_of_id(user_id: str, settings: Settings) -> Document:
    """A userId with the prefix ``cio_`` is Customer.io's own id; one that looks like an email is one; else it is ``id``."""
    if user_id.startswith(_CIO_PREFIX) and len(user_id) > len(_CIO_PREFIX):
        return {"cio_id": user_id.removeprefix(_CIO_PREFIX)}
    if looks_like_email(user_id) and settings.identifiers == "id_or_email":
        return {"email": user_id}
    return {"id": user_id}


def email_identity(event: Event, settings: Settings) -> str | None:
    """The email that names the person: only where there is no userId, and the workspace identifies by email."""
    if event.user_id or settings.identifiers != "id_or_email" or event.email is None:
        return None
    return event.email if looks_like_email(event.email) else None


def person_identifiers(event: Event, settings: Settings) -> Document | None:
    """The known person the event is about, or None for somebody anonymous."""
    if event.user_id:
        return identifiers_of_id(event.user_id, settings)
    email = email_identity(event, settings)
    return {"email": email} if email else None


def actor_identifiers(event: Event, settings: Settings) -> Document | None:
    """Who did it: the known person, else the anonymous id; None where there is neither."""
    person = person_identifiers(event, settings)
    if person is None and event.anonymous_id:
        return {"anonymous_id": event.anonymous_id}
    return person


def why_anonymous(settings: Settings) -> str:
    """The reason a call that needs a known person is skipped with."""
    if settings.identifiers == "id":
        return "anonymous: no userId, and this workspace identifies people by id alone"
    return "anonymous: no userId and no email, and Journeys knows no anonymous people"
