"""All that the core relies on, of Klaviyo: one by one, and in jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from plugins import klaviyo
from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers
from tests.plugins.klaviyo.samples import MINIMAL

REFUSED = (
    b'{"errors": [{"status": 400, "code": "invalid", "detail": "d", "source": {"pointer": "/data/attributes/email"}}]}'
)
ANSWERS: Answers = {
    202: Answer(Delivered, b'{"data": {"type": "event-bulk-create-job"}}'),
    400: Answer(Dead, REFUSED),
    401: Answer(Blocked, b'{"errors": [{"code": "not_authenticated", "detail": "d"}]}'),
    403: Blocked,
    404: Blocked,
    405: Blocked,
    406: Blocked,
    410: Blocked,
    413: Split,
    415: Blocked,
    422: Dead,
    429: Answer(Later, b'{"errors": [{"code": "throttled"}]}', {"retry-after": "3"}),
    500: Later,
    502: Later,
    503: Later,
    504: Later,
}


class TestOneByOne(PluginContract):
    plugin = klaviyo.PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = {
        **MINIMAL,
        "list_id": "L1",
        "ecommerce": True,
        "track_views": True,
        "default_calling_code": "+44",
    }
    answers: ClassVar[Answers] = ANSWERS


class TestInJobs(PluginContract):
    plugin = klaviyo.PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = {
        **MINIMAL,
        "bulk": True,
        "anonymous_events": True,
        "send_external_id": False,
    }
    answers: ClassVar[Answers] = ANSWERS
