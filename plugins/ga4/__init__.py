"""Google Analytics 4: events through the Measurement Protocol, with what may be said of the user beside them.

Source: facts/vendors/ga4.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.ga4 import commerce, events, mapping, wire
from plugins.ga4.settings import Settings
from router.plugin import Action, BatchEndpoint, Harmless, Plugin, hookimpl

PLUGIN = Plugin(
    slug="ga4",
    name="Google Analytics 4",
    aliases=("Google Analytics 4 Cloud", "Actions Google Analytics 4", "Actions Google Analytic 4"),
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="collect",
            credentials=wire.credentials,
            pack=wire.pack,
            judge=wire.judge,
            max_events=wire.MAX_EVENTS,
            max_bytes=wire.MAX_BYTES,
        ),
    ),
    actions=(
        # First: what brought a visitor is told before what the visitor does.
        Action(
            name="tell campaign",
            on=("track", "page"),
            endpoint="collect",
            table=events.campaign_table,
            build=events.build_campaign,
        ),
        Action(
            name="track event",
            on=("track",),
            endpoint="collect",
            table=events.track_table,
            build=events.build_track,
        ),
        Action(
            name="track commerce event",
            on=("track",),
            endpoint="collect",
            table=commerce.commerce_table,
            build=commerce.build_commerce,
        ),
        Action(
            name="track page",
            on=("page",),
            endpoint="collect",
            table=events.page_table,
            build=events.build_page,
        ),
        Action(
            name="track screen",
            on=("screen",),
            endpoint="collect",
            table=events.screen_table,
            build=events.build_screen,
        ),
        Action(
            name="join group",
            on=("group",),
            endpoint="collect",
            table=mapping.group_table,
            build=mapping.build_group,
        ),
        Action(
            name="tell user",
            on=("identify",),
            endpoint="collect",
            table=mapping.user_table,
            build=mapping.build_user,
        ),
    ),
    sandbox="plugins.ga4.sandbox:Ga4Sandbox",
    sandbox_settings={
        "measurement_id": "G-SANDBOX1",
        "api_secret": "sandbox-secret",
        "identify_event": "identify",
        "user_properties": ["age", "company.industry", "company.plan", "createdAt", "gender", "title", "plan_tier"],
        "user_data": True,
        "send_screens": True,
    },
    website="https://developers.google.com/analytics",
    historical=Harmless(until_s=72 * 3_600),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
