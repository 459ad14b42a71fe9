"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

from typing import Any

from plugins.slack import PLUGIN
from plugins.slack.settings import Settings
from router.testing import Mapper

MINIMAL = {"bot_token": "xoxb-of-a-test", "channel": "C0123ABCD"}
WEBHOOK_URL = "https://hooks.slack.com/services/T0123ABCD/B0123ABCD/secretOfTheTest"
BY_WEBHOOK: dict[str, Any] = {"bot_token": "", "channel": "", "webhook_url": WEBHOOK_URL}
"""Laid over `MINIMAL`: the other way to post."""


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({**MINIMAL, **given})


MAPPER = Mapper(PLUGIN, make_settings)
payloads_of = MAPPER.payloads_of
body_of = MAPPER.body_of
skipped = MAPPER.skipped
