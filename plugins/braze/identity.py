"""Whom an object is about, what joins two people, and what Braze takes as a name or a value.

Source: facts/vendors/braze.md sections 3 (identity), 4 and 5 (names, values).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from plugins.braze.settings import Settings
from router.plugin import Document, Event, Field, Payload, Skip, Table, convert, left_out, looks_like_email, make_room

MAX_TEXT: Final = 255
"""Characters of a name, and of a text in an attribute or a property."""
MAX_BYTES: Final = 99_000
"""Of an object; Braze takes 100 KB, with what names the person and the app."""
MAX_NESTED_BYTES: Final = 50_000
"""Of an event or a purchase whose properties have a list or an object."""
OPERATIONS: Final = frozenset({"$add", "$update", "$remove"})
"""What is to be done with a list of objects."""
to_short_text: Final = convert.cut(MAX_TEXT)
USER_ROW: Final = Field("userId", "external_id")


# --- names and values ---


def field_name(key: str) -> str | None:
    """The name itself, or None where Braze takes none such: blank, more than 255 characters, or with a dollar sign first."""
    return key if key.strip() and len(key) <= MAX_TEXT and not key.startswith("$") else None


def to_value(value: Any) -> Any:
    """A value with its texts cut to 255 characters, and without null inside objects and lists.

    One null in a nested attribute would cost the profile all nested attributes of the request.
    """
    return _value(value, field_name)


def to_attribute(value: Any) -> Any:
    """The same, but that operations on a list of objects keep their names, which begin with a dollar sign. Without them an
    empty object would be left, and take the place of the list."""
    is_operation = isinstance(value, dict) and not OPERATIONS.isdisjoint(value)
    return _value(value, str if is_operation else field_name)


def _value(value: Any, name_of: Callable[[str], str | None]) -> Any:
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if isinstance(value, dict):
        return {key: _value(item, name_of) for key, item in value.items() if item is not None and name_of(key)}
    if isinstance(value, list):
        return [_value(item, name_of) for item in value if item is not None]
    return value


def to_name(value: Any) -> str:
    """The name of an event: not blank, at most 255 characters."""
    text = convert.to_text(value).strip()[:MAX_TEXT]
    if not text:
        raise ValueError("expected a name")
    return text


# --- whom ---


def who(event: Event, settings: Settings) -> Document | None:
    """What names the person in an object: the ``external_id``, else the alias, else the email; None for nobody.

    Without ``_update_existing_only: false`` Braze drops what is said of an alias it doesn't know yet.
    """
    if event.user_id:
        return {"external_id": event.user_id}
    if settings.send_anonymous and event.anonymous_id:
        return {"user_alias": alias(event.anonymous_id, settings), "_update_existing_only": False}
    if event.email and looks_like_email(event.email):
        return {"email": event.email.lower(), "_update_existing_only": False}
    return None


def why_nobody(event: Event) -> Skip:
    if event.anonymous_id:
        return Skip("anonymous: no userId and no email, and anonymous profiles are off (setting send_anonymous)")
    return Skip("the call names nobody: no userId, no anonymousId, no email")


def alias(anonymous_id: str, settings: Settings) -> Document:
    return {"alias_name": anonymous_id, "alias_label": settings.alias_label}


def occurrence(array: str, event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """An item of *array* ("events" or "purchases"), with the person and the app."""
    identifier = who(event, settings)
    if identifier is None:
        return why_nobody(event)
    app = {"app_id": settings.app_id} if settings.app_id else {}
    return Payload({array: identifier | app | fields})


def sized_occurrence(array: str, event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The same, less its largest properties where Braze would refuse the whole for their size."""
    is_nested = any(isinstance(value, dict | list) for value in fields.get("properties", {}).values())
    most_bytes = MAX_NESTED_BYTES if is_nested else MAX_BYTES
    beyond = make_room(fields, "properties", most_bytes)
    made = occurrence(array, event, fields, settings)
    if isinstance(made, Skip) or not beyond:
        return made
    return replace(made, notes=left_out(beyond, f"beyond the {most_bytes} bytes that {_OF_ARRAY[array]} may have"))


_OF_ARRAY: Final = {"events": "an event", "purchases": "a purchase"}

# --- joining ---

PAIR: Final = Table((USER_ROW, Field("anonymousId", "user_alias.alias_name")))
"""Of an identify with both ids."""
MERGE: Final = Table(
    (Field("previousId", "identifier_to_merge.external_id"), Field("userId", "identifier_to_keep.external_id"))
)
"""Of an alias call."""
OLD_ALIAS: Final = Table((USER_ROW, Field("previousId", "user_alias.alias_name")))
"""Of an alias call whose previousId is an anonymous id."""


def build_pair(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """Attach the alias profile to the user, before the traits are written. Safe to repeat: an alias that is gone is none."""
    return _attach(event.anonymous_id, event, settings)


def build_old_alias(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """Attach the alias profile that an alias call names. A previousId may be an anonymous id or an older userId, and the call
    does not say which: this and the merge are both sent, and Braze leaves alone what it does not know."""
    return _attach(event.previous_id, event, settings)


def build_merge(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """Merge one user into another, which can't be undone."""
    if not (event.user_id and event.previous_id):
        return Skip("nothing to join: an alias needs a userId and a previousId")
    if event.user_id == event.previous_id:
        return Skip("nothing to join: previousId and userId are the same")
    if event.previous_id == event.anonymous_id:
        return Skip("previousId is the anonymous id: its alias profile is attached, there is no user to merge")
    return Payload(fields)


def _attach(anonymous_id: str | None, event: Event, settings: Settings) -> Payload | Skip:
    if not settings.send_anonymous:
        return Skip("anonymous profiles are off (setting send_anonymous): there is none to attach")
    if not (event.user_id and anonymous_id):
        return Skip("nothing to join: no userId beside an anonymous id")
    return Payload({"external_id": event.user_id, "user_alias": alias(anonymous_id, settings)})
