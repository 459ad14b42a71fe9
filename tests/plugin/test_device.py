"""Whose device an app runs on."""

from __future__ import annotations

from typing import Any

import pytest

from router.plugin import app_platform
from router.testing import make_event


@pytest.mark.parametrize(
    ("context", "platform"),
    [
        pytest.param({"device": {"type": "ios"}}, "ios", id="the type of the device"),
        pytest.param({"device": {"type": " Android "}}, "android", id="in any letter case"),
        pytest.param({"device": {"type": "phone"}, "os": {"name": "iPhone OS"}}, "ios", id="a kind of device"),
        pytest.param({"os": {"name": "iPadOS"}}, "ios", id="the system alone"),
        pytest.param(
            {"device": {"type": "android"}, "os": {"name": "iOS"}}, "android", id="the device before the system"
        ),
        pytest.param({"device": {"type": "tv"}, "os": {"name": "Linux"}}, None, id="another"),
        pytest.param({"device": {"type": None}, "os": {}}, None, id="nothing said"),
        pytest.param({"device": "ios", "os": ["iOS"]}, None, id="no objects"),
        pytest.param({"device": {"type": 7}, "os": {"name": True}}, None, id="no texts"),
        pytest.param({}, None, id="no context"),
    ],
)
def test_a_device_is_of_one_platform_to_every_vendor(context: dict[str, Any], platform: str | None) -> None:
    assert app_platform(make_event("track", userId="u1", event="E", context=context)) == platform
