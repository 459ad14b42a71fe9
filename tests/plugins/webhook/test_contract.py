"""What the core relies on in every plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from plugins.webhook import PLUGIN
from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.testing import PluginContract
from router.testing.answers import Answers
from tests.plugins.webhook.samples import OTHER_STANDARD_SECRET, SECRET, STANDARD_SECRET, URL


class TestWebhook(PluginContract):
    plugin = PLUGIN
    waivers: ClassVar[Mapping[str, str]] = {
        "test_a_page_is_no_delivery": "a receiver may say what it likes: its 2xx is all that is asked of it"
    }
    minimal: ClassVar[Mapping[str, Any]] = {"url": URL}
    answers: ClassVar[Answers] = {
        200: Delivered,
        204: Delivered,
        302: Blocked,
        400: Dead,
        401: Blocked,
        404: Dead,
        410: Blocked,
        413: Split,
        429: Later,
        501: Dead,
        503: Later,
    }


class TestWebhookWithEverySecret(TestWebhook):
    minimal: ClassVar[Mapping[str, Any]] = {
        "url": URL,
        "auth": "bearer",
        "token": SECRET,
        "signing_secret": STANDARD_SECRET,
        "previous_signing_secret": OTHER_STANDARD_SECRET,
        "headers": {"X-Key": SECRET},
    }


class TestWebhookInBatches(TestWebhook):
    minimal: ClassVar[Mapping[str, Any]] = {
        "url": URL,
        "batch_size": 50,
        "auth": "oauth2",
        "token_url": "https://login.example.test/token",
        "client_id": "client",
        "client_secret": SECRET,
        "signing": "segment",
        "signing_secret": SECRET,
    }
