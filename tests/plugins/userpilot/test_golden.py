"""Whole requests, one file a case in ``golden/``: the call, the settings and what is sent, without credentials."""

from __future__ import annotations

from pathlib import Path

from plugins import userpilot
from router.testing import GoldenRequests


class TestRequests(GoldenRequests):
    plugin = userpilot.PLUGIN
    minimal = {"api_key": "key-of-a-test"}
    folder = Path(__file__).with_name("golden")
