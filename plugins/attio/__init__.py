"""Attio: people and companies, and the users and workspaces of a product.

Source: facts/vendors/attio.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.attio import conversation, mapping, wire
from plugins.attio.settings import Settings
from router.plugin import Action, ConversationEndpoint, CredentialCheck, Plugin, Skip, hookimpl

PLUGIN = Plugin(
    slug="attio",
    name="Attio",
    aliases=("Attio (Actions)",),
    settings=Settings,
    endpoints=(
        # One for all: a workspace needs its company and its user to be there first.
        ConversationEndpoint(
            name="records",
            converse=conversation.converse,
            credentials=wire.credentials,
            rate_limit_per_s=wire.WRITES_PER_S,
        ),
    ),
    actions=(
        Action(
            name="write person",
            on=("identify",),
            endpoint="records",
            table=mapping.person_table,
            build=mapping.build_person,
        ),
        Action(
            name="write company",
            on=("group",),
            endpoint="records",
            table=mapping.company_table,
            build=mapping.build_company,
        ),
        Action(
            name="write workspace",
            on=("group",),
            endpoint="records",
            table=mapping.workspace_table,
            build=mapping.build_workspace,
        ),
    ),
    sandbox="plugins.attio.sandbox:AttioSandbox",
    sandbox_settings={
        "access_token": "sandbox-token",
        "use_users_object": True,
        "use_workspaces_object": True,
    },
    website="https://attio.com",
    historical=Skip("Attio may start a workflow because of it, however old it is"),
    credential_check=CredentialCheck(request=wire.check_credentials, endpoint="records", is_good=wire.is_active),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
