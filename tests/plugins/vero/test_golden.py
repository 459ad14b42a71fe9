"""Whole requests, one file a case in ``golden/``."""

from __future__ import annotations

from pathlib import Path

from plugins import vero
from router.testing import GoldenRequests


class TestVeroRequests(GoldenRequests):
    plugin = vero.PLUGIN
    minimal = {"auth_token": "token-of-a-test"}
    folder = Path(__file__).with_name("golden")
