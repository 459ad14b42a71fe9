"""Salesforce: people as leads or contacts, groups as accounts, events as records of an object of yours.

Source: facts/vendors/salesforce.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.salesforce import mapping, talk, wire
from plugins.salesforce.settings import Settings
from router.plugin import Action, BatchEndpoint, ConversationEndpoint, CredentialCheck, Plugin, Skip, hookimpl

# Both endpoints write the same records: which one an event takes depends on what it holds, so their order counts.
PLUGIN = Plugin(
    slug="salesforce",
    name="Salesforce",
    aliases=("Salesforce (Actions)", "Actions Salesforce"),
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="collections",
            credentials=wire.credentials,
            pack=wire.pack,
            judge=wire.judge,
            max_events=wire.MAX_RECORDS,
            max_bytes=wire.MAX_BYTES,
        ),
        ConversationEndpoint(name="records", credentials=wire.credentials, converse=talk.converse),
    ),
    actions=(
        Action(
            name="upsert person",
            on=("identify",),
            endpoint="collections",
            table=mapping.person_table,
            build=mapping.build_person_for_batch,
        ),
        Action(
            name="find and write person",
            on=("identify",),
            endpoint="records",
            table=mapping.person_table,
            build=mapping.build_person_by_itself,
        ),
        Action(
            name="upsert account",
            on=("group",),
            endpoint="collections",
            table=mapping.account_table,
            build=mapping.build_account_for_batch,
        ),
        Action(
            name="write account",
            on=("group",),
            endpoint="records",
            table=mapping.account_table,
            build=mapping.build_account_by_itself,
        ),
        Action(
            name="track event",
            on=("track",),
            endpoint="collections",
            table=mapping.event_table,
            build=mapping.build_event,
        ),
    ),
    sandbox="plugins.salesforce.sandbox:SalesforceSandbox",
    sandbox_settings={
        "domain": "sandbox.my.salesforce.com",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "external_id_field": "Router_User_Id__c",
        "account_external_id_field": "Router_Group_Id__c",
        "custom_fields": {"plan": "Plan__c"},
    },
    website="https://www.salesforce.com",
    historical=Skip("a flow or a rule of the org may run because of it, however old it is"),
    credential_check=CredentialCheck(request=wire.check_request, endpoint="collections"),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
