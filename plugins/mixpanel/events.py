"""Track, page and screen calls: from events to Mixpanel's events.

Source: facts/vendors/mixpanel.md sections 4 (reserved names) and 5 (context mapping).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from plugins.mixpanel.identity import EVENT_ROWS, IP_ROW, build_event, known_id, user_rows
from plugins.mixpanel.limits import fit
from plugins.mixpanel.settings import PLACEHOLDER, Settings
from router.plugin import Custom, Document, Event, Field, Payload, Skip, Table, convert

RESERVED_PROPERTIES: Final = frozenset(
    {
        "token",
        "time",
        "$time",
        "distinct_id",
        "$distinct_id",
        "$device_id",
        "$user_id",
        "$insert_id",
        "$event_name",
        "ip",
        "bucket",
        "$bucket",
        "$ignore",
        "$identified_id",
        "$anon_id",
        "alias",
        "$distinct_ids",
        "$source",
        "$partner_id",
        "$import",
        "$city",
        "$region",
    }
)
"""A caller's property of such a name would change whose event it is, or make it vanish (``$ignore``, ``bucket``)."""

_RESERVED_PREFIXES = ("mp_", "$mp_")


def property_name(key: str) -> str | None:
    """The key itself, or None for the names that begin as Mixpanel's own do."""
    return None if key.startswith(_RESERVED_PREFIXES) else key


def to_group_ids(value: Any) -> list[str]:
    """One group id or a list of them, as a list of text; ids that stand for nobody are left out."""
    ids: list[str] = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, bool | float):
            continue
        with suppress(ValueError):
            ids.append(known_id(item))
    if not ids:
        raise ValueError("expected a group id or a list of them")
    return ids


CONTEXT_ROWS: Final = (
    IP_ROW,
    Field("context.campaign.source", "utm_source"),
    Field("context.campaign.medium", "utm_medium"),
    Field("context.campaign.name", "utm_campaign"),
    Field("context.campaign.term", "utm_term"),
    Field("context.campaign.content", "utm_content"),
    Field("context.page.url", "$current_url"),
    Field("context.page.referrer", "$referrer"),
    Field("context.page.referrer", "$referring_domain", convert.to_host),
    Field("context.os.name", "$os"),
    Field("context.os.version", "$os_version"),
    Field("context.device.manufacturer", "$manufacturer"),
    Field("context.device.model", "$model"),
    Field("context.device.name", "$device"),
    Field("context.app.version", "$app_version_string"),
    Field("context.app.build", "$app_build_number"),
    Field("context.app.name", "$app_name"),
    Field("context.app.namespace", "$app_namespace"),
    Field("context.screen.width", "$screen_width"),
    Field("context.screen.height", "$screen_height"),
    Field("context.screen.density", "$screen_dpi"),
    Field("context.network.carrier", "$carrier"),
    Field("context.network.wifi", "$wifi"),
    Field("context.network.bluetooth", "$bluetooth_enabled"),
    Field("context.library.name", "mp_lib"),
    Field("context.library.version", "$lib_version"),
    Field("context.locale", "$locale"),
    Field("context.timezone", "timezone"),
)

_VIEW_ROWS = (
    Field(("name", "properties.name"), "name"),
    Field(("category", "properties.category"), "category"),
)
_PAGE_ROWS = (
    # A server's page call has no context.page; what it says of the page is in the properties.
    Field("properties.url", "$current_url"),
    Field("properties.url", "url"),
    Field("properties.referrer", "$referrer"),
    Field("properties.referrer", "$referring_domain", convert.to_host),
    Field("properties.referrer", "referrer"),
)


def group_rows(settings: Settings) -> tuple[Field, ...]:
    """An event counts for a group when it carries the group's key: from its properties, else from ``context.groupId``."""
    first, *others = settings.group_keys
    return (
        Field((f"properties.{first}", "context.groupId"), first, to_group_ids),
        *(Field(f"properties.{key}", key, to_group_ids) for key in others),
    )


def _table(settings: Settings, rows: tuple[Field, ...] = ()) -> Table:
    """*rows* and those of every event, of which the last wins. Objects and lists stay; null has no meaning on an event."""
    return Table(
        (*rows, *CONTEXT_ROWS, *group_rows(settings), *user_rows(settings), *EVENT_ROWS),
        (Custom("properties", rename=property_name, forbidden=RESERVED_PROPERTIES),),
    )


def track_table(settings: Settings) -> Table:
    return _table(settings)


def screen_table(settings: Settings) -> Table:
    return _table(settings, _VIEW_ROWS)


def page_table(settings: Settings) -> Table:
    return _table(settings, (*_VIEW_ROWS, *_PAGE_ROWS))


def build_track(event: Event, fields: Document, settings: Settings) -> Payload | Skip:
    name = (event.event or "").strip()
    if not name:
        return Skip("a track call without an event name")
    return build_event(name, fields, fit(fields))


def build_page(event: Event, fields: Document, settings: Settings) -> Payload:
    return build_event(view_name(settings.page_event, "Loaded a Page", fields), fields, fit(fields))


def build_screen(event: Event, fields: Document, settings: Settings) -> Payload:
    return build_event(view_name(settings.screen_event, "Loaded a Screen", fields), fields, fit(fields))


def view_name(template: str, otherwise: str, fields: Document) -> str:
    """*template* filled from ``name`` and ``category`` in *fields*; *otherwise* where there is no name to fill it with.

    A missing category leaves no gap: ``Viewed {category} {name} Page`` becomes "Viewed Home Page".
    """
    wanted = PLACEHOLDER.findall(template)
    known = {key: fields[key].strip() for key in wanted if isinstance(fields.get(key), str)}
    if wanted and not known.get("name" if "name" in wanted else "category"):
        return otherwise
    return " ".join(PLACEHOLDER.sub(lambda match: known.get(match[1], ""), template).split())
