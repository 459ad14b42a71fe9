"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

from typing import Any

from plugins.zendesk import PLUGIN
from plugins.zendesk.settings import Settings
from router.testing import Mapper


def make_settings(**given: Any) -> Settings:
    held = {"subdomain": "acme", "email": "agent@example.test", "api_token": "token-of-a-test"}
    return Settings.model_validate({**held, **given})


MAPPER = Mapper(PLUGIN, make_settings)
rehearse = MAPPER.rehearse
body_of = MAPPER.body_of
skipped = MAPPER.skipped
