"""Whole requests of Zendesk, in the order they are sent, one file a case in ``golden/``."""

from __future__ import annotations

from pathlib import Path

from plugins import zendesk
from router.testing import GoldenRequests


class TestZendeskRequests(GoldenRequests):
    plugin = zendesk.PLUGIN
    minimal = {"subdomain": "acme", "email": "agent@example.test", "api_token": "token-of-a-test"}
    folder = Path(__file__).with_name("golden")
