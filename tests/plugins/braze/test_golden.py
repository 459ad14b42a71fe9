"""Whole requests, one file a case in ``golden/``."""

from __future__ import annotations

from pathlib import Path

from plugins import braze
from router.testing import GoldenRequests


class TestBrazeRequests(GoldenRequests):
    plugin = braze.PLUGIN
    minimal = {"api_key": "key-of-a-test", "instance": "eu-01"}
    folder = Path(__file__).with_name("golden")
