"""What the plugin makes of a call: the code that delivery runs."""

from __future__ import annotations

from typing import Any

from plugins.vero import PLUGIN
from plugins.vero.settings import Settings
from router.plugin import Event
from router.testing import Mapper

ADA = {"userId": "u-17"}
ANON = {"anonymousId": "anon-5"}
EMAIL = "ada@example.test"


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({"auth_token": "sandbox-token", **given})


MAPPER = Mapper(PLUGIN, make_settings)
body_of = MAPPER.body_of


def map_event(event: Event, **settings: Any) -> dict[str, list[Any] | str]:
    """By action: the bodies of its payloads, or the reason why there are none."""
    mapped = MAPPER.rehearse(**settings).map(event)
    return {part.action.name: [payload.body for payload in part.payloads] or part.skipped for part in mapped}
