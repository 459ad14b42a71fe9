"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

from typing import Any

from plugins.ga4 import PLUGIN
from plugins.ga4.settings import Settings
from router.event import Document, Event
from router.testing import Mapper

MICROS = 1772619630123000
"""The timestamp of `router.testing.make_event`."""


def make_settings(**given: Any) -> Settings:
    stream = {} if "firebase_app_id" in given else {"measurement_id": "G-TEST1"}
    return Settings.model_validate({**stream, "api_secret": "secret-of-a-test", **given})


MAPPER = Mapper(PLUGIN, make_settings)
rehearse = MAPPER.rehearse
payload_of = MAPPER.payload_of
body_of = MAPPER.body_of
skipped = MAPPER.skipped


def event_of(event: Event, action: str, **settings: Any) -> Document:
    """Its one event of Google's."""
    [made] = body_of(event, action, **settings)["events"]
    assert isinstance(made, dict)
    return made


def params_of(event: Event, action: str, **settings: Any) -> Document:
    """The parameters, without the one that every event has."""
    return {key: value for key, value in event_of(event, action, **settings)["params"].items() if key != ENGAGEMENT}


ENGAGEMENT = "engagement_time_msec"
