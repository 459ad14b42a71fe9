"""Whole requests of Attio, in the order they are sent, one file a case in ``golden/``."""

from __future__ import annotations

from pathlib import Path

from plugins import attio
from router.testing import GoldenRequests


class TestAttioRequests(GoldenRequests):
    plugin = attio.PLUGIN
    minimal = {"access_token": "token-of-a-test"}
    folder = Path(__file__).with_name("golden")
