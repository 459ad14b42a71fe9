"""ActiveCampaign: contacts with their fields, lists and tags; accounts; event tracking.

Source: facts/vendors/activecampaign.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.activecampaign import conversation, events, mapping, wire
from plugins.activecampaign.settings import Settings
from router.plugin import Action, BatchEndpoint, ConversationEndpoint, CredentialCheck, Plugin, Skip, hookimpl

# All that writes at once is one endpoint, because the account has one limit for it.
PLUGIN = Plugin(
    slug="activecampaign",
    name="ActiveCampaign",
    settings=Settings,
    endpoints=(
        ConversationEndpoint(
            name="contacts and accounts",
            converse=conversation.converse,
            credentials=wire.credentials,
            rate_limit_per_s=wire.REQUESTS_PER_S,
        ),
        BatchEndpoint(
            name="imports",
            pack=wire.pack_contacts,
            judge=wire.judge_import,
            credentials=wire.credentials,
            rate_limit_per_s=wire.IMPORTS_PER_S,
            max_events=wire.MAX_CONTACTS,
            max_bytes=wire.MAX_BYTES,
        ),
        BatchEndpoint(
            name="event tracking",
            origin=wire.tracking_origin,
            pack=wire.pack_event,
            judge=wire.judge_event,
            credentials=wire.tracking_credentials,
            rate_limit_per_s=wire.REQUESTS_PER_S,
        ),
    ),
    actions=(
        Action(
            name="write contact",
            on=("identify",),
            endpoint="contacts and accounts",
            table=mapping.contact_table,
            build=mapping.build_contact,
        ),
        Action(
            name="import contacts in bulk",
            on=("identify",),
            endpoint="imports",
            table=mapping.contact_table,
            build=mapping.build_contact_of_bulk,
        ),
        Action(
            name="write account",
            on=("group",),
            endpoint="contacts and accounts",
            table=mapping.account_table,
            build=mapping.build_account,
        ),
        Action(
            name="note event on contact",
            on=("track", "page", "screen"),
            endpoint="contacts and accounts",
            table=events.event_table,
            build=events.build_event,
        ),
        Action(
            name="add event name",
            on=("track", "page", "screen"),
            endpoint="contacts and accounts",
            table=events.NAMED,
            build=events.build_name,
        ),
        Action(
            name="track event",
            on=("track", "page", "screen"),
            endpoint="event tracking",
            table=events.TRACKED,
            build=events.build_tracked,
        ),
    ),
    sandbox="plugins.activecampaign.sandbox:ActiveCampaignSandbox",
    sandbox_settings={
        "account_url": "https://sandbox.api-us1.com",
        "api_key": "sandbox-key",
        "fields": {
            "age": "1:number",
            "birthday": "2:date",
            "createdAt": "3:datetime",
            "title": "4",
            "plan": "Plan",
        },
        "group_fields": {"plan": "1", "employees": "2:number"},
        "lists": ["1"],
        "events": {
            "Order Completed": {"tags": ["customer"], "fields": {"revenue": "5:number", "timestamp": "6:datetime"}},
            "Viewed Shop Pricing Page": {"tags": ["saw pricing"]},
            "Viewed Home Screen": {"tags": ["uses the app"]},
        },
        "actid": "25000001",
        "event_key": "sandbox-event-key",
    },
    website="https://www.activecampaign.com",
    historical=Skip("ActiveCampaign takes it as of now, and may start an automation because of it"),
    credential_check=CredentialCheck(
        request=wire.check_credentials, endpoint="contacts and accounts", is_good=wire.is_good
    ),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
