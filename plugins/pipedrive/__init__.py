"""Pipedrive: people, organizations, and notes of what somebody did.

Source: facts/vendors/pipedrive.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plugins.pipedrive import conversation, mapping, wire
from plugins.pipedrive.settings import Settings
from router.plugin import Action, Conversation, ConversationEndpoint, CredentialCheck, Payload, Plugin, Skip, hookimpl


def _endpoint(name: str, converse: Callable[[Payload, Settings], Conversation]) -> ConversationEndpoint:
    return ConversationEndpoint(
        name=name,
        converse=converse,
        credentials=wire.credentials,
        rate_limit_per_s=wire.REQUESTS_PER_S,
        shared_rate="account",
        reset_header=wire.RESET_HEADER,
    )


# A note and a link need their person to be there first, so the endpoints depend on each other.
PLUGIN = Plugin(
    slug="pipedrive",
    name="Pipedrive",
    aliases=("Pipedrive (Actions)", "Actions Pipedrive"),
    settings=Settings,
    endpoints=(
        _endpoint("persons", conversation.converse_person),
        _endpoint("organizations", conversation.converse_organization),
        _endpoint("notes", conversation.converse_note),
    ),
    actions=(
        Action(
            name="write person",
            on=("identify",),
            endpoint="persons",
            table=mapping.person_table,
            build=mapping.build_person,
        ),
        Action(
            name="write organization",
            on=("group",),
            endpoint="organizations",
            table=mapping.organization_table,
            build=mapping.build_organization,
        ),
        Action(
            name="add note",
            on=("track",),
            endpoint="notes",
            table=mapping.note_table,
            build=mapping.build_note,
        ),
    ),
    sandbox="plugins.pipedrive.sandbox:PipedriveSandbox",
    sandbox_settings={
        "company_domain": "sandbox",
        "api_token": "sandbox-token",
        "person_id_field": "a0" * 20,
        "organization_id_field": "b0" * 20,
        "fields": {
            "title": {"key": "a1" * 20},
            "birthday": {"key": "a2" * 20, "type": "date"},
            "age": {"key": "a3" * 20, "type": "double"},
            "address": {"key": "a4" * 20, "type": "address"},
            "plan": {"key": "a5" * 20, "type": "enum", "options": {"free": 27, "gold": 28}},
        },
        "group_fields": {
            "website": {"key": "b1" * 20},
            "employees": {"key": "b2" * 20, "type": "double"},
        },
        "company_organizations": True,
        "notes": ["Order Completed"],
    },
    website="https://www.pipedrive.com",
    historical=Skip("an automation of the account may run because of it, however old it is"),
    credential_check=CredentialCheck(request=wire.check_credentials, endpoint="persons", is_good=wire.is_good),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
