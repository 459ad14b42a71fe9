"""Whole requests, one file a case in ``golden/``."""

from __future__ import annotations

from pathlib import Path

from plugins import userlist
from router.testing import GoldenRequests


class TestUserlistRequests(GoldenRequests):
    plugin = userlist.PLUGIN
    minimal = {"push_key": "key-of-a-test"}
    folder = Path(__file__).with_name("golden")
