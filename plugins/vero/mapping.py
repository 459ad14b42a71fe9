"""Identify and group calls: from traits to the properties of a user; and push tokens.

Source: facts/vendors/vero.md section 4 and section 5 (group). That Segment's own destination writes a group to the property
``group`` of the user: segment.com/docs/connections/destinations/catalog/vero, "Group" (a copy of 2024).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from plugins.vero.identity import email_of, to_email, who, why_nobody
from plugins.vero.settings import Settings
from router.plugin import (
    NESTED_TRAITS,
    Converter,
    Custom,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    Trait,
    Values,
    app_platform,
    convert,
    snake_case,
    spelt_alike,
)

_OF_CONTEXT: Final = frozenset({"timezone", "language", "userAgent"})
"""Properties that a call of nobody in particular has as well."""
_DEVICE_EVENTS: Final = frozenset({"applicationinstalled", "applicationopened"})
"""By `spelt_alike`."""


def to_zone(value: Any) -> int | float | str:
    """A time zone: its hours from UTC, or its name."""
    try:
        return convert.to_number(value)
    except ValueError:
        return convert.named_timezone(value)


def values(settings: Settings) -> Values:
    """Vero stores any JSON, lists of products too. It is not known to read a null as "clear this"."""
    return Values(objects="flatten" if settings.flatten_objects else "keep")


class _Rows:
    """Rows for traits inside the object *at*, or, where objects are sent flat, for properties whose names begin with it."""

    def __init__(self, at: str, settings: Settings) -> None:
        self._at = at
        self._between = "_" if settings.flatten_objects else "."
        self._spell: Callable[[str], str] = snake_case if settings.trait_case == "snake" else str

    def __call__(self, name: str, converter: Converter | None = None) -> Field:
        return Trait(name, self._at + self._spell(name), converter)

    def nested(self, name: str) -> tuple[Field, ...]:
        """The whole first, with the keys that nobody knows; then its reserved keys, beside them."""
        return (
            Trait(name, self._at + name, note="whatever else is in it, or text as it is given"),
            *(
                Trait(f"{name}.{part}", f"{self._at}{name}{self._between}{self._spell(part)}")
                for part in NESTED_TRAITS[name]
            ),
        )


def user_table(settings: Settings) -> Table:
    """Of an identify."""
    row = _Rows("data.", settings)
    return Table(
        (
            Field("userId", "id"),
            Trait("id", note="the userId is the user's `id`"),
            Trait("email", "email", to_email),
            Trait("phone", "phone_number", convert.to_e164),
            row("phone", convert.to_text),
            *map(row, ("firstName", "lastName", "name", "username", "title", "gender", "description")),
            *map(row, ("avatar", "website")),
            row("age", convert.to_number),
            row("birthday", convert.to_iso_utc),
            row("createdAt", convert.to_iso_utc),
            *row.nested("address"),
            *row.nested("company"),
            Field(("traits.timezone", "context.timezone"), "data.timezone", to_zone),
            Field(("traits.language", "context.locale"), "data.language", convert.to_text),
            Field(("traits.userAgent", "context.userAgent"), "data.userAgent", convert.to_text),
            Field("context.device.token", "channels", convert.text_only, "with the platform of the device"),
        ),
        (Custom("traits", at="data"),),
        values(settings),
    )


def group_table(settings: Settings) -> Table:
    """Of a group call: Vero knows no groups, so a property of the user tells of it."""
    name = settings.group_field or "group"
    at = f"data.{name}" + ("_" if settings.flatten_objects else ".")
    row = _Rows(at, settings)
    custom = Custom("traits", "data", lambda key: f"{name}_{key}") if settings.flatten_objects else None
    return Table(
        (
            Field("groupId", f"{at}id"),
            Trait("id", note="the groupId is sent in its place"),
            *map(row, ("name", "industry", "employees", "plan", "description", "email", "phone", "website", "avatar")),
            row("createdAt", convert.to_iso_utc),
            *row.nested("address"),
        ),
        (custom or Custom("traits", f"data.{name}"),),
        values(settings),
    )


DEVICE: Final = Table((Field("context.device.token", "channels", convert.text_only),))


def build_user(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """What an identify says of the person. A userId that is an email is one, too, unless the call tells another."""
    user = who(event, settings)
    if user is None:
        return why_nobody()
    data: Document = fields.get("data", {})
    if not (event.user_id or "email" in user or data.keys() - _OF_CONTEXT):
        return Skip("anonymous and without traits: Vero would get an empty user")
    channels = _channels(event, fields.pop("channels", None))
    email = email_of(event.user_id)
    return Payload({**({"email": email} if email else {}), **fields, **user, **channels})


def build_group(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """What a group call says of the person who made it. Of several groups the property tells of the last one."""
    if not settings.group_field:
        return Skip("Vero has no groups, and no property is to tell of them (setting group_field)")
    if not event.group_id:
        return Skip("the call names no group")
    user = who(event, settings)
    return why_nobody() if user is None else Payload({**user, **fields})


def build_device(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The push token of the device that an app runs on; an identify brings its own."""
    if spelt_alike(event.event) not in _DEVICE_EVENTS:
        return Skip("no device: not one of Application Installed, Application Opened")
    channels = _channels(event, fields.get("channels"))
    if not channels:
        return Skip("no context.device.token, or neither ios nor android")
    user = who(event, settings)
    return why_nobody() if user is None else Payload({**user, **channels})


def _channels(event: Event, token: str | None) -> Document:
    platform = app_platform(event)
    if not (token and platform):
        return {}
    return {"channels": [{"type": "push", "address": token, "platform": platform}]}
