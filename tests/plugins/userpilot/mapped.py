"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

from typing import Any

from plugins.userpilot import PLUGIN
from plugins.userpilot.settings import Settings
from router.testing import Mapper


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({"api_key": "key-of-a-test", **given})


MAPPER = Mapper(PLUGIN, make_settings)
body_of = MAPPER.body_of
payload_of = MAPPER.payload_of
skipped = MAPPER.skipped
