"""Whole requests of Google Analytics 4, one file a case in ``golden/``."""

from __future__ import annotations

from pathlib import Path

from plugins import ga4
from router.testing import GoldenRequests


class TestGa4Requests(GoldenRequests):
    plugin = ga4.PLUGIN
    minimal = {"measurement_id": "G-TEST1", "api_secret": "secret-of-a-test"}
    folder = Path(__file__).with_name("golden")
