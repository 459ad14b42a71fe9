"""All that the core relies on, of Userpilot without pages, and with them."""

from __future__ import annotations

from plugins import userpilot
from router.plugin import Blocked, Dead, Delivered, Later
from router.testing import Answer, PluginContract
from router.testing.answers import Answers

ANSWERS: Answers = {
    200: Answer(Delivered, b"{}"),
    202: [Answer(Delivered), Answer(Delivered, b"{}")],
    400: Dead,
    401: Answer(Blocked, b'{"errors":[{"error":"unauthorized","message":"invalid API key"}]}'),
    403: Blocked,
    422: Answer(Dead, b'{"errors":[{"error":"invalid","message":"user_id is missing"}]}'),
    429: Later,
    500: Later,
    503: Later,
}


class TestCalls(PluginContract):
    plugin = userpilot.PLUGIN
    minimal = {"api_key": "key-of-a-test"}
    answers = ANSWERS


class TestPages(PluginContract):
    plugin = userpilot.PLUGIN
    minimal = {"api_key": "key-of-a-test", "region": "eu", "track_pages": True}
    answers = ANSWERS
