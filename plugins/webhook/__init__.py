"""Webhook: every event, unchanged, to any HTTP endpoint.

Source: facts/vendors/webhook.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.webhook import mapping, wire
from plugins.webhook.settings import MAX_BATCH, Settings
from router.plugin import EVENT_TYPES, WHOLE_EVENT, Action, BatchEndpoint, Plugin, hookimpl

PLUGIN = Plugin(
    slug="webhook",
    name="Webhook",
    aliases=("Webhooks", "Webhooks (Actions)"),
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="url",
            credentials=wire.credentials,
            pack=wire.pack,
            judge=wire.judge,
            are_bodies_opaque=True,
            max_events=MAX_BATCH,
            max_bytes=wire.MAX_BYTES,
            batch_size=wire.batch_size,
        ),
    ),
    actions=tuple(
        Action(name=f"forward {call}", on=(call,), endpoint="url", table=WHOLE_EVENT, build=mapping.build_event)
        for call in EVENT_TYPES
    ),
    sandbox="plugins.webhook.sandbox:WebhookSandbox",
    sandbox_settings={
        "url": "https://receiver.example.test/events",
        # The words "sandbox-signing-secret-of-32-byte" in base64.
        "signing_secret": "whsec_c2FuZGJveC1zaWduaW5nLXNlY3JldC1vZi0zMi1ieXRl",
    },
    website="https://www.standardwebhooks.com",
    historical=wire.historical,
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
