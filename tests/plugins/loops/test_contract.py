"""All that the core relies on, of Loops."""

from __future__ import annotations

from plugins import loops
from router.plugin import Blocked, Dead, Delivered, Later
from router.testing import Answer, PluginContract
from router.testing.answers import Answers

UNKNOWN = b'{"success":false,"message":"userId not found and cannot create a new contact without an email."}'

ANSWERS: Answers = {
    200: Answer(Delivered, b'{"success":true}'),
    400: Answer(Dead, b'{"success":false,"message":"email is invalid"}'),
    401: Answer(Blocked, b'{"error":"Invalid API key"}'),
    404: Blocked,
    405: Blocked,
    409: (Answer(Delivered, endpoint="events"), Answer(Dead, endpoint="contacts")),
    429: Later,
    500: Later,
}


class TestLoops(PluginContract):
    plugin = loops.PLUGIN
    minimal = {"api_key": "key-of-a-test"}
    answers = ANSWERS


class TestEverythingOn(PluginContract):
    """Pages are events, custom traits keep their names, nobody's subscription changes."""

    plugin = loops.PLUGIN
    minimal = {
        "api_key": "key-of-a-test",
        "source": "Product",
        "user_group": "Users",
        "subscribed_trait": "",
        "custom_case": "as_is",
        "track_pages": True,
    }
    answers = ANSWERS
