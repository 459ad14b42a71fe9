"""Whole requests to tracking APIs of Segment's family, one file a case in ``golden/``."""

from __future__ import annotations

from pathlib import Path

from plugins import segment_compatible
from router.testing import GoldenRequests


class TestSegmentCompatibleRequests(GoldenRequests):
    plugin = segment_compatible.PLUGIN
    minimal = {"write_key": "key-of-a-test"}
    folder = Path(__file__).with_name("golden")
