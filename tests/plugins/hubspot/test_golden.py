"""Whole requests, one file a case in ``golden/``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from plugins import hubspot
from router.testing import GoldenRequests
from tests.plugins.hubspot.samples import BY_EMAIL


class TestHubspotRequests(GoldenRequests):
    plugin = hubspot.PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = BY_EMAIL
    folder = Path(__file__).with_name("golden")
