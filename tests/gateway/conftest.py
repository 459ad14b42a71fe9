from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.gateway.harness import Harness


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    """A gateway with the default limits."""
    async with Harness() as harness:
        yield harness
