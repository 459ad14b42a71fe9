"""HubSpot: contacts, companies and custom events.

Source: facts/vendors/hubspot.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.hubspot import conversations, events, mapping, wire
from plugins.hubspot.settings import Settings
from router.plugin import Action, BatchEndpoint, ConversationEndpoint, CredentialCheck, Plugin, Skip, hookimpl

# An event and a link need their contact to be there first, so the endpoints depend on each other.
PLUGIN = Plugin(
    slug="hubspot",
    name="HubSpot",
    aliases=("HubSpot Cloud Mode (Actions)",),
    settings=Settings,
    endpoints=(
        ConversationEndpoint(
            name="contacts",
            converse=conversations.converse_contact,
            credentials=wire.credentials,
            rate_limit=wire.requests_per_s,
            shared_rate=wire.ACCOUNT,
        ),
        BatchEndpoint(
            name="contact batches",
            pack=wire.pack_contacts,
            judge=wire.judge_contacts,
            credentials=wire.credentials,
            rate_limit=wire.requests_per_s,
            shared_rate=wire.ACCOUNT,
            max_events=wire.MAX_CONTACTS,
        ),
        ConversationEndpoint(
            name="companies",
            converse=conversations.converse_company,
            credentials=wire.credentials,
            rate_limit=wire.requests_per_s,
            shared_rate=wire.ACCOUNT,
        ),
        ConversationEndpoint(
            name="merges",
            converse=conversations.converse_merge,
            credentials=wire.credentials,
            rate_limit=wire.requests_per_s,
            shared_rate=wire.ACCOUNT,
        ),
        BatchEndpoint(
            name="events",
            pack=wire.pack_events,
            judge=wire.judge_events,
            credentials=wire.credentials,
            rate_limit_per_s=wire.EVENTS_PER_S,
            max_events=wire.MAX_EVENTS,
        ),
        ConversationEndpoint(
            name="events by userId",
            converse=conversations.converse_event,
            credentials=wire.credentials,
            rate_limit=wire.requests_per_s,
            shared_rate=wire.ACCOUNT,
        ),
    ),
    actions=(
        Action(
            name="write contact",
            on=("identify",),
            endpoint="contacts",
            table=mapping.contact_table,
            build=mapping.build_contact,
        ),
        Action(
            name="write contacts in batches",
            on=("identify",),
            endpoint="contact batches",
            table=mapping.contact_table,
            build=mapping.build_contact_of_batch,
        ),
        Action(
            name="write company",
            on=("group",),
            endpoint="companies",
            table=mapping.company_table,
            build=mapping.build_company,
        ),
        Action(
            name="send custom event",
            on=("track", "page", "screen"),
            endpoint="events",
            table=events.EVENT,
            build=events.build_event,
        ),
        Action(
            name="send custom event by userId",
            on=("track", "page", "screen"),
            endpoint="events by userId",
            table=events.EVENT,
            build=events.build_event_of_user,
        ),
        Action(
            name="merge contacts",
            on=("alias",),
            endpoint="merges",
            table=mapping.MERGE,
            build=mapping.build_merge,
        ),
    ),
    sandbox="plugins.hubspot.sandbox:HubspotSandbox",
    sandbox_settings={
        "access_token": "sandbox-token",
        "hub_id": "12345",
        "user_id_property": "user_id",
        "lookup_field": "user_id",
        "create_properties": True,
        "events": {
            "Order Completed": {
                "name": "order_completed",
                "properties": {"order_id": "order_id", "revenue": "amount", "currency": "currency"},
            },
        },
        "page_event": {"name": "viewed_page"},
        "screen_event": {"name": "viewed_screen"},
    },
    website="https://www.hubspot.com",
    historical=Skip("HubSpot may start a workflow because of it, however old it is"),
    credential_check=CredentialCheck(request=wire.check_credentials, endpoint="contacts"),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
