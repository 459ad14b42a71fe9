"""All that the core relies on, of Zendesk with everything switched on."""

from __future__ import annotations

from plugins import zendesk
from router.plugin import Blocked, Dead, Delivered, Later
from router.testing import Answer, PluginContract


class TestZendesk(PluginContract):
    plugin = zendesk.PLUGIN
    minimal = {
        "subdomain": "acme",
        "email": "agent@example.test",
        "api_token": "token-of-a-test",
        "create_fields": True,
        "create_organizations": True,
        "primary_email": True,
        "send_pages": True,
        "merge_users": True,
    }
    answers = {
        202: Answer(Delivered, b""),
        400: Dead,
        401: Blocked,
        403: Blocked,
        404: Answer(Blocked, b'{"error":"InvalidEndpoint"}', endpoint="events"),
        409: Later,
        422: Answer(Dead, b'{"error":"RecordInvalid","details":{"email":[{"error":"DuplicateValue"}]}}'),
        429: Later,
        500: Later,
        503: Later,
        504: Later,
    }
