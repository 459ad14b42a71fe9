"""What the plugin makes of a call: the code that delivery runs."""

from __future__ import annotations

from typing import Any, Final

from plugins.loops import PLUGIN
from plugins.loops.settings import Settings
from router.testing import Mapper

ADA: Final = {"userId": "u-17"}
ANON: Final = {"anonymousId": "anon-5"}
EMAIL: Final = "ada@example.test"


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({"api_key": "sandbox-key", **given})


MAPPER = Mapper(PLUGIN, make_settings)
body_of = MAPPER.body_of
payload_of = MAPPER.payload_of
skipped = MAPPER.skipped
