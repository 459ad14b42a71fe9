"""Whose an event is, and what of it speaks for a whole request: rows that every event has.

A request is of one client. What it says of that client stands beside the events, so that only events that say the same
travel together.

Source: facts/vendors/ga4.md section 3 (ids), section 5 (session, consent, context) and section 6 (age).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

from plugins.ga4.names import RESERVED_EVENTS
from plugins.ga4.params import MAX_PARAMS, OF_EACH, pair_value, tidy
from plugins.ga4.settings import Settings
from router.plugin import (
    Converter,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    convert,
    left_out,
    looks_like_email,
    make_room,
)

MAX_AGE_MS: Final = 72 * 3_600_000
MAX_USER_ID: Final = 256
MAX_EVENT_BYTES: Final = 100_000
"""A request has less than 130 kB, with what stands beside the event."""
ENGAGEMENT_MS: Final = 1
"""Without a time of engagement an event makes nobody active."""

_OF_THE_PAGE: Final = ("page_location", "page_referrer", "page_title")
_INTEGRATIONS: Final = ("Google Analytics 4", "Google Analytics 4 Cloud", "Actions Google Analytics 4", "GA4", "ga4")
_CLIENT_ID = re.compile(r"(?:GA[0-9]+\.[0-9]+\.)?([1-9][0-9]*\.[1-9][0-9]*)")
_APP_INSTANCE_ID = re.compile("[0-9a-fA-F]{32}")


def option(*names: str) -> tuple[str, ...]:
    """Where a caller may give Google's own ids: ``{"integrations": {"Google Analytics 4": {"client_id": …}}}``."""
    return tuple(f"integrations.{integration}.{name}" for integration in _INTEGRATIONS for name in names)


# --- converters ---


def to_hashed_client_id(value: Any) -> str:
    """Two positive numbers with a point between them, made from an id: always the same two."""
    digest = hashlib.sha256(convert.to_text(value).encode("utf-8", "replace")).digest()
    first, second = (int.from_bytes(digest[start : start + 4], "big") % (2**31 - 1) + 1 for start in (0, 4))
    return f"{first}.{second}"


def to_client_id(value: Any) -> str:
    """The site's own client id: ``1234567890.1767225000``, or the ``_ga`` cookie that ends in it."""
    match = _CLIENT_ID.fullmatch(convert.to_text(value).strip())
    if match is None:
        raise ValueError("expected two numbers with a point between them, or the _ga cookie")
    return match[1]


def to_app_instance_id(value: Any) -> str:
    """32 hex characters, from the Firebase SDK."""
    text = convert.to_text(value).strip()
    if not _APP_INSTANCE_ID.fullmatch(text):
        raise ValueError("expected 32 hex characters")
    return text.lower()


def to_id(settings: Settings) -> Converter:
    """The converter of ids that are sent as they are."""

    def to_id(value: Any) -> str:
        text = convert.to_text(value)
        if settings.pii_guard and looks_like_email(text.strip()):
            raise ValueError("an email; Google forbids it (pii_guard)")
        if len(text) > MAX_USER_ID:
            raise ValueError(f"more than {MAX_USER_ID} characters")
        return text

    return to_id


def to_session_id(value: Any) -> int:
    """The number of the site's session; any other id is left out."""
    number = convert.to_integer(value)
    if number <= 0:
        raise ValueError("expected the number of the site's session")
    return number


def to_engagement(value: Any) -> int:
    """Milliseconds, at least 1: without them an event makes nobody active."""
    number = convert.to_integer(value)
    if number < ENGAGEMENT_MS:
        raise ValueError("expected a positive number of milliseconds")
    return number


def to_unix_micros(value: Any) -> int:
    """A moment as whole Unix microseconds."""
    return convert.to_unix_millis(value) * 1000


# --- rows ---


def client_rows(settings: Settings) -> tuple[Field, ...]:
    """``client_id`` or ``app_instance_id``. The later row wins: what a caller gives comes before what is made."""
    if settings.is_app:
        sources = option("app_instance_id", "appInstanceId", "firebase_app_instance_id")
        return (Field(sources, "app_instance_id", to_app_instance_id),)
    made = {
        "hash": Field(("anonymousId", "userId"), "client_id", to_hashed_client_id),
        "anonymous_id": Field(("anonymousId", "userId"), "client_id", to_id(settings)),
        "user_id": Field(("userId", "anonymousId"), "client_id", to_id(settings)),
    }[settings.client_id_source]
    return (made, Field(option("client_id", "clientId"), "client_id", to_client_id))


def event_rows(settings: Settings) -> tuple[Field, ...]:
    """Who, when, and in which session."""
    user = (Field("userId", "user_id", to_id(settings)),) if settings.send_user_id else ()
    return (
        *client_rows(settings),
        *user,
        Field("timestamp", "timestamp_micros", to_unix_micros),
        Field(
            (*option("session_id", "sessionId"), "context.sessionId", "properties.session_id"),
            "params.session_id",
            to_session_id,
        ),
        Field("properties.engagement_time_msec", "params.engagement_time_msec", to_engagement, note="1 without one"),
    )


# --- payloads ---


def make_payload(
    name: str, event: Event, fields: Document, settings: Settings, first: Sequence[str] = ()
) -> Payload | Skip:
    """One event in a request of its own, which `wire.pack` puts together with others of its kind.

    *fields* has the rows above, ``params``, and what `context.envelope_rows` add. *first* are the parameters that stay, besides
    session, money and page, where there are too many.
    """
    why_not = _why_not(name, event, fields, settings)
    if why_not:
        return Skip(why_not)
    timestamp = fields.pop("timestamp_micros")
    params = {"engagement_time_msec": ENGAGEMENT_MS, **fields.pop("params", {})}
    unpaired = pair_value(params, event, settings)
    lists = [key for key, value in params.items() if isinstance(value, list) and key != "items"]
    tidied, surplus = tidy(params, settings, (*OF_EACH, *first, "value", "currency", *_OF_THE_PAGE))
    made: Document = {"name": name, "timestamp_micros": timestamp, "params": tidied}
    beyond = make_room(made, "params", MAX_EVENT_BYTES)
    return Payload(
        {**fields, "events": [made]},
        key=event.message_id,
        group=_digest(fields),
        notes=(
            *unpaired,
            *left_out(lists, "Google Analytics takes no lists, nor any within an object"),
            *left_out(surplus, f"more than {MAX_PARAMS} parameters"),
            *left_out(beyond, f"beyond the {MAX_EVENT_BYTES} bytes of an event"),
        ),
    )


def _digest(fields: Document) -> str:
    """The same for the same *fields*, however long a user agent in them is."""
    return hashlib.sha256(convert.to_json_text(fields).encode()).hexdigest()[:32]


def _why_not(name: str, event: Event, fields: Document, settings: Settings) -> str:
    """Why Google would not take the event, or count it at another time; "" where it would."""
    if settings.is_app and "app_instance_id" not in fields:
        return "an app stream needs the Firebase SDK's app_instance_id, and the call brings none"
    if not settings.is_app and "client_id" not in fields:
        return "neither a userId nor an anonymousId to make a client_id from"
    if name in RESERVED_EVENTS:
        return f"{name} is an event that Google keeps for itself, and drops without a word"
    age_ms = convert.to_unix_millis(event.received_at) - convert.to_unix_millis(event.timestamp)
    return "more than 72 hours old when it came: Google would move it to another time" if age_ms > MAX_AGE_MS else ""
