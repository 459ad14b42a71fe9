"""What the core relies on in every plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from plugins.s3 import PLUGIN
from router.plugin import Blocked, Dead, Delivered, Later
from router.testing import PluginContract
from router.testing.answers import Answer, Answers
from tests.plugins.s3.samples import MINIMAL

DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
BUSY = b"<Error><Code>OperationAborted</Code><Message>Try again</Message></Error>"


class TestS3(PluginContract):
    plugin = PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = MINIMAL
    answers: ClassVar[Answers] = {
        200: Answer(Delivered, headers={"etag": '"e"'}),
        301: Blocked,
        400: Blocked,
        403: Answer(Blocked, DENIED),
        404: Blocked,
        409: Answer(Later, BUSY),
        413: Dead,
        500: Later,
        501: Blocked,
        503: Later,
    }


class TestS3OneByOne(TestS3):
    minimal: ClassVar[Mapping[str, Any]] = {
        **MINIMAL,
        "batch_size": 1,
        "gzip": False,
        "prefix": "",
        "session_token": "session-token-of-the-test",
        "endpoint_url": "https://minio.example.test:9000",
    }
