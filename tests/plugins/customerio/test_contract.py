"""All that the core relies on, of both of Customer.io's APIs."""

from __future__ import annotations

from plugins import customerio
from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers

ANSWERS: Answers = {
    200: Answer(Delivered, b"{}"),
    400: Dead,
    401: Blocked,
    404: Blocked,
    413: Split,
    429: Later,
    500: Later,
}


class TestJourneys(PluginContract):
    plugin = customerio.PLUGIN
    minimal = {"site_id": "site", "api_key": "key-of-a-test"}
    answers = ANSWERS


class TestPipelines(PluginContract):
    plugin = customerio.PLUGIN
    minimal = {"api": "pipelines", "api_key": "key-of-a-test"}
    answers = ANSWERS
