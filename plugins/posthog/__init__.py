"""PostHog: events, people and groups, all of them events of one batch.

Source: facts/vendors/posthog.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.posthog import events, identity, mapping, wire
from plugins.posthog.settings import Settings
from router.plugin import Action, BatchEndpoint, Marked, Plugin, hookimpl

PLUGIN = Plugin(
    slug="posthog",
    name="PostHog",
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="events",
            credentials=wire.credentials,
            pack=wire.pack,
            judge=wire.judge,
            max_events=wire.MAX_EVENTS,
            max_bytes=wire.MAX_BYTES,
            max_payload_bytes=wire.MAX_PAYLOAD_BYTES,
        ),
    ),
    actions=(
        Action(
            name="identify person",
            on=("identify",),
            endpoint="events",
            table=mapping.person_table,
            build=mapping.build_person,
        ),
        Action(
            name="track event",
            on=("track",),
            endpoint="events",
            table=events.track_table,
            build=events.build_track,
        ),
        Action(
            name="track page",
            on=("page",),
            endpoint="events",
            table=events.page_table,
            build=events.build_page,
        ),
        Action(
            name="track screen",
            on=("screen",),
            endpoint="events",
            table=events.screen_table,
            build=events.build_screen,
        ),
        Action(
            name="identify group",
            on=("group",),
            endpoint="events",
            table=mapping.group_table,
            build=mapping.build_group,
        ),
        Action(
            name="alias person",
            on=("alias",),
            endpoint="events",
            table=identity.ALIAS,
            build=identity.build_alias,
        ),
    ),
    sandbox="plugins.posthog.sandbox:PosthogSandbox",
    sandbox_settings={"api_key": "phc_sandbox"},
    website="https://posthog.com",
    historical=Marked("historical_migration", wire.mark_historical),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
