"""All that the core relies on, of Vero."""

from __future__ import annotations

from plugins import vero
from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers

UNKNOWN = b'{"status":404,"message":"User not found."}'

ANSWERS: Answers = {
    200: Answer(Delivered, b'{"status":200,"message":"Success."}'),
    400: Answer(Dead, b'{"status":400,"message":"Bad request."}'),
    401: Blocked,
    403: Blocked,
    404: [
        Answer(Blocked),
        Answer(Delivered, UNKNOWN, endpoint="aliases"),
        *(Answer(Later, UNKNOWN, endpoint=name) for name in ("users", "events", "tags", "subscriptions")),
    ],
    413: Split,
    429: Later,
    500: Later,
}


class TestVero(PluginContract):
    plugin = vero.PLUGIN
    minimal = {"auth_token": "token-of-a-test"}
    answers = ANSWERS


class TestEverythingOn(PluginContract):
    """Anonymous people, flat objects, names in snake_case."""

    plugin = vero.PLUGIN
    minimal = {
        "auth_token": "token-of-a-test",
        "trait_case": "snake",
        "flatten_objects": True,
        "group_field": "company",
        "send_anonymous_id": True,
    }
    answers = ANSWERS
