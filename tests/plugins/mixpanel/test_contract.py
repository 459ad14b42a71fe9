"""All that the core relies on, of Mixpanel in both kinds of id merge."""

from __future__ import annotations

from plugins import mixpanel
from router.plugin import Blocked, Delivered, Later, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers

ANSWERS: Answers = {
    200: Answer(Delivered, b'{"code": 200, "num_records_imported": 1, "status": 1}'),
    401: Blocked,
    413: Split,
    429: Later,
    500: Later,
}
WAIVERS = {"test_the_mark_of_an_old_event_is_sent_and_changes_no_key": "who is not active has `$ignore_time` anyway"}


class TestSimplified(PluginContract):
    plugin = mixpanel.PLUGIN
    minimal = {"project_token": "token-of-a-test"}
    answers = ANSWERS
    waivers = WAIVERS


class TestOriginal(PluginContract):
    plugin = mixpanel.PLUGIN
    minimal = {"project_token": "token-of-a-test", "id_merge": "original"}
    answers = ANSWERS
    waivers = WAIVERS
