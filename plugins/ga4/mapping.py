"""Identify and group calls: what of a person and of a group may be said to Google.

Source: facts/vendors/ga4.md section 3 (identify), section 4 (traits) and section 5 (group).
"""

from __future__ import annotations

from typing import Final

from plugins.ga4.context import complete, envelope_rows
from plugins.ga4.identity import event_rows, make_payload
from plugins.ga4.params import custom_params
from plugins.ga4.settings import Settings
from router.plugin import Document, Event, Field, Payload, Skip, Table, Trait, Values, convert

GROUP_ROWS: Final = (
    Field("groupId", "params.group_id", convert.to_text),
    Trait("id", note="the groupId is `group_id`"),
    Trait("name", "params.group_name", convert.to_text),
    Trait("industry", "params.industry", convert.to_text),
    Trait("employees", "params.employees", convert.to_text),
    Trait("plan", "params.plan", convert.to_text),
    Trait("createdAt", "params.group_created_at", convert.to_date),
    Trait("description", "params.description", convert.to_text),
    Trait("website", "params.website", convert.to_text),
    Trait("avatar", "params.avatar", convert.to_text),
    Trait("address", "params.address", note="flat: `address_city`, …"),
    Trait("email", note="Google forbids emails"),
    Trait("phone", note="Google forbids phone numbers"),
)


def user_table(settings: Settings) -> Table:
    """Of an identify: nothing but what stands beside the event."""
    return Table((*event_rows(settings), *envelope_rows(settings, "traits")))


def build_user(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    if not settings.identify_event:
        return Skip("Google has no call for identify (setting identify_event)")
    return make_payload(settings.identify_event, event, complete(event, fields, settings), settings)


def group_table(settings: Settings) -> Table:
    """Of a group call: Google knows no groups, so what is said of one are parameters of the event."""
    return Table(
        (*event_rows(settings), *envelope_rows(settings), *GROUP_ROWS),
        (custom_params("traits", settings),),
        Values(objects="flatten"),
    )


def build_group(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    return make_payload("join_group", event, complete(event, fields, settings), settings, ("group_id", "group_name"))
