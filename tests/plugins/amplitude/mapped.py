"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

from typing import Any

from plugins.amplitude import PLUGIN
from plugins.amplitude.settings import Settings
from router.testing import Mapper

MILLIS = 1772619630123
"""The timestamp of `router.testing.make_event`."""


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({"api_key": "key-of-a-test", **given})


MAPPER = Mapper(PLUGIN, make_settings)
rehearse = MAPPER.rehearse
payloads_of = MAPPER.payloads_of
body_of = MAPPER.body_of
skipped = MAPPER.skipped
