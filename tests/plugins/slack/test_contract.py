"""All that the core relies on, of Slack with the least settings of either way to post, and with every call told."""

from __future__ import annotations

from plugins import slack
from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers
from tests.plugins.slack.mapped import WEBHOOK_URL

ANSWERS: Answers = {
    200: [
        Answer(Delivered, b'{"ok":true,"channel":"C0123ABCD","ts":"1767225600.000100","message":{"text":"..."}}'),
        Answer(Blocked, b'{"ok":false,"error":"invalid_auth"}'),
        Answer(Blocked, b'{"ok":false,"error":"channel_not_found"}'),
        Answer(Dead, b'{"ok":false,"error":"msg_too_long"}'),
        Answer(Later, b'{"ok":false,"error":"service_unavailable"}'),
    ],
    401: Blocked,
    413: Split,
    429: Answer(Later, b'{"ok":false,"error":"ratelimited"}', {"retry-after": "1"}),
    500: Later,
    503: Later,
}


WEBHOOK_ANSWERS: Answers = {
    200: Answer(Delivered, b"ok"),
    400: [Answer(Dead, b"invalid_payload"), Answer(Dead, b"invalid_blocks"), Answer(Blocked, b"invalid_token")],
    403: Answer(Blocked, b"action_prohibited"),
    404: Answer(Blocked, b"no_service"),
    410: Answer(Blocked, b"channel_is_archived"),
    413: Split,
    429: Answer(Later, b"rate_limited", {"retry-after": "1"}),
    500: Answer(Later, b"rollup_error"),
    503: Later,
}


class TestWebhook(PluginContract):
    plugin = slack.PLUGIN
    minimal = {"webhook_url": WEBHOOK_URL, "shown_traits": ["plan"]}
    answers = WEBHOOK_ANSWERS


class TestLeast(PluginContract):
    plugin = slack.PLUGIN
    minimal = {"bot_token": "xoxb-of-a-test", "channel": "C0123ABCD"}
    answers = ANSWERS


class TestEveryCall(PluginContract):
    plugin = slack.PLUGIN
    minimal = {
        "bot_token": "xoxb-of-a-test",
        "channel": "C0123ABCD",
        "page": "{name}: {view} {context.page.url}",
        "screen": "{name}: {view}",
        "group": "{name} joined {group} {traits.createdAt|at some time}",
        "announce_anonymous": True,
        "shown_traits": ["email", "address.city", "address", "createdAt", "company", "plan", "id"],
        "shown_properties": ["order_id", "products", "shipping.city"],
        "rules": [{"event": "Order*", "text": "{name} paid {properties.revenue|nothing}"}],
    }
    answers = ANSWERS
