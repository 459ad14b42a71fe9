"""Whole requests, one file a case in ``golden/``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from plugins import klaviyo
from router.testing import GoldenRequests
from tests.plugins.klaviyo.samples import MINIMAL


class TestKlaviyoRequests(GoldenRequests):
    plugin = klaviyo.PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = MINIMAL
    folder = Path(__file__).with_name("golden")
