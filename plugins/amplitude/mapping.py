"""Identify and group calls: from traits to the properties of users and groups.

Source: facts/vendors/amplitude.md section 4 (traits, operations) and section 5 (identify, group).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from plugins.amplitude.context import CONTEXT_ROWS, combined
from plugins.amplitude.identity import EVENT_ROWS, make_payload, user_rows
from plugins.amplitude.settings import Settings
from router.plugin import (
    Custom,
    Document,
    Event,
    Field,
    Payload,
    Skip,
    Table,
    Trait,
    Values,
    convert,
    left_out,
    same_name,
    without_nulls,
)

MAX_LEVELS: Final = 38
"""Of objects and lists in a property: 40 less those of the properties and of the operation."""
MAX_GROUP_PROPERTIES: Final = 1_024
UNSET: Final = "-"
"""The value beside a name in ``$unset``."""
_USER: Final = "user_properties.$set"
_GROUP: Final = "group_properties.$set"
_NO_GROUP: Final = Skip("the call names no group")
"""As a mapping in the config may have it."""


def property_name(key: str) -> str | None:
    """The key itself, or None where it begins as Amplitude's operations do."""
    return None if key.startswith("$") else key


def not_too_deep(value: Any) -> Any:
    """A value of at most 38 levels: with the objects around it, as many as Amplitude takes. A deeper one would cost the event
    or the user all else."""
    if isinstance(value, dict | list) and not _is_within(value, MAX_LEVELS):
        raise ValueError(f"deeper than the {MAX_LEVELS} levels that a property may have")
    return value


def _is_within(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    items = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_within(item, levels - 1) for item in items)


TRAIT_ROWS: Final = (
    Trait("id", note="the userId is `user_id`"),
    Trait("email", f"{_USER}.email", convert.to_text),
    Trait("name", f"{_USER}.name", convert.to_text),
    Trait("firstName", f"{_USER}.firstName", convert.to_text),
    Trait("lastName", f"{_USER}.lastName", convert.to_text),
    Trait("username", f"{_USER}.username", convert.to_text),
    Trait("phone", f"{_USER}.phone", convert.to_text),
    Trait("title", f"{_USER}.title", convert.to_text),
    Trait("gender", f"{_USER}.gender", convert.to_text),
    Trait("description", f"{_USER}.description", convert.to_text),
    Trait("website", f"{_USER}.website", convert.to_text),
    Trait("avatar", f"{_USER}.avatar", convert.to_text),
    Trait("age", f"{_USER}.age", convert.to_number),
    Trait("birthday", f"{_USER}.birthday", convert.to_naive_utc),
    Trait("createdAt", f"{_USER}.createdAt", convert.to_naive_utc),
    Trait("company", f"{_USER}.company", not_too_deep, note="an object; a company given as text is its `name`"),
    Trait("address", f"{_USER}.address", not_too_deep, note="an address given as text, and whatever else is in it"),
    *same_name(*(f"address.{part}" for part in ("street", "postalCode", "city", "state", "country")), at=_USER),
    Trait("address.city", "city", convert.to_text, note="until the next event's place"),
    Trait("address.state", "region", convert.to_text, note="until the next event's place"),
    Trait("address.country", "country", convert.to_text, note="until the next event's place"),
)


def user_table(settings: Settings) -> Table:
    """Of an identify. A null is kept for `operations`, which clears the property by name."""
    return Table(
        (*user_rows(settings), *EVENT_ROWS, *CONTEXT_ROWS, *TRAIT_ROWS),
        (Custom("traits", _USER, property_name, convert=not_too_deep),),
        Values(null="clear"),
    )


def build_user(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """What the traits say of the user, who may be known by a device alone."""
    properties = operations(fields.pop("user_properties", {}).get("$set", {}))
    fields = combined(event) | without_nulls(fields)
    if not {"city", "region", "country"}.isdisjoint(fields):
        fields.pop("ip", None)  # of a place said in part, Amplitude would take the rest from the IP address
    if properties:
        fields["user_properties"] = properties
    elif not {"user_id", "device_id"} <= fields.keys():
        return Skip("no traits to write, and no two ids to join")
    return make_payload("$identify", fields)


def operations(properties: Document) -> Document:
    """``$set`` of what has a value, ``$unset`` of what is null. Properties of ordinary names must not stand beside them."""
    written = without_nulls(properties)
    cleared = {name: UNSET for name, value in properties.items() if value is None}
    return ({"$set": written} if written else {}) | ({"$unset": cleared} if cleared else {})


GROUP_ROWS: Final = (
    Trait("id", note="the groupId is the group's name in `groups`"),
    Trait("name", f"{_GROUP}.name", convert.to_text),
    Trait("createdAt", f"{_GROUP}.createdAt", convert.to_naive_utc),
    *(
        Trait(name, f"{_GROUP}.{name}", not_too_deep)
        for name in ("address", "avatar", "description", "email", "employees", "industry", "phone", "plan", "website")
    ),
)


def group_table(settings: Settings) -> Table:
    """Of a group call: the group's own properties."""
    return Table(
        (*user_rows(settings), *EVENT_ROWS, *GROUP_ROWS),
        (Custom("traits", _GROUP, property_name, convert=not_too_deep),),
        Values(null="clear"),
    )


def build_group(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    told = list(fields.pop("group_properties", {}).get("$set", {}).items())
    properties = operations(dict(told[-MAX_GROUP_PROPERTIES:]))  # of too many the first go, which are custom ones
    if not properties:
        return Skip("no traits to write")
    kind, value = group_of(event, settings)
    if not value:
        return _NO_GROUP
    fields = without_nulls(fields)
    made = make_payload("$groupidentify", {**fields, "groups": {kind: value}, "group_properties": properties}, "group")
    beyond = [name for name, _ in told[:-MAX_GROUP_PROPERTIES]]
    notes = left_out(beyond, f"beyond the {MAX_GROUP_PROPERTIES} properties of a group")
    return replace(made, notes=notes) if notes and isinstance(made, Payload) else made


def member_table(settings: Settings) -> Table:
    """Of a group call: what it says of the user."""
    return Table(
        (
            *user_rows(settings),
            *EVENT_ROWS,
            Field("groupId", note="`groups` and the user property named as the group's type"),
        )
    )


def build_member(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The user belongs to the group from now on. Of several groups of one type the last one counts."""
    kind, value = group_of(event, settings)
    if not value:
        return _NO_GROUP
    return make_payload("$identify", {**fields, "groups": {kind: value}, "user_properties": {"$set": {kind: value}}})


def group_of(event: Event, settings: Settings) -> tuple[str, str]:
    """Type and value of the group that a group call names."""
    kind = _text(event.traits.get(settings.group_type_trait)) or settings.group_type
    return kind, _text(event.traits.get(settings.group_value_trait)) or event.group_id or ""


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
