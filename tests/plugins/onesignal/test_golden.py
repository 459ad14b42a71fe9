"""Whole requests, one file a case in ``golden/``."""

from __future__ import annotations

from pathlib import Path

from plugins import onesignal
from router.testing import GoldenRequests


class TestOneSignalRequests(GoldenRequests):
    plugin = onesignal.PLUGIN
    minimal = {"app_id": "00000000-0000-4000-8000-000000000001", "api_key": "key-of-a-test"}
    folder = Path(__file__).with_name("golden")
