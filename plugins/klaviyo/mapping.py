"""Identify and group calls: profiles. Klaviyo has no groups, so a group's traits stand on its people's profiles.

Source: facts/vendors/klaviyo.md sections 3 to 5.
"""

from __future__ import annotations

from typing import Any, Final

from plugins.klaviyo.attributes import (
    attribute_name,
    complete_ids,
    id_rows,
    to_moment,
    to_property,
)
from plugins.klaviyo.settings import Settings
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
    make_room,
    snake_case,
)

_PROPERTIES = "properties"
MAX_BYTES: Final = 99_000
"""Of a profile: 100 KB, with room for what stands around it."""


def profile_table(settings: Settings) -> Table:
    """Of an identify. A later row wins: the name is split only where first or last are missing."""
    return Table(
        (
            *id_rows(settings, "", "traits"),
            Trait("id", note="the userId is sent"),
            Trait("name", "first_name", convert.to_first_name),
            Trait("name", "last_name", convert.to_last_name),
            Trait("firstName", "first_name", convert.to_text),
            Trait("lastName", "last_name", convert.to_text),
            Trait("title", "title", convert.to_text),
            Trait("avatar", "image", convert.to_url),
            Trait(
                "address",
                "properties.address",
                to_property,
                "whatever else is in it; as text it is `location.address1`",
            ),
            Trait("address.street", "location.address1", convert.to_text),
            Trait("address.city", "location.city", convert.to_text),
            Trait("address.state", "location.region", convert.to_text),
            Trait("address.country", "location.country", convert.to_text),
            Trait("address.postalCode", "location.zip", convert.to_text),
            Field("context.timezone", "location.timezone", convert.to_timezone),
            Field("context.ip", "location.ip", convert.to_ip),
            Field("context.locale", "locale", convert.to_locale),
            Trait("company", "properties.company", to_property, "whatever else is in it"),
            Trait("company.name", "organization", convert.to_text),
            Trait("company.id", "properties.company_id", convert.to_text),
            Trait("company.industry", "properties.company_industry", convert.to_text),
            Trait("company.employee_count", "properties.company_employee_count", convert.to_number),
            Trait("company.plan", "properties.company_plan", convert.to_text),
            Trait("age", "properties.age", convert.to_number),
            Trait("birthday", "properties.birthday", convert.to_date),
            Trait("createdAt", "properties.createdAt", to_moment),
            Trait("description", "properties.description", convert.to_text),
            Trait("gender", "properties.gender", convert.to_text),
            Trait("username", "properties.username", convert.to_text),
            Trait("website", "properties.website", convert.to_text),
        ),
        (Custom("traits", at=_PROPERTIES, rename=attribute_name, convert=to_property),),
        Values(null="clear"),
    )


def member_table(settings: Settings) -> Table:
    """Of a group call: the group's traits on the profile of the person, as ``group_…`` so that they hide none of theirs."""
    return Table(
        (
            *id_rows(settings, "", "context.traits"),
            Field("groupId", "properties.group_id"),
            Trait("id", note="the groupId is sent"),
            Trait("name", "organization", convert.to_text),
            Trait("address", "properties.group_address", to_property),
            Trait("avatar", "properties.group_avatar", convert.to_text),
            Trait("createdAt", "properties.group_created_at", to_moment),
            Trait("description", "properties.group_description", convert.to_text),
            Trait("email", "properties.group_email", convert.to_text),
            Field(("traits.employee_count", "traits.employees"), "properties.group_employees", to_count),
            Trait("industry", "properties.group_industry", convert.to_text),
            Trait("phone", "properties.group_phone", convert.to_text),
            Trait("plan", "properties.group_plan", convert.to_text),
            Trait("website", "properties.group_website", convert.to_text),
        ),
        (Custom("traits", at=_PROPERTIES, rename=_group_attribute, convert=to_property),),
        Values(null="clear"),
    )


def to_count(value: Any) -> int | float | str:
    """A number where it is one; else the text, such as ``11-50``: Klaviyo's properties hold either."""
    try:
        return convert.to_number(value)
    except ValueError:
        return convert.to_text(value)


def _group_attribute(key: str) -> str | None:
    name = attribute_name(key)
    return None if name is None else f"group_{snake_case(name)}"


# --- builds ---


def build_profile(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if settings.bulk:
        return Skip("profiles are sent in jobs (setting bulk)")
    return _profile(event, fields)


def build_profile_of_job(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if not settings.bulk:
        return Skip("profiles are sent one by one (setting bulk)")
    return _profile(event, fields)


def _profile(event: Event, fields: Document) -> Payload | Skip:
    if not complete_ids(event, fields):
        return Skip("nobody to tell from others: no userId, email or phone number")
    properties: Document = fields.get(_PROPERTIES, {})
    if isinstance(properties.get("address"), str):
        fields.setdefault("location", {})["address1"] = properties.pop("address")
        if not properties:
            del fields[_PROPERTIES]
    if "phone" in event.traits and fields.get("phone_number") is None:  # no E.164, it would cost the whole profile
        fields.setdefault(_PROPERTIES, {})["phone_raw"] = event.traits["phone"]
    return _sized(event, fields)


def build_member(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if not complete_ids(event, fields):
        return Skip("nobody to tell from others: no userId, email or phone number")
    return _sized(event, fields)


def _sized(event: Event, profile: Document) -> Payload:
    """The profile, less its largest properties where Klaviyo would refuse it for its size."""
    beyond = make_room(profile, _PROPERTIES, MAX_BYTES)
    return Payload(profile, key=event.message_id, notes=left_out(beyond, f"beyond the {MAX_BYTES} bytes of a profile"))
