"""Whole requests, one file a case in ``golden/``."""

from __future__ import annotations

from pathlib import Path

from plugins import iterable
from router.testing import GoldenRequests


class TestIterableRequests(GoldenRequests):
    plugin = iterable.PLUGIN
    minimal = {"api_key": "key-of-a-test", "identity": "userId"}
    folder = Path(__file__).with_name("golden")
