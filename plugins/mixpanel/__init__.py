"""Mixpanel: events, user profiles and group profiles.

Source: facts/vendors/mixpanel.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.mixpanel import events, identity, mapping, wire
from plugins.mixpanel.settings import Settings
from router.plugin import Action, BatchEndpoint, Harmless, Plugin, hookimpl

# Group profiles are keyed by group and joined to events when a report is made: their order among other requests is of no
# account. Events and profiles keep theirs. In simplified id merge they need not (a profile update joins nothing, and only a
# userId has a profile); but in original id merge an alias decides which profile a userId means, and a profile update that
# overtakes it would be written to another one for good.
PLUGIN = Plugin(
    slug="mixpanel",
    name="Mixpanel",
    aliases=("Mixpanel (Actions)", "Mixpanel (Legacy)"),
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="events",
            credentials=wire.import_credentials,
            pack=wire.pack_events,
            judge=wire.judge,
            are_bodies_opaque=True,
            max_events=wire.MAX_EVENTS,
            max_bytes=wire.MAX_BYTES,
            max_payload_bytes=wire.MAX_PAYLOAD_BYTES,
        ),
        BatchEndpoint(
            name="profiles",
            credentials=wire.update_credentials,
            pack=wire.pack_profiles,
            judge=wire.judge,
            max_events=wire.MAX_EVENTS,
            max_bytes=wire.MAX_BYTES,
            max_payload_bytes=wire.MAX_PAYLOAD_BYTES,
        ),
        BatchEndpoint(
            name="groups",
            credentials=wire.update_credentials,
            pack=wire.pack_groups,
            judge=wire.judge,
            max_events=wire.MAX_GROUPS,
            max_bytes=wire.MAX_BYTES,
            max_payload_bytes=wire.MAX_PAYLOAD_BYTES,
            is_independent=True,
        ),
    ),
    actions=(
        Action(
            name="update profile",
            on=("identify",),
            endpoint="profiles",
            table=mapping.PROFILE,
            build=mapping.build_profile,
            historical=mapping.HISTORICAL,
        ),
        Action(
            name="join ids",
            on=("identify",),
            endpoint="events",
            table=identity.link_table,
            build=identity.build_link,
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
            name="update group",
            on=("group",),
            endpoint="groups",
            table=mapping.GROUP,
            build=mapping.build_group,
        ),
        Action(
            name="add user to group",
            on=("group",),
            endpoint="profiles",
            table=mapping.MEMBER,
            build=mapping.build_member,
            historical=mapping.HISTORICAL,
        ),
        Action(
            name="alias user",
            on=("alias",),
            endpoint="events",
            table=identity.alias_table,
            build=identity.build_alias,
        ),
    ),
    sandbox="plugins.mixpanel.sandbox:MixpanelSandbox",
    sandbox_settings={"project_token": "sandbox-token"},
    website="https://mixpanel.com",
    historical=Harmless(),  # /import is made for events of any age (section 1)
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
