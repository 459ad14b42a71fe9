"""All that the core relies on, of Slack with the least settings, and with every call told."""

from __future__ import annotations

from plugins import slack
from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers

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
