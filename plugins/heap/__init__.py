"""Heap: events, and the properties of users and accounts.

Source: facts/vendors/heap.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.heap import events, mapping, wire
from plugins.heap.settings import Settings
from router.plugin import Action, BatchEndpoint, Harmless, Plugin, hookimpl

# Properties are of a user or an account and not of events, and Heap joins the two whichever comes first: the order of the
# endpoints is of no account.
PLUGIN = Plugin(
    slug="heap",
    name="Heap",
    aliases=("Heap (Actions)", "Heap Cloud", "Heap Cloud (Actions)", "Heap.io"),
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="events",
            credentials=wire.credentials,
            pack=wire.pack_events,
            judge=wire.judge,
            are_bodies_opaque=True,
            max_events=wire.MAX_EVENTS,
            rate_limit_per_s=wire.EVENT_RATE_PER_S,
        ),
        BatchEndpoint(
            name="users",
            credentials=wire.credentials,
            pack=wire.pack_users,
            judge=wire.judge,
            max_events=wire.MAX_ITEMS,
            is_independent=True,
        ),
        BatchEndpoint(
            name="accounts",
            credentials=wire.credentials,
            pack=wire.pack_accounts,
            judge=wire.judge,
            max_events=wire.MAX_ITEMS,
            is_independent=True,
        ),
    ),
    actions=(
        Action(
            name="update user",
            on=("identify",),
            endpoint="users",
            table=mapping.USER,
            build=mapping.build_user,
        ),
        Action(name="track event", on=("track",), endpoint="events", table=events.TRACK, build=events.build_track),
        Action(name="track page", on=("page",), endpoint="events", table=events.PAGE, build=events.build_page),
        Action(name="track screen", on=("screen",), endpoint="events", table=events.SCREEN, build=events.build_screen),
        Action(
            name="update account",
            on=("group",),
            endpoint="accounts",
            table=mapping.ACCOUNT,
            build=mapping.build_account,
        ),
        Action(
            name="add user to account",
            on=("group",),
            endpoint="users",
            table=mapping.MEMBER,
            build=mapping.build_member,
        ),
    ),
    sandbox="plugins.heap.sandbox:HeapSandbox",
    sandbox_settings={"app_id": "1234567890"},
    website="https://heap.io",
    historical=Harmless(),  # an event is filed under its `timestamp`, and Heap analyses: it writes to nobody
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
