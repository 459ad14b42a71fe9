"""Whole requests of both of Customer.io's APIs, one file a case in ``golden/`` and ``golden_pipelines/``."""

from __future__ import annotations

from pathlib import Path

from plugins import customerio
from router.testing import GoldenRequests


class TestJourneysRequests(GoldenRequests):
    plugin = customerio.PLUGIN
    minimal = {"site_id": "site", "api_key": "key-of-a-test"}
    folder = Path(__file__).with_name("golden")


class TestPipelinesRequests(GoldenRequests):
    plugin = customerio.PLUGIN
    minimal = {"api": "pipelines", "api_key": "key-of-a-test"}
    folder = Path(__file__).with_name("golden_pipelines")
