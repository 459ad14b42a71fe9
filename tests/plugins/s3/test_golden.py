"""Whole requests, one file a call in ``golden/``: the call and what is sent for it, without credentials."""

from __future__ import annotations

from pathlib import Path

from plugins import s3
from router.testing import GoldenRequests
from tests.plugins.s3.samples import MINIMAL


class TestRequests(GoldenRequests):
    plugin = s3.PLUGIN
    minimal = MINIMAL
    folder = Path(__file__).with_name("golden")
