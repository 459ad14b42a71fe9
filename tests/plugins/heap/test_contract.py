"""All that the core relies on, of Heap without accounts, and with them."""

from __future__ import annotations

from plugins import heap
from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers

ANSWERS: Answers = {
    200: [Answer(Delivered), Answer(Delivered, b"{}")],
    400: Answer(Dead, b'{"error":"identity is missing"}'),
    404: Blocked,
    413: Split,
    429: Later,
    500: Later,
    503: Later,
}


class TestUsers(PluginContract):
    plugin = heap.PLUGIN
    minimal = {"app_id": "1234567890"}
    answers = ANSWERS


class TestAccounts(PluginContract):
    plugin = heap.PLUGIN
    minimal = {"app_id": "1234567890", "region": "eu", "account_id_property": "company.id"}
    answers = ANSWERS
