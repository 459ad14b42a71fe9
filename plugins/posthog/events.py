"""Track, page and screen calls, and the context of every event.

Source: facts/vendors/posthog.md section 4 (reserved names) and section 5 (context mapping).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from plugins.posthog.identity import EVENT_ROWS, is_identified, is_somebody, make_payload, to_uuid_v7
from plugins.posthog.settings import Settings
from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, convert

_AT: Final = "properties"
_RESERVED_EVENTS: Final = frozenset({"$identify", "$create_alias", "$merge_dangerously", "$groupidentify", "$set"})
"""They change people and groups, and are made from identify, alias and group calls alone."""
_RESERVED_PROPERTIES: Final = frozenset({"distinct_id", "token", "api_key"})
"""They say whose event it is and of which project: here, in older requests."""


def property_name(key: str) -> str | None:
    """The key itself, or None where it begins as PostHog's own names do."""
    return None if key.startswith("$") else key


CONTEXT_ROWS: Final = tuple(
    Field(f"context.{source}", f"{_AT}.{to}", converter)
    for source, to, converter in (
        ("ip", "$ip", convert.to_ip),
        ("userAgent", "$raw_user_agent", None),
        ("page.url", "$current_url", None),
        ("page.url", "$host", convert.to_host),
        ("page.path", "$pathname", None),
        ("page.referrer", "$referrer", None),
        ("page.referrer", "$referring_domain", convert.to_host),
        ("campaign.source", "utm_source", None),
        ("campaign.medium", "utm_medium", None),
        ("campaign.name", "utm_campaign", None),
        ("campaign.term", "utm_term", None),
        ("campaign.content", "utm_content", None),
        ("os.name", "$os", None),
        ("os.version", "$os_version", None),
        ("device.id", "$device_id", None),
        ("device.model", "$device_model", None),
        ("device.manufacturer", "$device_manufacturer", None),
        ("device.name", "$device_name", None),
        ("device.type", "$device_type", None),
        ("app.version", "$app_version", None),
        ("app.name", "$app_name", None),
        ("app.build", "$app_build", None),
        ("app.namespace", "$app_namespace", None),
        ("screen.width", "$screen_width", None),
        ("screen.height", "$screen_height", None),
        ("locale", "$locale", None),
        ("timezone", "$timezone", None),
        ("network.carrier", "$network_carrier", None),
        ("library.name", "$lib", None),
        ("library.version", "$lib_version", None),
        ("sessionId", "$session_id", to_uuid_v7),
    )
)

PAGE_ROWS: Final = (
    *(Field((f"properties.{name}", name), f"{_AT}.{name}") for name in ("name", "category")),
    Field(("properties.title", "context.page.title"), f"{_AT}.title"),
    # A server's page call has no context.page; what it says of the page is in the properties.
    Field("properties.url", f"{_AT}.$current_url"),
    Field("properties.url", f"{_AT}.$host", convert.to_host),
    Field("properties.path", f"{_AT}.$pathname"),
    Field("properties.referrer", f"{_AT}.$referrer"),
    Field("properties.referrer", f"{_AT}.$referring_domain", convert.to_host),
)
SCREEN_ROWS: Final = (
    Field(("name", "properties.name"), f"{_AT}.$screen_name", convert.not_blank),
    *(Field((f"properties.{name}", name), f"{_AT}.{name}") for name in ("name", "category")),
)


_MAY_MAKE_PROFILE: Final[Mapping[str, Callable[[Event], bool]]] = {
    "identified_only": is_identified,
    "always": is_somebody,
}
"""By `person_profiles`, of which "never" is the other."""


def _table(settings: Settings, rows: Sequence[Field] = ()) -> Table:
    groups = Field("context.groupId", f"{_AT}.$groups.{settings.group_type}", convert.to_id)
    return Table(
        (*EVENT_ROWS, *CONTEXT_ROWS, groups, *rows),
        (Custom("properties", _AT, property_name, _RESERVED_PROPERTIES),),
    )


def track_table(settings: Settings) -> Table:
    return _table(settings)


def page_table(settings: Settings) -> Table:
    return _table(settings, PAGE_ROWS)


def screen_table(settings: Settings) -> Table:
    return _table(settings, SCREEN_ROWS)


def build_track(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    name = (event.event or "").strip()
    if name in _RESERVED_EVENTS:
        return Skip(f"{name} is an event with which PostHog changes people or groups")
    return _make(name, event, fields, settings)


def build_page(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    return _make("$pageview", event, fields, settings)


def build_screen(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    return _make("$screen", event, fields, settings)


def _make(name: str, event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    """The payload, with word on whether the event may make a profile for whoever did it."""
    may_make_one = _MAY_MAKE_PROFILE.get(settings.person_profiles)
    if may_make_one is None or not may_make_one(event):
        fields.setdefault("properties", {})["$process_person_profile"] = False
    return make_payload(name, fields, settings)
