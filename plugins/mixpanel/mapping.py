"""Identify and group calls: from traits to updates of user profiles and group profiles.

Source: facts/vendors/mixpanel.md section 4 (traits, operations, reserved names) and section 5 (group).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from plugins.mixpanel.events import to_group_ids
from plugins.mixpanel.identity import known_id
from plugins.mixpanel.limits import fit_profile
from plugins.mixpanel.settings import Settings
from router.plugin import (
    Custom,
    Document,
    Event,
    Field,
    Marked,
    Payload,
    Skip,
    Table,
    Trait,
    Values,
    convert,
    same_name,
)

RESERVED_TRAITS: Final = frozenset(
    {
        "$distinct_id",
        "$last_seen",
        "$mp_first_event_time",
        # Not property names but what stands beside the operation; a trait may not get there.
        "$token",
        "$ip",
        "$group_key",
        "$group_id",
    }
)

_IGNORE_TIME: Final[Document] = {"$ignore_time": True}
"""The user was not there when it was written: `$last_seen` stays."""

_PLACE: Final = frozenset({"$city", "$region", "$country_code", "country"})


PROFILE: Final = Table(
    (
        Field("userId", "$distinct_id", known_id),
        Field(
            "context.ip",
            "$ip",
            convert.to_ip,
            note="for the place of the profile, unless traits say one; without an address it is left alone",
        ),
        Field("context.timezone", "$timezone"),
        Trait("id", note="the userId is the profile's `$distinct_id`"),
        Trait("email", "$email", convert.to_text),
        Trait("firstName", "$first_name", convert.to_text),
        Trait("lastName", "$last_name", convert.to_text),
        Trait("name", "$name", convert.to_text),
        Trait("username", "$username", convert.to_text),
        Trait("phone", "$phone", convert.to_phone),
        Trait("avatar", "$avatar", convert.to_url),
        Trait("createdAt", "$created", convert.to_naive_utc),
        Trait("address.city", "$city", convert.to_text),
        Trait("address.state", "$region", convert.to_text),
        Trait("address.country", "$country_code", convert.to_text, note="`country` where it is no two-letter code"),
        Trait("address.postalCode", "postal_code", convert.to_text),
        Trait("address.street", "street", convert.to_text),
        Trait("address", "address", note="an address given as text, and whatever else is in it"),
        Trait("age", "age", convert.to_number),
        Trait("birthday", "birthday", convert.to_naive_utc),
        Trait("gender", "gender", convert.to_text),
        Trait("title", "title", convert.to_text),
        Trait("description", "description", convert.to_text),
        Trait("website", "website", convert.to_text),
        Trait("company.name", "company_name", convert.to_text),
        Trait("company.id", "company_id", convert.to_text),
        Trait("company.industry", "company_industry", convert.to_text),
        Trait("company.employee_count", "company_employee_count", convert.to_number),
        Trait("company.plan", "company_plan", convert.to_text),
        Trait("company", "company", note="whatever else is in it"),
        *same_name("employees", "industry", "plan"),
    ),
    (Custom("traits", forbidden=RESERVED_TRAITS),),
    Values(null="clear"),
)
"""Of an identify. A null is kept for `updates`, which clears the property by name."""

GROUP: Final = Table(
    (
        Field("groupId", "$group_id", known_id),
        Trait("name", "$name", convert.to_text),
        Trait("email", "$email", convert.to_text),
        Trait("phone", "$phone", convert.to_phone),
        Trait("avatar", "$avatar", convert.to_url),
        Trait("createdAt", "$created", convert.to_naive_utc),
        Trait("birthday", "birthday", convert.to_naive_utc),
        *same_name("address", "description", "employees", "id", "industry", "plan", "website"),
        *same_name("age", "company", "firstName", "gender", "lastName", "title", "username"),
    ),
    (Custom("traits", forbidden=RESERVED_TRAITS),),
    Values(null="clear"),
)
"""Of a group call: the group's own profile."""

MEMBER: Final = Table((Field("userId", "$distinct_id", known_id), Field("groupId", "$group_id", known_id)))
"""Of a group call: what it says of the user."""


def _mark_absent(payload: Payload, settings: Any) -> Payload:
    return replace(payload, body=payload.body | _IGNORE_TIME)


HISTORICAL: Final = Marked("$ignore_time", _mark_absent)
"""Old news of a user: Mixpanel would say that they were last seen when it was replayed."""


def build_profile(event: Event, fields: Document, settings: Settings) -> list[Payload] | Skip:
    """The update of a user's profile. Only a userId has one: what is written for a device is lost when it gets a user."""
    if "$distinct_id" not in fields:
        return Skip(_no_user(event))
    head = _head(event, fields.pop("$distinct_id"))
    ip = fields.pop("$ip", None)
    _place_country(fields)
    if ip is not None and _PLACE.isdisjoint(fields):
        head["$ip"] = ip  # of a place said in part, Mixpanel would take the rest from it
    groups = _take_groups(fields, settings)
    made = updates(head, fields)
    if not groups:
        return made
    return [*([] if isinstance(made, Skip) else made), Payload(head | {"$union": groups})]


def _take_groups(fields: Document, settings: Settings) -> Document:
    """Take out of *fields* each property that is a group key with one id, such as ``company_id``. As in a group call, the group
    is added to those named already; written over them, it would be the only one. A list is all groups of the user."""
    groups: Document = {}
    for key in settings.group_keys:
        if isinstance(fields.get(key), str | int):
            with suppress(ValueError):
                groups[key] = to_group_ids(fields[key])
                del fields[key]
    return groups


def build_group(event: Event, fields: Document, settings: Settings) -> list[Payload] | Skip:
    """The update of a group's profile."""
    if "$group_id" not in fields:
        return Skip("Mixpanel refuses the groupId, it stands for nobody")
    return updates({"$group_key": group_key(event, settings), "$group_id": fields.pop("$group_id")}, fields)


def build_member(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The user's profile names the group. It is added to those named already: a user may be in many, and none is left."""
    if "$distinct_id" not in fields:
        return Skip(_no_user(event))
    if "$group_id" not in fields:
        return Skip("Mixpanel refuses the groupId, it stands for nobody")
    head = _head(event, fields["$distinct_id"])
    return Payload(head | {"$union": {group_key(event, settings): [fields["$group_id"]]}})


def group_key(event: Event, settings: Settings) -> str:
    """The key that a groupId belongs to: one that the traits name with this very id, else the first of the settings."""
    for key in settings.group_keys:
        value = event.traits.get(key)
        if isinstance(value, str | int) and str(value) == event.group_id:
            return key
    return settings.group_keys[0]


def updates(head: Document, properties: Document) -> list[Payload] | Skip:
    """One update for what is set and one for what is cleared: an update carries one operation. Both are safe to repeat."""
    cleared = [name for name, value in properties.items() if value is None] if None in properties.values() else []
    written = {name: value for name, value in properties.items() if value is not None} if cleared else properties
    payloads = []
    notes = fit_profile(written)
    if written:
        payloads.append(Payload(head | {"$set": written}, notes=notes))
    if cleared:
        payloads.append(Payload(head | {"$unset": cleared}))
    return payloads or Skip("no traits to write")


def _head(event: Event, user: str) -> Document:
    head: Document = {"$distinct_id": user}
    return head | (_IGNORE_TIME if event.context.get("active") is False else {})


def _no_user(event: Event) -> str:
    if event.user_id:
        return "Mixpanel refuses the userId, it stands for nobody"
    return "anonymous: a Mixpanel profile belongs to a userId"


def _place_country(fields: Document) -> None:
    """Mixpanel's country is a two-letter code; a name goes into a property of the project's own."""
    if "$country_code" not in fields:
        return
    country = fields["$country_code"]
    if country is None:
        fields.setdefault("country", None)  # wherever it was written
        return
    try:
        fields["$country_code"] = convert.to_country(country)
    except ValueError:
        fields["country"] = fields.pop("$country_code")
