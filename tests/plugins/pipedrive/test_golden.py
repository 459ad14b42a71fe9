"""Whole requests of Pipedrive, in the order they are sent, one file a case in ``golden/``."""

from __future__ import annotations

from pathlib import Path

from plugins import pipedrive
from router.testing import GoldenRequests
from tests.plugins.pipedrive.mapped import MINIMAL


class TestPipedriveRequests(GoldenRequests):
    plugin = pipedrive.PLUGIN
    minimal = MINIMAL
    folder = Path(__file__).with_name("golden")
