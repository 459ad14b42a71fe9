"""Waiting for a cluster that has no leader just now."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from router.errors import OperatorError
from router.log.jetstream import answered
from router.log.jetstream.answered import until_answered
from router.log.jetstream.connection import NO_STREAM, ApiError, ClusterAway, Denied


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(ClusterAway("no leader"), id="no leader"),
        pytest.param(ApiError(NO_STREAM, "stream not found"), id="a stream that was just made"),
    ],
)
async def test_what_passes_is_waited_for(failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two routers that made a log of three nodes at one moment were told by a new leader that there is none, and ended."""
    monkeypatch.setattr(answered, "RETRY_S", 0.0)
    failures = [failure]

    async def step() -> str:
        if failures:
            raise failures.pop()
        return "answered"

    assert await until_answered(step, 30.0) == "answered"


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(Denied("permissions violation"), id="not allowed"),
        pytest.param(ApiError(10039, "JetStream not enabled for account"), id="refused"),
    ],
)
async def test_what_does_not_pass_ends_a_start_at_once(failure: Exception) -> None:
    async def step() -> str:
        raise failure

    with pytest.raises(OperatorError, match="the cluster refuses"):
        await until_answered(step, 30.0)


async def test_what_a_start_waits_for_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where JetStream is off, it waits for half a minute in vain."""
    monkeypatch.setattr(answered, "RETRY_S", 0.0)
    failures = [ClusterAway("no leader just now, or JetStream is off")] * 3

    async def step() -> str:
        if failures:
            raise failures.pop()
        return "answered"

    with capture_logs() as told:
        assert await until_answered(step, 30.0) == "answered"

    [warning] = told
    assert (warning["log_level"], warning["reason"]) == ("warning", "no leader just now, or JetStream is off")
