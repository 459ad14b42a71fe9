"""Acme: people and what they do.

Source: the address of Acme's API documentation, and the day you read it.
"""

from __future__ import annotations

from collections.abc import Sequence

from router.plugin import Action, BatchEndpoint, Plugin, hookimpl

from router_acme import mapping, wire
from router_acme.settings import Settings

PLUGIN = Plugin(
    slug="acme",
    name="Acme",
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="people",
            pack=wire.pack_people,
            judge=wire.judge,
            credentials=wire.credentials,
            max_events=wire.MAX_ITEMS,
            max_bytes=wire.MAX_BYTES,
        ),
        BatchEndpoint(
            name="events",
            pack=wire.pack_events,
            judge=wire.judge,
            credentials=wire.credentials,
            max_events=wire.MAX_ITEMS,
            max_bytes=wire.MAX_BYTES,
        ),
    ),
    actions=(
        Action(
            name="identify person",
            on=("identify",),
            endpoint="people",
            table=mapping.PERSON,
            build=mapping.build_person,
        ),
        Action(
            name="track event",
            on=("track",),
            endpoint="events",
            table=mapping.EVENT,
            build=mapping.build_event,
        ),
    ),
    sandbox="router_acme.sandbox:AcmeSandbox",
    sandbox_settings={"api_key": "sandbox-key"},
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
