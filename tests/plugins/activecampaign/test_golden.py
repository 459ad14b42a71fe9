"""Whole requests, one file a case in ``golden/``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from plugins import activecampaign
from router.testing import GoldenRequests
from tests.plugins.activecampaign.samples import MINIMAL


class TestActiveCampaignRequests(GoldenRequests):
    plugin = activecampaign.PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = MINIMAL
    folder = Path(__file__).with_name("golden")
