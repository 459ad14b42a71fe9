"""The Node SDKs, unmodified, set up as docs/sdks.md says, against a real router."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdks.application import finish, run, running
from tests.sdks.expected import BURST, assert_burst_arrived, assert_calls_arrived, steps
from tests.sdks.faulty_proxy import Fault, FaultyProxy
from tests.sdks.requirements import MODULES, NODE, NODE_FOLDER, needs_node
from tests.sdks.router_process import WRITE_KEY, RouterProcess
from tests.sdks.snippets import SNIPPETS

pytestmark = [pytest.mark.full, needs_node]

SDKS = ("segment-node", "customerio-node", "rudderstack-node")


def command(folder: Path, snippet: str, url: str, *calls: str, app: str = "app.mjs") -> list[str]:
    """What runs the application whose client is set up as *snippet* shows."""
    (folder / "node_modules").symlink_to(MODULES)
    client = folder / "client.mjs"
    client.write_text(SNIPPETS[snippet].code(url, WRITE_KEY) + "\nexport { analytics }\n")
    assert NODE is not None
    return [NODE, str(NODE_FOLDER / app), str(client), *calls]


@pytest.mark.parametrize("sdk", SDKS)
async def test_all_calls_and_a_burst_arrive_once_and_mapped(sdk: str, router: RouterProcess, tmp_path: Path) -> None:
    await run(command(tmp_path, sdk, router.url, "six", "burst"), tmp_path)

    await router.settled(6 + len(BURST))
    await assert_calls_arrived(router)
    await assert_burst_arrived(router)


@pytest.mark.parametrize(
    ("sdk", "faults"),
    [
        # Each has a page of its own in facts/ingest-protocol.md, section 2: how often it tries again, and after how long.
        pytest.param("segment-node", [Fault(429, retry_after_s=1), Fault(503)], id="segment-node"),
        pytest.param("customerio-node", [Fault(503), Fault(429, retry_after_s=1)], id="customerio-node"),
        pytest.param("rudderstack-node", [Fault(429, retry_after_s=1), Fault(503)], id="rudderstack-node"),
    ],
)
async def test_refusals_at_first_cost_no_event(
    sdk: str, faults: list[Fault], router: RouterProcess, proxy: FaultyProxy, tmp_path: Path
) -> None:
    await router.introduce("u1")
    proxy.faults.extend(faults)

    await run(command(tmp_path, sdk, proxy.url, "burst"), tmp_path)

    await router.settled(1 + len(BURST))
    assert not proxy.faults
    assert sorted(await steps(router, "webhook")) == list(BURST)


@pytest.mark.parametrize("sdk", ["segment-node"])
async def test_a_router_killed_and_started_again_costs_no_event(
    sdk: str, lasting_router: RouterProcess, lasting_proxy: FaultyProxy, tmp_path: Path
) -> None:
    """The other two give up within a second or two: docs/sdks.md says what to do about it."""
    async with running(command(tmp_path, sdk, lasting_proxy.url, "bursts"), tmp_path) as app:
        assert app.stdin is not None
        await lasting_proxy.answered(200)
        await lasting_router.kill()
        app.stdin.write(b"\n")
        await lasting_proxy.answered(None)
        await lasting_router.start()
        await finish(app, tmp_path)

    await lasting_router.settled(2 * len(BURST))
    assert sorted(await steps(lasting_router, "mixpanel")) == list(range(2 * len(BURST)))


async def test_jitsu_calls_arrive_once_and_mapped(router: RouterProcess, tmp_path: Path) -> None:
    await run(command(tmp_path, "jitsu", router.url, app="jitsu.mjs"), tmp_path)

    await router.settled(4)
    await assert_calls_arrived(router, ["identify", "track", "group"])
    [page] = [event for event in await router.events() if event["type"] == "page"]
    assert page["properties"] == {"name": "Pricing", "ref": "nav"}
