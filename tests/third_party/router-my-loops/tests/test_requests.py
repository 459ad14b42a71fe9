"""Whole requests, a file each in golden/."""

from __future__ import annotations

from pathlib import Path

from router.testing import GoldenRequests

from router_my_loops import PLUGIN


class TestRequests(GoldenRequests):
    plugin = PLUGIN
    minimal = {"api_key": "a-key"}
    folder = Path(__file__).with_name("golden")
