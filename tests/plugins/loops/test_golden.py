"""Whole requests, one file a case in ``golden/``."""

from __future__ import annotations

from pathlib import Path

from plugins import loops
from router.testing import GoldenRequests


class TestLoopsRequests(GoldenRequests):
    plugin = loops.PLUGIN
    minimal = {"api_key": "key-of-a-test"}
    folder = Path(__file__).with_name("golden")
