"""Userpilot: users, their companies and their events.

Source: facts/vendors/userpilot.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.userpilot import events, mapping, wire
from plugins.userpilot.settings import Settings
from router.plugin import Action, BatchEndpoint, CredentialCheck, Plugin, Skip, hookimpl, pack_one


def _endpoint(name: str, shared_rate: str, *path: str) -> BatchEndpoint:
    return BatchEndpoint(
        name=name,
        credentials=wire.credentials,
        pack=pack_one("POST", "v1", *path, headers=wire.HEADERS),
        judge=wire.judge,
        are_bodies_opaque=True,
        rate_limit_per_s=wire.RATE_LIMIT_PER_S,
        shared_rate=shared_rate,
    )


# Userpilot knows an event's user only once they were identified, so the endpoints are not independent.
PLUGIN = Plugin(
    slug="userpilot",
    name="Userpilot",
    aliases=("Userpilot Cloud (Actions)", "Userpilot Cloud"),
    settings=Settings,
    endpoints=(
        _endpoint("users", "identify", "identify"),
        _endpoint("companies", "identify", "companies", "identify"),
        _endpoint("events", "", "track"),
    ),
    actions=(
        Action(
            name="identify user",
            on=("identify",),
            endpoint="users",
            table=mapping.USER,
            build=mapping.build_user,
        ),
        Action(
            name="identify company",
            on=("group",),
            endpoint="companies",
            table=mapping.COMPANY,
            build=mapping.build_company,
        ),
        Action(
            name="add user to company",
            on=("group",),
            endpoint="users",
            table=mapping.MEMBER,
            build=mapping.build_member,
        ),
        Action(name="track event", on=("track",), endpoint="events", table=events.TRACK, build=events.build_track),
        Action(
            name="track view",
            on=("page", "screen"),
            endpoint="events",
            table=events.VIEW,
            build=events.build_view,
        ),
    ),
    sandbox="plugins.userpilot.sandbox:UserpilotSandbox",
    sandbox_settings={"api_key": "sandbox-key"},
    website="https://userpilot.com",
    historical=Skip("Userpilot takes it as of now, and may show something because of it"),
    credential_check=CredentialCheck(request=wire.check_credentials, endpoint="users"),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
