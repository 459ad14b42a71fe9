"""All that the core relies on, of ActiveCampaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from plugins import activecampaign
from router.plugin import Blocked, Dead, Delivered, Later, Payload, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers
from tests.plugins.activecampaign.samples import EVENTS, FIELDS, GROUP_FIELDS, MINIMAL, TRACKING


def all_refused(payloads: Sequence[Payload]) -> bytes:
    emails = [payload.body.get("email", "x@example.org") for payload in payloads]
    return orjson.dumps({"success": 1, "failureReasons": [{"email": email, "failureReason": "no"} for email in emails]})


MISSING = b'{"errors": [{"title": "no", "code": "field_missing", "source": {"pointer": "/data/attributes/email"}}]}'
ANSWERS: Answers = {
    200: [
        Answer(Delivered, b'{"success": 1, "queued_contacts": 3, "batchId": "b"}', endpoint="imports"),
        Answer(Dead, all_refused, endpoint="imports"),
        Answer(Delivered, b'{"success": 1, "message": "Event spawned"}', endpoint="event tracking"),
        Answer(Dead, b'{"success": 0, "message": "There is no event x"}', endpoint="event tracking"),
        Answer(Blocked, b'{"success": 0, "message": "Invalid key"}', endpoint="event tracking"),
        Answer(Blocked, b"<html>Login</html>"),
    ],
    400: Answer(Dead, b'{"success": 0, "failureReasons": [{"failureReason": "no"}]}'),
    401: Blocked,
    402: Blocked,
    403: Answer(Blocked, b'{"message": "You do not have permission"}'),
    413: Split,
    422: Answer(Dead, MISSING),
    429: Answer(Later, b"", {"retry-after": "1"}),
    500: Later,
    502: Later,
    503: Later,
    504: Later,
}


class TestOneByOne(PluginContract):
    plugin = activecampaign.PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = {
        **MINIMAL,
        "fields": {"plan": "Plan", "createdAt": "8:datetime"},
        "send_all_traits": True,
        "lists": ["1"],
        "events": {"Order Completed": EVENTS["Order Completed"]},
        **TRACKING,
        "track_pages": True,
    }
    answers: ClassVar[Answers] = ANSWERS


class TestInBulk(PluginContract):
    plugin = activecampaign.PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = {
        **MINIMAL,
        "bulk": True,
        "fields": FIELDS,
        "group_fields": GROUP_FIELDS,
        "lists": ["1", "2"],
        "subscribe_trait": "newsletter",
    }
    answers: ClassVar[Answers] = ANSWERS
