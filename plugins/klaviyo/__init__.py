"""Klaviyo: profiles and events.

Source: facts/vendors/klaviyo.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.klaviyo import conversation, events, mapping, wire
from plugins.klaviyo.settings import Settings
from router.plugin import Action, BatchEndpoint, ConversationEndpoint, CredentialCheck, Plugin, Skip, hookimpl

# An event updates the profile that it is of, and may start a flow that reads it: the endpoints keep a user's order.
PLUGIN = Plugin(
    slug="klaviyo",
    name="Klaviyo",
    aliases=("Klaviyo (Actions)",),
    settings=Settings,
    endpoints=(
        ConversationEndpoint(
            name="profiles",
            converse=conversation.converse_profile,
            credentials=wire.credentials,
            rate_limit_per_s=wire.PROFILES_PER_S,
            shared_rate=wire.PROFILE_IMPORT,
        ),
        ConversationEndpoint(
            name="members",
            converse=conversation.converse_member,
            credentials=wire.credentials,
            rate_limit_per_s=wire.PROFILES_PER_S,
            shared_rate=wire.PROFILE_IMPORT,
        ),
        BatchEndpoint(
            name="profile jobs",
            pack=wire.pack_profiles,
            judge=wire.judge_profiles,
            credentials=wire.credentials,
            rate_limit_per_s=wire.JOBS_PER_S,
            max_events=wire.MAX_PROFILES,
            max_bytes=wire.MAX_BYTES,
            max_payload_bytes=wire.MAX_PROFILE_BYTES,
        ),
        BatchEndpoint(
            name="events",
            pack=wire.pack_events,
            judge=wire.judge,
            credentials=wire.credentials,
            rate_limit=wire.event_requests_per_s,
            max_events=wire.MAX_EVENTS,
            batch_size=wire.events_a_request,
            max_bytes=wire.MAX_BYTES,
        ),
    ),
    actions=(
        Action(
            name="update profile",
            on=("identify",),
            endpoint="profiles",
            table=mapping.profile_table,
            build=mapping.build_profile,
        ),
        Action(
            name="update profiles in jobs",
            on=("identify",),
            endpoint="profile jobs",
            table=mapping.profile_table,
            build=mapping.build_profile_of_job,
        ),
        Action(
            name="note group on profile",
            on=("group",),
            endpoint="members",
            table=mapping.member_table,
            build=mapping.build_member,
        ),
        Action(
            name="track event",
            on=("track",),
            endpoint="events",
            table=events.event_table,
            build=events.build_event,
            historical=events.historical_event,
        ),
        Action(
            name="track view",
            on=("page", "screen"),
            endpoint="events",
            table=events.view_table,
            build=events.build_view,
            historical=events.historical_event,
        ),
    ),
    sandbox="plugins.klaviyo.sandbox:KlaviyoSandbox",
    sandbox_settings={"private_key": "sandbox-key", "track_views": True, "ecommerce": True},
    website="https://www.klaviyo.com",
    historical=Skip("Klaviyo may start a flow because a profile changes, however old the change is"),
    credential_check=CredentialCheck(request=wire.check_credentials, endpoint="profiles", is_good=wire.is_good),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
