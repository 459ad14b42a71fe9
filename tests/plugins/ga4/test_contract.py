"""All that the core relies on, of Google Analytics 4."""

from __future__ import annotations

from plugins import ga4
from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.testing import Answer, PluginContract


class TestGa4(PluginContract):
    plugin = ga4.PLUGIN
    minimal = {
        "measurement_id": "G-TEST1",
        "api_secret": "secret-of-a-test",
        "identify_event": "identify",
        "user_data": True,
        "user_properties": ["company.plan", "createdAt", "tier"],
        "send_screens": True,
    }
    answers = {
        204: Delivered,
        200: Delivered,
        400: Answer(Dead, b"<html>Bad Request</html>"),
        403: Blocked,
        413: Split,
        429: Later,
        500: Later,
        503: Later,
    }
