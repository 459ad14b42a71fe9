"""Mailchimp: members of one audience, their tags and their events.

Source: facts/vendors/mailchimp.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.mailchimp import conversation, events, mapping, wire
from plugins.mailchimp.settings import Settings
from router.plugin import Action, BatchEndpoint, ConversationEndpoint, CredentialCheck, Plugin, Skip, hookimpl

# An event of somebody who is no member yet is refused, so the endpoints depend on each other.
PLUGIN = Plugin(
    slug="mailchimp",
    name="Mailchimp",
    settings=Settings,
    endpoints=(
        ConversationEndpoint(
            name="members",
            converse=conversation.converse_member,
            credentials=wire.credentials,
        ),
        BatchEndpoint(
            name="member batches",
            pack=wire.pack_members,
            judge=wire.judge_members,
            credentials=wire.credentials,
            max_events=wire.MAX_MEMBERS,
        ),
        ConversationEndpoint(
            name="events",
            converse=conversation.converse_event,
            credentials=wire.credentials,
        ),
    ),
    actions=(
        Action(
            name="write member",
            on=("identify",),
            endpoint="members",
            table=mapping.member_table,
            build=mapping.build_member,
        ),
        Action(
            name="write members in batches",
            on=("identify",),
            endpoint="member batches",
            table=mapping.member_table,
            build=mapping.build_member_of_batch,
        ),
        Action(
            name="note group on member",
            on=("group",),
            endpoint="members",
            table=mapping.group_table,
            build=mapping.build_group,
        ),
        Action(
            name="track event",
            on=("track",),
            endpoint="events",
            table=events.EVENT,
            build=events.build_event,
            historical=events.HISTORICAL,
        ),
        Action(
            name="track view",
            on=("page", "screen"),
            endpoint="events",
            table=events.VIEW,
            build=events.build_view,
            historical=events.HISTORICAL,
        ),
    ),
    sandbox="plugins.mailchimp.sandbox:MailchimpSandbox",
    sandbox_settings={
        "api_key": "sandbox-key-us1",
        "audience_id": "a1b2c3d4e5",
        "merge_fields": {
            "createdAt": "SINCE:date",
            "age": "AGE:number",
            "website": "WEBSITE:url",
            "avatar": "AVATAR:imageurl",
            "title": "TITLE",
            "plan": "PLAN",
        },
        "group_fields": {"name": "COMPANY", "plan": "COPLAN", "employees": "COSIZE:number"},
        "tags_trait": "tags",
        "page_event": "page_viewed",
        "screen_event": "screen_viewed",
    },
    website="https://mailchimp.com",
    historical=Skip("Mailchimp may start an automation because a member changes, however old the change is"),
    credential_check=CredentialCheck(request=wire.check_credentials, endpoint="members"),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
