"""Customer.io: people, events and objects into Journeys, through the Track API v2 or the Pipelines API."""

from __future__ import annotations

from collections.abc import Sequence

from plugins.customerio import mapping, tables, wire
from plugins.customerio.settings import Settings
from router.plugin import Action, BatchEndpoint, CredentialCheck, Plugin, Skip, hookimpl

PLUGIN = Plugin(
    slug="customerio",
    name="Customer.io",
    aliases=("Customer.io (Actions)", "Customer.io Actions", "Actions Customerio"),
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="batch",
            credentials=wire.credentials,
            pack=wire.pack,
            judge=wire.judge,
            are_bodies_opaque=wire.are_bodies_opaque,
            max_events=wire.MAX_EVENTS,
            max_bytes=wire.MAX_BATCH_BYTES,
            max_payload_bytes=wire.MAX_PAYLOAD_BYTES,
            rate_limit_per_s=wire.RATE_LIMIT_PER_S,
        ),
    ),
    actions=(
        Action(
            name="update person",
            on=("identify",),
            endpoint="batch",
            table=tables.person_table,
            build=mapping.build_person,
        ),
        Action(
            name="track event",
            on=("track",),
            endpoint="batch",
            table=tables.event_table,
            build=mapping.build_event,
            historical=wire.historical_event,
        ),
        Action(
            name="update device",
            on=("identify", "track"),
            endpoint="batch",
            table=tables.DEVICE_TABLE,
            build=mapping.build_device,
        ),
        Action(
            name="view page",
            on=("page",),
            endpoint="batch",
            table=tables.page_table,
            build=mapping.build_page,
            historical=wire.historical_event,
        ),
        Action(
            name="view screen",
            on=("screen",),
            endpoint="batch",
            table=tables.screen_table,
            build=mapping.build_screen,
            historical=wire.historical_event,
        ),
        Action(
            name="update object",
            on=("group",),
            endpoint="batch",
            table=tables.object_table,
            build=mapping.build_object,
        ),
        Action(
            name="merge people",
            on=("alias",),
            endpoint="batch",
            table=tables.MERGE_TABLE,
            build=mapping.build_merge,
        ),
    ),
    sandbox="plugins.customerio.sandbox:CustomerioSandbox",
    sandbox_settings={"site_id": "sandbox-site", "api_key": "sandbox-key"},
    website="https://customer.io",
    historical=Skip("Customer.io may start a campaign because of what it changes, however old it is"),
    credential_check=CredentialCheck(request=wire.check_credentials, endpoint="batch", is_good=wire.is_known),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
