"""Slack: messages in channels, by an incoming webhook or by chat.postMessage.

Source: facts/vendors/slack.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.slack import mapping, wire
from plugins.slack.settings import Settings
from router.plugin import Action, BatchEndpoint, CredentialCheck, Plugin, Skip, hookimpl

PLUGIN = Plugin(
    slug="slack",
    name="Slack",
    aliases=("Slack (Actions)", "Actions Slack"),
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="messages",
            credentials=wire.credentials,
            pack=wire.pack,
            judge=wire.judge,
            rate_limit_per_s=wire.RATE_LIMIT_PER_S,
        ),
    ),
    actions=(
        Action(
            name="announce person",
            on=("identify",),
            endpoint="messages",
            table=mapping.identify_table,
            build=mapping.build_identify,
        ),
        Action(
            name="announce event",
            on=("track",),
            endpoint="messages",
            table=mapping.track_table,
            build=mapping.build_track,
        ),
        Action(
            name="announce page",
            on=("page",),
            endpoint="messages",
            table=mapping.page_table,
            build=mapping.build_page,
        ),
        Action(
            name="announce screen",
            on=("screen",),
            endpoint="messages",
            table=mapping.screen_table,
            build=mapping.build_screen,
        ),
        Action(
            name="announce group",
            on=("group",),
            endpoint="messages",
            table=mapping.group_table,
            build=mapping.build_group,
        ),
    ),
    sandbox="plugins.slack.sandbox:SlackSandbox",
    sandbox_settings={"bot_token": "xoxb-sandbox", "channel": "C0SANDBOX"},
    website="https://slack.com",
    historical=Skip("a message would announce now what is long past"),
    credential_check=CredentialCheck(
        request=wire.check_request, endpoint="messages", is_good=wire.is_ok, is_possible=wire.can_check
    ),
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
