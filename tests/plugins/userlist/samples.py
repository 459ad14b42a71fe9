"""What the plugin makes of a call: the code that delivery runs."""

from __future__ import annotations

from typing import Any

from plugins.userlist import PLUGIN
from plugins.userlist.settings import Settings
from router.testing import Mapper

ADA = {"userId": "u-17"}
ANON = {"anonymousId": "anon-5"}
EMAIL = "ada@example.test"


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({"push_key": "sandbox-key", **given})


MAPPER = Mapper(PLUGIN, make_settings)
body_of = MAPPER.body_of
payload_of = MAPPER.payload_of
skipped = MAPPER.skipped
