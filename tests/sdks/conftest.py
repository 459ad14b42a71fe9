"""The stage of every test here: a router process of its own, and perhaps a proxy in front that goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.nats.server import Cluster
from tests.sdks.faulty_proxy import FaultyProxy
from tests.sdks.router_process import RouterProcess
from tests.system.harness import Vendor


@pytest.fixture(params=["sqlite", pytest.param("nats", marks=pytest.mark.full)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mapping[str, Any]]:
    """What the config says of the log: SDKs notice no difference between the engines."""
    if request.param == "sqlite":
        yield {}
        return
    cluster = Cluster.make(tmp_path / "nats")
    cluster.start()
    yield {"log": cluster.url, "nats": {"partitions": 4}}
    cluster.clear()


@pytest.fixture
async def stopped_router(tmp_path: Path, engine: Mapping[str, Any]) -> AsyncIterator[RouterProcess]:
    """Not started yet, for tests that have settings of their own."""
    folder = tmp_path / "router"
    folder.mkdir()
    router = RouterProcess(folder, engine=engine)
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
