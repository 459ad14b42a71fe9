"""Waiting for a cluster that has no leader just now."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from router.log.jetstream import answered
from router.log.jetstream.answered import until_answered
from router.log.jetstream.connection import ClusterAway


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
