"""Amplitude: events, user properties and group properties, all of them events of one stream.

Source: facts/vendors/amplitude.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.amplitude import events, identity, mapping, wire
from plugins.amplitude.settings import Settings
from router.plugin import Action, BatchEndpoint, Harmless, Plugin, hookimpl

PLUGIN = Plugin(
    slug="amplitude",
    name="Amplitude",
    aliases=("Amplitude (Actions)", "Actions Amplitude"),
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="events",
            credentials=wire.credentials,
            pack=wire.pack,
            judge=wire.judge,
            max_events=max(wire.MAX_EVENTS.values()),
            max_bytes=wire.MAX_BYTES,
            rate_limit_per_s=wire.RATE_LIMIT_PER_S,
            batch_size=wire.batch_size,
        ),
    ),
    actions=(
        # First: what a property of the user says counts for later events only.
        Action(
            name="remember origin",
            on=("identify", "track", "page", "screen"),
            endpoint="events",
            table=events.origin_table,
            build=events.build_origin,
        ),
        Action(
            name="identify user",
            on=("identify",),
            endpoint="events",
            table=mapping.user_table,
            build=mapping.build_user,
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
            build=events.build_view,
        ),
        Action(
            name="track screen",
            on=("screen",),
            endpoint="events",
            table=events.screen_table,
            build=events.build_view,
        ),
        Action(
            name="update group",
            on=("group",),
            endpoint="events",
            table=mapping.group_table,
            build=mapping.build_group,
        ),
        Action(
            name="add user to group",
            on=("group",),
            endpoint="events",
            table=mapping.member_table,
            build=mapping.build_member,
        ),
        Action(
            name="join ids",
            on=("alias",),
            endpoint="events",
            table=identity.alias_table,
            build=identity.build_alias,
        ),
    ),
    sandbox="plugins.amplitude.sandbox:AmplitudeSandbox",
    sandbox_settings={"api_key": "sandbox-key"},
    website="https://amplitude.com",
    historical=Harmless(),  # an event of any age is filed under its `time` (section 6)
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
