"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

from typing import Any

from plugins.attio import PLUGIN
from plugins.attio.settings import Settings
from router.testing import Mapper


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({"access_token": "token-of-a-test", **given})


MAPPER = Mapper(PLUGIN, make_settings)
rehearse = MAPPER.rehearse
body_of = MAPPER.body_of
skipped = MAPPER.skipped
