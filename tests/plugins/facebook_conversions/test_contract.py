"""All that the core relies on, of the Conversions API as it comes, and with every setting changed."""

from __future__ import annotations

from plugins import facebook_conversions
from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers
from tests.plugins.facebook_conversions.mapped import MINIMAL


def error(code: int, **more: object) -> bytes:
    named = "".join(f',"{name}":{str(value).lower()}' for name, value in more.items())
    return b'{"error":{"message":"Invalid parameter","type":"OAuthException","code":%d%s}}' % (code, named.encode())


ANSWERS: Answers = {
    200: [
        Answer(Delivered, b'{"events_received":1,"messages":[],"fbtrace_id":"Abc123"}'),
        Answer(Delivered, b'{"events_received":1,"messages":["A warning"],"fbtrace_id":"Abc123"}'),
    ],
    400: [
        Answer(Dead, error(100, error_subcode=2804003, is_transient=False)),
        Answer(Dead, error(100, error_subcode=2804019)),
        Answer(Blocked, error(100, error_subcode=33)),
        Answer(Blocked, error(190, error_subcode=463)),
        Answer(Later, error(17)),
        Answer(Later, error(2)),
        Answer(Later, error(99, is_transient=True)),
    ],
    401: Blocked,
    403: Answer(Blocked, error(200)),
    413: Split,
    429: Answer(Later, error(4)),
    500: Answer(Later, error(1)),
    503: Later,
}


class TestLeast(PluginContract):
    plugin = facebook_conversions.PLUGIN
    minimal = MINIMAL
    answers = ANSWERS


class TestEverySetting(PluginContract):
    plugin = facebook_conversions.PLUGIN
    minimal = {
        **MINIMAL,
        "action_source": "system_generated",
        "event_map": {"signed up": "CompleteRegistration"},
        "screen_event": "Screen",
        "event_id_property": "id",
        "send_external_id": False,
        "limited_data_use": True,
        "test_event_code": "TEST12345",
    }
    answers = ANSWERS
