"""The stage of every test here: a router process of its own, and perhaps a proxy in front that goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sdks.faulty_proxy import FaultyProxy
from tests.sdks.router_process import RouterProcess
from tests.system.harness import Vendor


@pytest.fixture
async def stopped_router(tmp_path: Path) -> AsyncIterator[RouterProcess]:
    """Not started yet, for tests that have settings of their own."""
    folder = tmp_path / "router"
    folder.mkdir()
    router = RouterProcess(folder)
    yield router
    await router.stop()


@pytest.fixture
async def router(stopped_router: RouterProcess) -> RouterProcess:
    await stopped_router.start()
    return stopped_router


@pytest.fixture
async def lasting_router(tmp_path: Path) -> AsyncIterator[RouterProcess]:
    """Started, with one destination, mixpanel, whose stand-in is a process of its own: it is there when the router is not."""
    vendor = Vendor("mixpanel", "mixpanel", tmp_path)
    vendor.spawn()
    vendor.url = await asyncio.to_thread(vendor.first_line)
    router = RouterProcess(tmp_path, [vendor])
    await router.start()
    yield router
    await router.stop()
    await asyncio.to_thread(vendor.kill)


@pytest.fixture
async def lasting_proxy(lasting_router: RouterProcess) -> AsyncIterator[FaultyProxy]:
    """In front of `lasting_router`, whether that runs or not. It has no faults yet."""
    proxy = FaultyProxy(lambda: lasting_router.url)
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def proxy(stopped_router: RouterProcess) -> AsyncIterator[FaultyProxy]:
    """In front of the router, whether that runs or not. It has no faults yet."""
    proxy = FaultyProxy(lambda: stopped_router.url)
    await proxy.start()
    yield proxy
    await proxy.stop()
