"""Facebook Conversions API: events for Meta's ads, with what finds the person behind them.

Source: facts/vendors/facebook-conversions-api.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.facebook_conversions import mapping, wire
from plugins.facebook_conversions.settings import Settings
from router.plugin import Action, BatchEndpoint, Plugin, hookimpl

PLUGIN = Plugin(
    slug="facebook_conversions",
    name="Facebook Conversions API",
    aliases=("Facebook Conversions API (Actions)", "Actions Facebook Conversions API", "Facebook Conversions"),
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="events",
            credentials=wire.credentials,
            pack=wire.pack,
            judge=wire.judge,
            max_events=wire.MAX_EVENTS,
            max_bytes=wire.MAX_BYTES,
        ),
    ),
    actions=(
        Action(
            name="track event",
            on=("track",),
            endpoint="events",
            table=mapping.event_table,
            build=mapping.build_track,
        ),
        Action(
            name="track page",
            on=("page",),
            endpoint="events",
            table=mapping.view_table,
            build=mapping.build_page,
        ),
        Action(
            name="track screen",
            on=("screen",),
            endpoint="events",
            table=mapping.view_table,
            build=mapping.build_screen,
        ),
    ),
    sandbox="plugins.facebook_conversions.sandbox:FacebookSandbox",
    sandbox_settings={"pixel_id": "123456789", "access_token": "sandbox-token"},
    website="https://developers.facebook.com/docs/marketing-api/conversions-api",
    historical=mapping.historical,
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
