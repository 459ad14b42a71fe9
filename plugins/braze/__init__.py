"""Braze: attributes of users, events, purchases, and the joining of ids.

Source: facts/vendors/braze.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.braze import events, identity, mapping, orders, wire
from plugins.braze.settings import Settings
from router.plugin import Action, BatchEndpoint, CredentialCheck, Plugin, Skip, hookimpl

# Ids are joined before the traits are written and the events come that follow, so the endpoints depend on each other.
PLUGIN = Plugin(
    slug="braze",
    name="Braze",
    aliases=("Appboy", "Braze Cloud Mode (Actions)"),
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="track",
            credentials=wire.credentials,
            pack=wire.pack_track,
            judge=wire.judge_track,
            max_events=wire.MAX_OBJECTS,
            batch_size=wire.batch_size,
            max_bytes=wire.MAX_BYTES,
            max_payload_bytes=wire.MAX_PAYLOAD_BYTES,
            rate_limit_per_s=wire.TRACK_RATE_PER_S,
            reset_header=wire.RESET_HEADER,
        ),
        BatchEndpoint(
            name="identify",
            credentials=wire.credentials,
            pack=wire.pack_identify,
            judge=wire.judge_identify,
            max_events=wire.MAX_PAIRS,
            rate_limit_per_s=wire.IDENTITY_RATE_PER_S,
            reset_header=wire.RESET_HEADER,
        ),
        BatchEndpoint(
            name="merge",
            credentials=wire.credentials,
            pack=wire.pack_merge,
            judge=wire.judge_merge,
            max_events=wire.MAX_PAIRS,
            rate_limit_per_s=wire.IDENTITY_RATE_PER_S,
            reset_header=wire.RESET_HEADER,
        ),
    ),
    actions=(
        Action(
            name="attach anonymous profile",
            on=("identify",),
            endpoint="identify",
            table=identity.PAIR,
            build=identity.build_pair,
        ),
        Action(
            name="update user",
            on=("identify",),
            endpoint="track",
            table=mapping.attributes_table,
            build=mapping.build_attributes,
        ),
        Action(name="track event", on=("track",), endpoint="track", table=events.EVENT, build=events.build_event),
        Action(
            name="track purchase", on=("track",), endpoint="track", table=orders.PURCHASE, build=orders.build_purchases
        ),
        Action(
            name="track shop event",
            on=("track",),
            endpoint="track",
            table=orders.ECOMMERCE,
            build=orders.build_ecommerce,
        ),
        Action(name="track view", on=("page", "screen"), endpoint="track", table=events.VIEW, build=events.build_view),
        Action(
            name="write group to user",
            on=("group",),
            endpoint="track",
            table=mapping.group_table,
            build=mapping.build_group,
        ),
        Action(
            name="attach previous id",
            on=("alias",),
            endpoint="identify",
            table=identity.OLD_ALIAS,
            build=identity.build_old_alias,
        ),
        Action(name="merge users", on=("alias",), endpoint="merge", table=identity.MERGE, build=identity.build_merge),
    ),
    sandbox="plugins.braze.sandbox:BrazeSandbox",
    sandbox_settings={"api_key": "sandbox-key", "instance": "us-01"},
    website="https://www.braze.com",
    historical=Skip("Braze may start a campaign or a Canvas because of it, however old it is"),
    credential_check=CredentialCheck(request=wire.empty_request, endpoint="track", is_good=wire.is_key_good),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
