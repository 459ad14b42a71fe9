"""Settings: hosts per API and region, and which credential goes where."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.customerio import PLUGIN
from plugins.customerio.settings import Settings
from router.plugin import Basic

TRACK = {"site_id": "site", "api_key": "key"}


@pytest.mark.parametrize(
    ("given", "host"),
    [
        pytest.param({}, "https://track.customer.io", id="track us"),
        pytest.param({"region": "eu"}, "https://track-eu.customer.io", id="track eu"),
        pytest.param({"api": "pipelines"}, "https://cdp.customer.io", id="pipelines us"),
        pytest.param({"api": "pipelines", "region": "eu"}, "https://cdp-eu.customer.io", id="pipelines eu"),
        pytest.param({"base_url": "http://127.0.0.1:9/"}, "http://127.0.0.1:9", id="a host of one's own"),
    ],
)
def test_each_api_and_region_has_its_host(given: dict[str, Any], host: str) -> None:
    assert Settings.model_validate({**TRACK, **given}).api_url == host


@pytest.mark.parametrize(
    ("given", "user", "password"),
    [
        pytest.param(TRACK, "site", "key", id="track"),
        pytest.param({"api": "pipelines", "api_key": "source"}, "source", "", id="pipelines"),
    ],
)
def test_each_api_has_its_own_credential(given: dict[str, Any], user: str, password: str) -> None:
    [credential] = PLUGIN.endpoint("batch").credentials(Settings.model_validate(given))

    assert isinstance(credential, Basic)
    assert (credential.user.get_secret_value(), credential.password.get_secret_value()) == (user, password)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        pytest.param({"api_key": "key"}, "site_id", id="track without site"),
        pytest.param({"site_id": "", "api_key": "key"}, "site_id", id="track with an empty site"),
        pytest.param({"site_id": "site"}, "api_key", id="no key"),
        pytest.param({"site_id": "site", "api_key": ""}, "api_key", id="an empty key"),
        pytest.param({**TRACK, "trait_case": "kebab"}, "trait_case", id="unknown spelling"),
        pytest.param({**TRACK, "objcet_type_id": "1"}, "objcet_type_id", id="unknown key"),
    ],
)
def test_what_cannot_work_is_refused_by_name(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(given)

    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


def test_the_settings_never_show_a_secret() -> None:
    settings = Settings.model_validate({"site_id": "confidential-site", "api_key": "confidential-key"})

    assert "confidential" not in repr(settings) + settings.model_dump_json()
