from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from router.log.interface import LogFull, PartitionFull
from tests.gateway.harness import IDENTIFY, Harness


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_a_sound_router_is_alive_and_ready_and_says_so_to_anyone(harness: Harness, path: str) -> None:
    assert (await harness.ask("GET", path, key="")).status == 200


async def test_what_is_stuck_makes_it_unhealthy_and_is_named() -> None:
    stuck: list[str] = []
    async with Harness(stuck=lambda: stuck) as harness:
        before = await harness.ask("GET", "/health")
        stuck.append("destination crm: its reader has stopped")
        after = await harness.ask("GET", "/health")

    assert before.status == 200
    assert after.status == 503
    assert after.json["stuck"] == ["destination crm: its reader has stopped"]
    assert "destination crm" in after.json["message"]


async def test_what_stands_in_the_way_makes_it_not_ready_but_not_dead() -> None:
    async with Harness(obstacles=lambda: ["the disk is read-only"]) as harness:
        ready = await harness.ask("GET", "/ready")
        health = await harness.ask("GET", "/health")

    assert (ready.status, ready.json["obstacles"]) == (503, ["the disk is read-only"])
    assert health.status == 200


async def test_a_full_log_makes_it_not_ready_for_as_long_as_callers_were_told_to_wait(harness: Harness) -> None:
    """Not longer: without requests nobody would find out that there is room again."""
    harness.log.failure = LogFull()
    refused = await harness.post("/v1/identify", IDENTIFY)

    at_once = await harness.ask("GET", "/ready")
    harness.now_s += int(refused.headers["Retry-After"])
    later = await harness.ask("GET", "/ready")

    assert (at_once.status, at_once.json["obstacles"]) == (503, ["the log is full"])
    assert later.status == 200


async def test_a_clock_that_is_set_back_does_not_keep_a_full_log_unready(harness: Harness) -> None:
    """Nobody would send anything here by which to find out that there is room again."""
    harness.log.failure = LogFull("no room")
    await harness.post("/v1/track", {"userId": "u1", "event": "E"})

    harness.now_s -= 3_600

    assert (await harness.ask("GET", "/ready")).status == 200


async def test_room_in_the_log_makes_it_ready_at_once(harness: Harness) -> None:
    harness.log.failure = LogFull()
    await harness.post("/v1/identify", IDENTIFY)
    harness.log.failure = None

    assert (await harness.post("/v1/identify", IDENTIFY)).status == 200
    assert (await harness.ask("GET", "/ready")).status == 200


async def test_one_full_partition_is_told_of_once_and_keeps_no_load_balancer_from_sending(harness: Harness) -> None:
    """A load balancer would turn all users away because of one whose events fill their partition."""
    with capture_logs() as logs:
        for failure, obstacle in (
            (PartitionFull(), "partition 1"),
            (None, "partition 1"),
            (PartitionFull(), "partition 1"),
            (None, ""),
        ):
            harness.log.failure, harness.log.obstacle = failure, obstacle
            answer = await harness.post("/v1/identify", IDENTIFY)
            assert answer.status == (503 if failure else 200)
            assert (await harness.ask("GET", "/ready")).status == 200

    assert [line["log_level"] for line in logs] == ["error", "info"]


async def test_a_check_that_raises_is_unhealthy() -> None:
    def raises() -> list[str]:
        raise RuntimeError("a bug")

    async with Harness(stuck=raises) as harness:
        answer = await harness.ask("GET", "/health")

    assert answer.status == 500
