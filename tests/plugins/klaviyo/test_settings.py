"""Settings that fit together, and what is said of those that don't."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.klaviyo import PLUGIN
from plugins.klaviyo.settings import Settings
from router.plugin import BatchEndpoint
from tests.plugins.klaviyo.samples import MINIMAL


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"private_key": ""}, "private_key"),
        ({"revision": "latest"}, "revision"),
        ({"default_calling_code": "44"}, "default_calling_code"),
        ({"backfill_after_h": 0}, "backfill_after_h"),
        ({"backfill_after_h": 24, "bulk": True}, "only without bulk"),
    ],
)
def test_settings_that_are_not_right_are_refused(settings: Any, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Settings.model_validate({**MINIMAL, **settings})


@pytest.mark.parametrize(("bulk", "events", "rate"), [(False, 1, 58), (True, 1_000, 2.5)], ids=["one by one", "jobs"])
def test_events_travel_alone_or_by_the_thousand(bulk: bool, events: int, rate: float) -> None:
    endpoint = PLUGIN.endpoint("events").for_settings(Settings.model_validate({**MINIMAL, "bulk": bulk}))

    assert isinstance(endpoint, BatchEndpoint)
    assert (endpoint.max_events, endpoint.rate_limit_per_s) == (events, rate)
