"""All that the core relies on, of PostHog where users have profiles, and where everybody has one."""

from __future__ import annotations

from plugins import posthog
from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers

ANSWERS: Answers = {
    200: [
        Answer(Delivered, b'{"status":"Ok"}'),
        Answer(Delivered, b'{"status":1}'),
        Answer(Delivered, b'{"status":"Ok","quota_limited":["recordings"]}'),
        Answer(Blocked, b'{"status":"Ok","quota_limited":["events"]}'),
    ],
    400: Answer(Dead, b'{"type":"validation_error","code":"invalid_payload","detail":"an event has no name"}'),
    401: Answer(Blocked, b'{"type":"authentication_error","detail":"API key is not valid"}'),
    408: Later,
    413: Split,
    422: Dead,
    429: Answer(Later, headers={"retry-after": "30"}),
    500: Later,
    503: Later,
}


class TestUsersAlone(PluginContract):
    plugin = posthog.PLUGIN
    minimal = {"api_key": "phc_of-a-test"}
    answers = ANSWERS


class TestEverybody(PluginContract):
    plugin = posthog.PLUGIN
    minimal = {
        "api_key": "phc_of-a-test",
        "base_url": "https://posthog.example.test",
        "person_profiles": "always",
        "flatten_objects": True,
        "geoip": False,
    }
    answers = ANSWERS
