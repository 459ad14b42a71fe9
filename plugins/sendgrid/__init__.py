"""SendGrid Marketing Campaigns: contacts.

Source: facts/vendors/sendgrid-marketing.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.sendgrid import mapping, wire
from plugins.sendgrid.settings import Settings
from router.plugin import Action, BatchEndpoint, CredentialCheck, Plugin, Skip, hookimpl

PLUGIN = Plugin(
    slug="sendgrid",
    name="SendGrid",
    aliases=("SendGrid Marketing Campaigns",),
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="contacts",
            pack=wire.pack,
            judge=wire.judge,
            credentials=wire.credentials,
            max_events=wire.MAX_CONTACTS,
            max_bytes=wire.MAX_BYTES,
            rate_limit_per_s=wire.REQUESTS_PER_S,
            reset_header=wire.RESET_HEADER,
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
            name="note group on contact",
            on=("group",),
            endpoint="contacts",
            table=mapping.member_table,
            build=mapping.build_member,
        ),
    ),
    sandbox="plugins.sendgrid.sandbox:SendgridSandbox",
    sandbox_settings={
        "api_key": "sandbox-key",
        "custom_fields": {
            "age": "e1_N",
            "birthday": "e2_D",
            "createdAt": "e3_D",
            "company.name": "e4_T",
            "title": "e5_T",
            "plan": "e6_T",
        },
        "group_fields": {"name": "e4_T", "plan": "e7_T", "employees": "e8_N"},
    },
    website="https://sendgrid.com",
    historical=Skip("SendGrid may start an automation because of a contact that is written now"),
    credential_check=CredentialCheck(request=wire.check_credentials, endpoint="contacts"),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
