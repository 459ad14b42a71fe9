"""Userlist: users, the companies they are of, and what they do.

Source: facts/vendors/userlist.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.userlist import events, mapping, wire
from plugins.userlist.settings import Settings
from router.plugin import Action, BatchEndpoint, Plugin, Skip, hookimpl, pack_one


def _endpoint(name: str) -> BatchEndpoint:
    return BatchEndpoint(
        name=name,
        credentials=wire.credentials,
        pack=pack_one("POST", name),
        judge=wire.judge,
        max_bytes=mapping.MAX_BYTES,
        rate_limit_per_s=wire.REQUESTS_PER_S,
        shared_rate="requests",
    )


# Calls name users and companies that others describe, and the last word counts: the endpoints depend on each other.
PLUGIN = Plugin(
    slug="userlist",
    name="Userlist",
    settings=Settings,
    endpoints=(_endpoint("users"), _endpoint("companies"), _endpoint("events")),
    actions=(
        Action(name="update user", on=("identify",), endpoint="users", table=mapping.USER, build=mapping.build_user),
        Action(
            name="write company",
            on=("group",),
            endpoint="companies",
            table=mapping.COMPANY,
            build=mapping.build_company,
        ),
        Action(name="track event", on=("track",), endpoint="events", table=events.EVENT, build=events.build_event),
        Action(name="track view", on=("page", "screen"), endpoint="events", table=events.VIEW, build=events.build_view),
    ),
    sandbox="plugins.userlist.sandbox:UserlistSandbox",
    sandbox_settings={"push_key": "sandbox-key"},
    website="https://userlist.com",
    historical=Skip("Userlist may start a campaign because of it, however old it is"),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
