"""All that the core relies on, of Mailchimp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from plugins import mailchimp
from router.plugin import Blocked, Dead, Delivered, Later, Payload, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers
from tests.plugins.mailchimp.samples import MINIMAL, WITH_FIELDS


def all_written(payloads: Sequence[Payload]) -> bytes:
    return orjson.dumps({"new_members": [], "updated_members": [], "errors": [], "error_count": 0})


def all_refused(payloads: Sequence[Payload]) -> bytes:
    emails = [payload.body.get("email_address", "x@example.org") for payload in payloads]
    return orjson.dumps({"errors": [{"email_address": email, "error": "no", "error_code": "E"} for email in emails]})


PROBLEM = (
    b'{"title": "Invalid Resource", "status": 400, "errors": [{"field": "merge_fields.BIRTHDAY", "message": "no"}]}'
)
ANSWERS: Answers = {
    200: [
        Answer(Delivered, all_written, endpoint="member batches"),
        Answer(Dead, all_refused, endpoint="member batches"),
    ],
    204: Answer(Delivered, endpoint="events"),
    301: Blocked,
    400: Answer(Dead, PROBLEM),
    401: Blocked,
    403: Answer(Blocked, b"<html>Access Denied</html>"),
    404: [
        Answer(Dead, endpoint="events"),
        Answer(Blocked, endpoint="member batches"),
        Answer(Blocked, endpoint="members"),
    ],
    413: Split,
    429: Answer(Later, b'{"title": "TooManyRequests", "status": 429}'),
    500: Later,
    503: Later,
}


class TestOneByOne(PluginContract):
    plugin = mailchimp.PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = {
        **MINIMAL,
        **WITH_FIELDS,
        "status_trait": "newsletter",
        "tags_trait": "tags",
        "page_event": "page_viewed",
        "screen_event": "screen_viewed",
    }
    answers: ClassVar[Answers] = ANSWERS


class TestInBatches(PluginContract):
    plugin = mailchimp.PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = {**MINIMAL, "batch_members": True, "send_all_traits": True}
    answers: ClassVar[Answers] = ANSWERS
