"""Zendesk Support: users, organizations, and what happened as events of their profiles.

Source: facts/vendors/zendesk.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.zendesk import conversation, events, mapping, wire
from plugins.zendesk.settings import Settings
from router.plugin import Action, BatchEndpoint, ConversationEndpoint, CredentialCheck, Plugin, Skip, hookimpl

# A membership needs its user to be there first, so the endpoints depend on each other.
PLUGIN = Plugin(
    slug="zendesk",
    name="Zendesk",
    settings=Settings,
    endpoints=(
        ConversationEndpoint(
            name="users",
            converse=conversation.converse_user,
            credentials=wire.credentials,
            rate_limit=wire.requests_per_s,
            shared_rate=wire.ACCOUNT,
            reset_header=wire.RESET_HEADER,
        ),
        ConversationEndpoint(
            name="organizations",
            converse=conversation.converse_organization,
            credentials=wire.credentials,
            rate_limit=wire.requests_per_s,
            shared_rate=wire.ACCOUNT,
            reset_header=wire.RESET_HEADER,
        ),
        ConversationEndpoint(
            name="merges",
            converse=conversation.converse_merge,
            credentials=wire.credentials,
            rate_limit=wire.requests_per_s,
            shared_rate=wire.ACCOUNT,
            reset_header=wire.RESET_HEADER,
        ),
        BatchEndpoint(
            name="events",
            pack=wire.pack_event,
            judge=wire.judge_event,
            credentials=wire.credentials,
            rate_limit=wire.events_per_s,
            reset_header=wire.RESET_HEADER,
            max_events=1,
        ),
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
            name="update organization",
            on=("group",),
            endpoint="organizations",
            table=mapping.ORGANIZATION,
            build=mapping.build_organization,
        ),
        Action(
            name="track event",
            on=("track",),
            endpoint="events",
            table=events.EVENT,
            build=events.build_event,
        ),
        Action(
            name="track view",
            on=("page", "screen"),
            endpoint="events",
            table=events.VIEW,
            build=events.build_view,
        ),
        Action(
            name="merge users",
            on=("alias",),
            endpoint="merges",
            table=mapping.MERGE,
            build=mapping.build_merge,
        ),
    ),
    sandbox="plugins.zendesk.sandbox:ZendeskSandbox",
    sandbox_settings={
        "subdomain": "sandbox",
        "email": "router@example.test",
        "api_token": "sandbox-token",
        "create_fields": True,
        "create_organizations": True,
        "send_pages": True,
    },
    credential_check=CredentialCheck(request=wire.check_credentials, endpoint="users", is_good=wire.is_somebody),
    website="https://www.zendesk.com",
    historical=Skip("a trigger of the account may run because of it, however old it is"),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
