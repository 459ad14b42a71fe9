"""Whole requests, one file a call in ``golden/``: the call and what is sent for it, without credentials."""

from __future__ import annotations

from pathlib import Path

from plugins import webhook
from router.testing import GoldenRequests


class TestRequests(GoldenRequests):
    plugin = webhook.PLUGIN
    minimal = {"url": "https://hooks.example.test/in"}
    folder = Path(__file__).with_name("golden")
