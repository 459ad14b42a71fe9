"""All that the core relies on, of OneSignal."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from plugins import onesignal
from router.plugin import Blocked, Dead, Delivered, Later, Payload, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers

APP_ID = "7b0c1f52-5c2f-4e0a-9a51-2f5a1d0c9e10"
REFUSED = b'{"errors":[{"code":"conflict","title":"no","meta":{"conflicting_aliases":{"external_id":"u-17"}}}]}'


def refusing_the_second(payloads: Sequence[Payload]) -> bytes:
    error = {"code": "invalid", "title": "no"}
    return orjson.dumps({"errors": [{"event_user_id": "u-17", "event_id": payloads[1].key, "error": error}]})


ANSWERS: Answers = {
    200: Answer(Delivered, b'{"identity":{"external_id":"u-17"}}'),
    201: Answer(Delivered, b'{"identity":{},"properties":{},"subscriptions":[]}'),
    202: [Answer(Delivered, b"{}"), Answer((Delivered, Dead), refusing_the_second, endpoint="events")],
    400: Answer(Dead, b'{"errors":[{"code":"invalid","title":"no"}]}'),
    401: Blocked,
    403: Blocked,
    404: [
        Answer(Delivered, REFUSED, endpoint="identity"),
        Answer(Blocked, endpoint="users"),
        Answer(Blocked, endpoint="events"),
    ],
    409: [Answer(Delivered, REFUSED, endpoint="identity"), Answer(Dead, REFUSED, endpoint="users")],
    413: Split,
    429: Answer(Later, b'{"errors":["API rate limit exceeded."]}', {"retry-after": "1"}),
    500: Later,
    503: Later,
}


class TestOneSignal(PluginContract):
    plugin = onesignal.PLUGIN
    minimal = {"app_id": APP_ID, "api_key": "key-of-a-test"}
    answers = ANSWERS


class TestEverythingOn(PluginContract):
    """Events as tags, anonymous people, subscriptions, pages."""

    plugin = onesignal.PLUGIN
    minimal = {
        "app_id": APP_ID,
        "api_key": "key-of-a-test",
        "event_mode": "tags",
        "email_subscription": True,
        "sms_subscription": True,
        "track_pages": True,
        "anonymous_alias": "anonymous_id",
    }
    answers = ANSWERS
