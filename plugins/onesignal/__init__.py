"""OneSignal: users with their tags and subscriptions, and custom events.

Source: facts/vendors/onesignal.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.onesignal import events, identity, mapping, wire
from plugins.onesignal.settings import Settings
from router.plugin import Action, BatchEndpoint, CredentialCheck, Plugin, Skip, hookimpl

# An event needs its user to be there, and a user its new id before more is written: the endpoints depend on each other.
PLUGIN = Plugin(
    slug="onesignal",
    name="OneSignal",
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="users",
            credentials=wire.credentials,
            pack=wire.pack_users,
            judge=wire.judge_users,
            max_events=wire.MAX_MERGED,
            max_bytes=wire.MAX_BYTES,
            rate_limit_per_s=wire.USER_RATE_PER_S,
            shared_rate=wire.USERS,
        ),
        BatchEndpoint(
            name="events",
            credentials=wire.credentials,
            pack=wire.pack_events,
            judge=wire.judge_events,
            max_events=wire.MAX_EVENTS,
            max_bytes=wire.MAX_BYTES,
            max_payload_bytes=wire.MAX_EVENT_BYTES,
        ),
        BatchEndpoint(
            name="identity",
            credentials=wire.credentials,
            pack=wire.pack_identity,
            judge=wire.judge_identity,
            rate_limit_per_s=wire.USER_RATE_PER_S,
            shared_rate=wire.USERS,
        ),
    ),
    actions=(
        Action(
            name="join ids",
            on=("identify",),
            endpoint="identity",
            table=identity.PAIR,
            build=identity.build_pair,
        ),
        Action(
            name="update user",
            on=("identify",),
            endpoint="users",
            table=mapping.user_table,
            build=mapping.build_user,
        ),
        Action(name="track event", on=("track",), endpoint="events", table=events.EVENT, build=events.build_event),
        Action(name="tag event", on=("track",), endpoint="users", table=events.TAG, build=events.build_tag),
        Action(name="track view", on=("page", "screen"), endpoint="events", table=events.VIEW, build=events.build_view),
        Action(name="tag group", on=("group",), endpoint="users", table=mapping.GROUP, build=mapping.build_group),
        Action(
            name="rename user",
            on=("alias",),
            endpoint="identity",
            table=identity.ALIAS,
            build=identity.build_alias,
        ),
    ),
    sandbox="plugins.onesignal.sandbox:OneSignalSandbox",
    sandbox_settings={"app_id": "00000000-0000-4000-8000-000000000001", "api_key": "sandbox-key"},
    website="https://onesignal.com",
    historical=Skip("OneSignal may start a journey because of it, however old it is"),
    credential_check=CredentialCheck(request=wire.view_segments, endpoint="users"),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
