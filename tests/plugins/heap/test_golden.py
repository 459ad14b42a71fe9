"""Whole requests, one file a case in ``golden/``: the call, the settings and what is sent, without credentials."""

from __future__ import annotations

from pathlib import Path

from plugins import heap
from router.testing import GoldenRequests


class TestRequests(GoldenRequests):
    plugin = heap.PLUGIN
    minimal = {"app_id": "1234567890"}
    folder = Path(__file__).with_name("golden")
