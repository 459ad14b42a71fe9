"""Loops: contacts and what they do.

Source: https://loops.so/docs/api-reference (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Sequence

from router.plugin import Action, BatchEndpoint, CredentialCheck, Plugin, Skip, hookimpl

from router_my_loops import mapping, wire
from router_my_loops.settings import Settings

PLUGIN = Plugin(
    slug="my_loops",
    name="My Loops",
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="contacts",
            pack=wire.pack_contact,
            judge=wire.judge,
            credentials=wire.credentials,
            rate_limit_per_s=wire.RATE_LIMIT_PER_S,
        ),
        BatchEndpoint(
            name="events",
            pack=wire.pack_event,
            judge=wire.judge_event,
            credentials=wire.credentials,
            rate_limit_per_s=wire.RATE_LIMIT_PER_S,
        ),
    ),
    actions=(
        Action(
            name="update contact",
            on=("identify",),
            endpoint="contacts",
            table=mapping.CONTACT,
            build=mapping.build_contact,
        ),
        Action(
            name="send event",
            on=("track",),
            endpoint="events",
            table=mapping.EVENT,
            build=mapping.build_event,
        ),
    ),
    sandbox="router_my_loops.sandbox:MyLoopsSandbox",
    sandbox_settings={"api_key": "sandbox-key"},
    credential_check=CredentialCheck(request=wire.check_credentials, endpoint="contacts"),
    historical=Skip("Loops may start a mail because of it, however old it is"),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
