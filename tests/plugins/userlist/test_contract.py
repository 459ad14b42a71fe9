"""All that the core relies on, of Userlist."""

from __future__ import annotations

from plugins import userlist
from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers

ANSWERS: Answers = {
    200: Delivered,
    202: Delivered,
    401: Blocked,
    403: Blocked,
    404: Blocked,
    413: Split,
    422: Answer(Dead, b'{"status":422,"code":"unprocessable_content","errors":["User must exist"]}'),
    429: Answer(Later, b"", {"retry-after": "30"}),
    500: Later,
}


class TestUserlist(PluginContract):
    plugin = userlist.PLUGIN
    minimal = {"push_key": "key-of-a-test"}
    answers = ANSWERS


class TestWithoutCompanies(PluginContract):
    """And with pages."""

    plugin = userlist.PLUGIN
    minimal = {"push_key": "key-of-a-test", "companies": False, "track_pages": True}
    answers = ANSWERS
