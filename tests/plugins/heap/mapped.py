"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

from typing import Any

from plugins.heap import PLUGIN
from plugins.heap.settings import Settings
from router.testing import Mapper


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({"app_id": "1234567890", **given})


MAPPER = Mapper(PLUGIN, make_settings)
body_of = MAPPER.body_of
payload_of = MAPPER.payload_of
skipped = MAPPER.skipped
