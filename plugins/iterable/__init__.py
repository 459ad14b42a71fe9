"""Iterable: users, events, purchases, carts and push tokens.

Source: facts/vendors/iterable.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.iterable import events, identity, mapping, orders, wire
from plugins.iterable.settings import Settings
from router.plugin import Action, BatchEndpoint, Plugin, Skip, hookimpl, pack_one

# An event needs its user to be there, and a purchase empties the cart: the endpoints depend on each other. What goes to any but
# that of users may come before Iterable has written the user.
PLUGIN = Plugin(
    slug="iterable",
    name="Iterable",
    aliases=("Iterable (Actions)",),
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="users",
            credentials=wire.credentials,
            pack=wire.pack_users,
            judge=wire.judge,
            max_events=wire.MAX_ITEMS,
            batch_size=wire.batch_size,
            max_bytes=wire.MAX_BYTES,
            rate_limit=wire.user_rate,
        ),
        BatchEndpoint(
            name="events",
            credentials=wire.credentials,
            pack=wire.pack_events,
            judge=wire.judge_in_order,
            max_events=wire.MAX_ITEMS,
            batch_size=wire.batch_size,
            max_bytes=wire.MAX_BYTES,
            rate_limit=wire.event_rate,
        ),
        BatchEndpoint(
            name="purchases",
            credentials=wire.credentials,
            pack=pack_one("POST", "api", "commerce", "trackPurchase"),
            judge=wire.judge_in_order,
            max_bytes=wire.MAX_BYTES,
        ),
        BatchEndpoint(
            name="carts",
            credentials=wire.credentials,
            pack=pack_one("POST", "api", "commerce", "updateCart"),
            judge=wire.judge_in_order,
            max_bytes=wire.MAX_BYTES,
        ),
        BatchEndpoint(
            name="devices",
            credentials=wire.credentials,
            pack=pack_one("POST", "api", "users", "registerDeviceToken"),
            judge=wire.judge_in_order,
            max_bytes=wire.MAX_BYTES,
        ),
        BatchEndpoint(
            name="merge",
            credentials=wire.credentials,
            pack=pack_one("POST", "api", "users", "merge"),
            judge=wire.judge_in_order,
            max_bytes=wire.MAX_BYTES,
            rate_limit_per_s=wire.MERGE_RATE_PER_S,
        ),
    ),
    actions=(
        Action(
            name="update user",
            on=("identify",),
            endpoint="users",
            table=mapping.user_table,
            build=mapping.build_user,
        ),
        Action(
            name="register device",
            on=("identify", "track"),
            endpoint="devices",
            table=mapping.DEVICE,
            build=mapping.build_device,
        ),
        Action(name="track event", on=("track",), endpoint="events", table=events.EVENT, build=events.build_event),
        Action(
            name="track purchase",
            on=("track",),
            endpoint="purchases",
            table=orders.PURCHASE,
            build=orders.build_purchase,
        ),
        Action(name="update cart", on=("track",), endpoint="carts", table=orders.CART, build=orders.build_cart),
        Action(name="track view", on=("page", "screen"), endpoint="events", table=events.VIEW, build=events.build_view),
        Action(
            name="write group to user",
            on=("group",),
            endpoint="users",
            table=mapping.group_table,
            build=mapping.build_group,
        ),
        Action(name="merge users", on=("alias",), endpoint="merge", table=identity.MERGE, build=identity.build_merge),
    ),
    sandbox="plugins.iterable.sandbox:IterableSandbox",
    sandbox_settings={"api_key": "sandbox-key", "identity": "hybrid"},
    website="https://iterable.com",
    historical=Skip("Iterable may start a journey because of it, however old it is"),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
