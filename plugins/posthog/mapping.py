"""Identify and group calls: from traits to the properties of people and groups.

Source: facts/vendors/posthog.md section 3 (anonymous identify), section 4 (traits) and section 5 (group).
"""

from __future__ import annotations

from typing import Any, Final

from plugins.posthog.events import CONTEXT_ROWS, property_name
from plugins.posthog.identity import EVENT_ROWS, is_identified, is_somebody, known_id, make_payload
from plugins.posthog.settings import Settings
from router.plugin import (
    NESTED_TRAITS,
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
    same_name,
    without_nulls,
)

_SET: Final = "properties.$set"
_GROUP: Final = "properties.$group_set"

TRAIT_ROWS: Final = (
    Trait("id", note="the userId is the `distinct_id`"),
    Trait("email", f"{_SET}.email", convert.to_text),
    Trait("name", f"{_SET}.name", convert.to_text),
    Trait("firstName", f"{_SET}.firstName", convert.to_text),
    Trait("lastName", f"{_SET}.lastName", convert.to_text),
    Trait("username", f"{_SET}.username", convert.to_text),
    Trait("phone", f"{_SET}.phone", convert.to_text),
    Trait("title", f"{_SET}.title", convert.to_text),
    Trait("gender", f"{_SET}.gender", convert.to_text),
    Trait("description", f"{_SET}.description", convert.to_text),
    Trait("website", f"{_SET}.website", convert.to_text),
    Trait("avatar", f"{_SET}.avatar", convert.to_text),
    Trait("age", f"{_SET}.age", convert.to_number),
    Trait("birthday", f"{_SET}.birthday", convert.to_iso_utc),
    Trait("createdAt", "properties.$set_once.createdAt", convert.to_iso_utc, note="the first value stays"),
    Trait("company", f"{_SET}.company", note="an object; a company given as text is its `name`"),
    Trait("address", f"{_SET}.address", note="an object, or text as it is given"),
)
FLAT_ROWS: Final = tuple(
    Trait(f"{name}.{part}", f"{_SET}.{name}_{part}") for name, parts in NESTED_TRAITS.items() for part in parts
)
"""Where objects are sent flat, for a null clears what rows make of the parts."""


def _values(settings: Settings, null: Any = "drop") -> Values:
    return Values(objects="flatten" if settings.flatten_objects else "keep", null=null)


def person_table(settings: Settings) -> Table:
    """Of an identify. A null is kept for `build_person`, which clears the property by name."""
    return Table(
        (
            *EVENT_ROWS,
            *CONTEXT_ROWS,
            Field("anonymousId", "properties.$anon_distinct_id", known_id, note="only beside a userId"),
            *TRAIT_ROWS,
            *(FLAT_ROWS if settings.flatten_objects else ()),
        ),
        (Custom("traits", _SET, property_name),),
        _values(settings, null="clear"),
    )


def build_person(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """``$identify`` of a user, ``$set`` of somebody anonymous where everybody has a profile."""
    if settings.person_profiles == "never":
        return Skip("nobody has a profile (setting person_profiles)")
    properties = without_nulls(fields.get("properties", {}))
    fields["properties"] = properties
    _clear(properties)
    has_traits = not {"$set", "$set_once", "$unset"}.isdisjoint(properties)
    joined = properties.pop("$anon_distinct_id", None)
    if not is_identified(event):
        if settings.person_profiles == "identified_only":
            return Skip("anonymous: only users have a profile (setting person_profiles)")
        if "distinct_id" in fields and not is_somebody(event):
            return Skip("the userId stands for nobody: it makes no profile")
        return make_payload("$set", fields, settings) if has_traits else Skip("no traits to write")
    if joined not in (None, fields["distinct_id"]):
        properties["$anon_distinct_id"] = joined
    elif not has_traits:
        return Skip("no traits to write, and no two ids to join")
    return make_payload("$identify", fields, settings)


def _clear(properties: Document) -> None:
    """Move what is null to ``$unset``, a list of names."""
    cleared: list[str] = []
    for operation in ("$set", "$set_once"):
        values = properties.get(operation, {})
        for name in [name for name, value in values.items() if value is None]:
            del values[name]
            cleared.append(name)
        if not values:
            properties.pop(operation, None)
    if cleared:
        properties["$unset"] = cleared


GROUP_ROWS: Final = (
    Field("groupId", "properties.$group_key"),
    Trait("id", note="the groupId is the `$group_key`"),
    Trait("name", f"{_GROUP}.name", convert.to_text),
    Trait("createdAt", f"{_GROUP}.createdAt", convert.to_iso_utc),
    *same_name("address", "avatar", "description", "email", "employees", at=_GROUP),
    *same_name("industry", "phone", "plan", "website", at=_GROUP),
)


def group_table(settings: Settings) -> Table:
    """Of a group call. PostHog has no word for clearing a group's property, so a null is dropped."""
    return Table((*EVENT_ROWS, *GROUP_ROWS), (Custom("traits", _GROUP, property_name),), _values(settings))


def build_group(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """``$groupidentify``, which makes the group where there is none, with traits or without.

    It is of the user who made the call, or of a made-up id of the group's own where the call may make no profile of anybody.
    """
    if not event.group_id:
        return Skip("the call names no group")
    fields.setdefault("properties", {}).setdefault("$group_set", {})
    fields["properties"]["$group_type"] = settings.group_type
    if settings.person_profiles == "never" or not is_identified(event):
        fields["distinct_id"] = f"{settings.group_type}_{event.group_id}"
    return make_payload("$groupidentify", fields, settings)
