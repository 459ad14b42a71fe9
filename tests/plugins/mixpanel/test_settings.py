"""What an operator fills in."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.mixpanel.settings import Settings
from tests.plugins.mixpanel.samples import make_settings

ACCOUNT = {"service_account_username": "router", "service_account_secret": "hush-hush", "project_id": 17}


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us", "https://api.mixpanel.com"),
        ("eu", "https://api-eu.mixpanel.com"),
        ("in", "https://api-in.mixpanel.com"),
    ],
)
def test_each_region_has_its_host(region: str, host: str) -> None:
    assert make_settings(region=region).api_url == host


def test_a_base_url_stands_in_for_the_region() -> None:
    assert make_settings(base_url="http://127.0.0.1:9/").api_url == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="no token"),
        pytest.param({"project_token": ""}, id="empty token"),
        pytest.param({"project_token": "t", "region": "uk"}, id="unknown region"),
        pytest.param({"project_token": "t", "id_merge": "none"}, id="unknown merge"),
        pytest.param({"project_token": "t", "group_keys": []}, id="no group key"),
        pytest.param({"project_token": "t", "group_keys": [" "]}, id="blank group key"),
        pytest.param({"project_token": "t", "group_keys": ["a.b"]}, id="dotted group key"),
        pytest.param({"project_token": "t", "group_keys": ["a", "a"]}, id="group key twice"),
        pytest.param({"project_token": "t", "group_keys": [str(n) for n in range(301)]}, id="301 group keys"),
        pytest.param({"project_token": "t", "page_event": "Viewed {title}"}, id="unknown placeholder"),
        pytest.param({"project_token": "t", "screen_event": " "}, id="blank event name"),
        pytest.param({"project_token": "t", **ACCOUNT, "project_id": ""}, id="service account without project"),
        pytest.param({"project_token": "t", **ACCOUNT, "service_account_secret": ""}, id="account without secret"),
        pytest.param({"project_token": "t", **ACCOUNT, "service_account_username": ""}, id="secret without account"),
        pytest.param({"project_token": "t", "tokn": "t"}, id="unknown key"),
    ],
)
def test_settings_that_could_not_work_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(given)


def test_a_project_id_without_a_service_account_is_harmless() -> None:
    assert not make_settings(project_id=17).has_service_account


def test_a_service_account_s_project_may_be_a_number() -> None:
    assert make_settings(**ACCOUNT).project_id == "17"


def test_no_secret_shows_in_the_settings() -> None:
    text = repr(make_settings(**ACCOUNT))

    assert "sandbox-token" not in text
    assert "hush-hush" not in text
