"""The stand-in at a day of its own, so that what is too old or to come does not depend on when the tests run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from plugins.mixpanel import PLUGIN
from router.testing import StandIn, open_stand_in

NOW_S = 1767312000.0
"""2026-01-02, what the sandbox takes for now."""


@asynccontextmanager
async def open_vendor(**settings: Any) -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN, **settings) as vendor:
        vendor.sandbox.now_s = lambda: NOW_S
        yield vendor
