"""Whole requests, one file a case in ``golden/``: the call, the settings and what is sent, without credentials."""

from __future__ import annotations

from pathlib import Path

from plugins import salesforce
from router.testing import GoldenRequests
from tests.plugins.salesforce.mapped import MINIMAL


class TestRequests(GoldenRequests):
    plugin = salesforce.PLUGIN
    minimal = MINIMAL
    folder = Path(__file__).with_name("golden")
