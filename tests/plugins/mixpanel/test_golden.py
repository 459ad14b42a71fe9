"""Whole requests, one file a case in ``golden/``: the call, the settings and what is sent, without credentials."""

from __future__ import annotations

from pathlib import Path

from plugins import mixpanel
from router.testing import GoldenRequests


class TestRequests(GoldenRequests):
    plugin = mixpanel.PLUGIN
    minimal = {"project_token": "token-of-a-test"}
    folder = Path(__file__).with_name("golden")
