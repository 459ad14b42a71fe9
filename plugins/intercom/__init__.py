"""Intercom: contacts, companies and events.

Source: facts/vendors/intercom.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.intercom import mapping, wire
from plugins.intercom.settings import Settings
from router.plugin import Action, ConversationEndpoint, CredentialCheck, Plugin, Skip, hookimpl

# An event needs its contact and a company its contact to be there first, so the endpoints depend on each other.
PLUGIN = Plugin(
    slug="intercom",
    name="Intercom",
    aliases=("Intercom Cloud Mode (Actions)",),
    settings=Settings,
    endpoints=(
        ConversationEndpoint(
            name="contacts",
            converse=wire.converse_contact,
            credentials=wire.credentials,
            rate_limit_per_s=wire.RATE_LIMIT_PER_S,
            shared_rate=wire.APP,
            reset_header=wire.RESET_HEADER,
        ),
        ConversationEndpoint(
            name="companies",
            converse=wire.converse_company,
            credentials=wire.credentials,
            rate_limit_per_s=wire.RATE_LIMIT_PER_S,
            shared_rate=wire.APP,
            reset_header=wire.RESET_HEADER,
        ),
        ConversationEndpoint(
            name="events",
            converse=wire.converse_event,
            credentials=wire.credentials,
            rate_limit_per_s=wire.RATE_LIMIT_PER_S,
            shared_rate=wire.APP,
            reset_header=wire.RESET_HEADER,
        ),
    ),
    actions=(
        Action(
            name="identify contact",
            on=("identify",),
            endpoint="contacts",
            table=mapping.contact_table,
            build=mapping.build_contact,
        ),
        Action(
            name="update company",
            on=("group",),
            endpoint="companies",
            table=mapping.COMPANY,
            build=mapping.build_company,
        ),
        Action(name="track event", on=("track",), endpoint="events", table=mapping.EVENT, build=mapping.build_event),
        Action(
            name="track view", on=("page", "screen"), endpoint="events", table=mapping.VIEW, build=mapping.build_view
        ),
    ),
    sandbox="plugins.intercom.sandbox:IntercomSandbox",
    sandbox_settings={"access_token": "sandbox-token", "create_data_attributes": True},
    website="https://www.intercom.com",
    historical=Skip("Intercom may start a message because of it, however old it is"),
    credential_check=CredentialCheck(request=wire.check_credentials, endpoint="contacts"),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
