"""Settings that fit together, and what is said of those that don't."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.hubspot import PLUGIN
from plugins.hubspot.settings import Settings
from tests.plugins.hubspot.samples import BY_EMAIL


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"lookup_field": "user_id"}, "user_id_property"),
        ({"user_id_property": "User Id"}, "internal name"),
        ({"batch_contacts": True, "contact_properties": []}, "lookup_field: user_id"),
        (
            {"batch_contacts": True, "lookup_field": "user_id", "user_id_property": "uid"},
            "contact_properties",
        ),
        ({"merge_on_alias": True}, "user_id_property"),
        ({"hub_id": ""}, "hub_id is needed"),
        ({"hub_id": "12a"}, "hub_id"),
        ({"company_key": ""}, "company_key"),
        ({"events": {"E": {"name": "Order Completed"}}}, "name"),
        ({"events": {"E": {"nam": "x"}}}, "nam"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings: Any, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Settings.model_validate({**BY_EMAIL, **settings})


def test_events_named_in_full_need_no_hub_id() -> None:
    Settings.model_validate({"access_token": "t", "events": {"E": {"name": "pe1_e"}}})


@pytest.mark.parametrize(("allowed", "rate"), [(100, 10), (190, 19), (250, 25)])
def test_the_rate_is_what_the_account_allows(allowed: int, rate: float) -> None:
    settings = Settings.model_validate({**BY_EMAIL, "requests_per_10_s": allowed})

    assert PLUGIN.endpoint("contacts").for_settings(settings).rate_limit_per_s == rate
    assert PLUGIN.endpoint("events").for_settings(settings).rate_limit_per_s == 1_250
