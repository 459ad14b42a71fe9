"""The Python SDKs, unmodified, set up as docs/sdks.md says, against a real router."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.sdks.application import finish, run, running
from tests.sdks.expected import BURST, assert_burst_arrived, assert_calls_arrived, steps
from tests.sdks.faulty_proxy import Fault, FaultyProxy
from tests.sdks.router_process import WRITE_KEY, RouterProcess
from tests.sdks.snippets import SNIPPETS

APP = Path(__file__).with_name("python_app.py")
SDKS = ("segment-python", "customerio-python", "rudderstack-python")
CLIENTS = ("segment-python-client", "customerio-python-client", "rudderstack-python-client")


def command(folder: Path, snippet: str, url: str, *calls: str, write_key: str = WRITE_KEY) -> list[str]:
    """What runs the application whose client is set up as *snippet* shows."""
    code = folder / "client.py"
    code.write_text(SNIPPETS[snippet].code(url, write_key))
    return [sys.executable, str(APP), str(code), *calls]


@pytest.mark.parametrize("sdk", SDKS)
async def test_all_calls_and_a_burst_arrive_once_mapped_and_in_order(
    sdk: str, router: RouterProcess, tmp_path: Path
) -> None:
    await run(command(tmp_path, sdk, router.url, "six", "burst"), tmp_path)

    await router.settled(6 + len(BURST))
    await assert_calls_arrived(router)
    await assert_burst_arrived(router)
    assert await steps(router, "webhook") == list(BURST)


@pytest.mark.parametrize("sdk", SDKS)
async def test_refusals_at_first_cost_no_event(
    sdk: str, router: RouterProcess, proxy: FaultyProxy, tmp_path: Path
) -> None:
    await router.introduce("u1")
    proxy.faults.extend([Fault(429, retry_after_s=1), Fault(503)])

    await run(command(tmp_path, sdk, proxy.url, "burst"), tmp_path)

    await router.settled(1 + len(BURST))
    assert proxy.statuses == [429, 503, 200]
    assert await steps(router, "webhook") == list(BURST)


@pytest.mark.full
@pytest.mark.parametrize("sdk", SDKS)
async def test_a_router_killed_and_started_again_costs_no_event(
    sdk: str, lasting_router: RouterProcess, lasting_proxy: FaultyProxy, tmp_path: Path
) -> None:
    """What was acknowledged before the kill is on disk; what is sent meanwhile is tried again by the SDK."""
    async with running(command(tmp_path, sdk, lasting_proxy.url, "bursts"), tmp_path) as app:
        assert app.stdin is not None
        assert app.stdout is not None
        await app.stdout.readline()
        await lasting_router.kill()
        app.stdin.write(b"\n")
        await lasting_proxy.answered(None)
        await lasting_router.start()
        await finish(app, tmp_path)

    await lasting_router.settled(2 * len(BURST))
    assert sorted(await steps(lasting_router, "mixpanel")) == list(range(2 * len(BURST)))


@pytest.mark.full
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_object_needs_the_same_one_setting(client: str, router: RouterProcess, tmp_path: Path) -> None:
    await run(command(tmp_path, client, router.url, "six"), tmp_path)

    await router.settled(6)
    await assert_calls_arrived(router)


async def test_keys_with_a_region_which_the_sdk_sends_as_a_bearer_token_are_known(
    stopped_router: RouterProcess, tmp_path: Path
) -> None:
    """Keys kept from Customer.io begin like this. Source: facts/ingest-protocol.md, section 2, cio-py."""
    keys = ["pk_us_0123456789", "sk_eu_0123456789"]
    await stopped_router.start(source={"write_key": None, "write_keys": keys})

    for write_key in keys:
        app = command(tmp_path, "customerio-python", stopped_router.url, "six", write_key=write_key)
        await run(app, tmp_path)

    await stopped_router.settled(6 * len(keys))
