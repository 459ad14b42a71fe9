"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

import hashlib
from typing import Any

from plugins.facebook_conversions import PLUGIN
from plugins.facebook_conversions.settings import Settings
from router.testing import Mapper

SECONDS = 1772619630
"""The timestamp of `router.testing.make_event`."""
MINIMAL = {"pixel_id": "123456789", "access_token": "token-of-a-test"}
CONTEXT = {"userAgent": "Mozilla/5.0", "page": {"url": "https://example.test/checkout"}}
"""What a website event needs."""


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({**MINIMAL, **given})


MAPPER = Mapper(PLUGIN, make_settings)
rehearse = MAPPER.rehearse
payloads_of = MAPPER.payloads_of
body_of = MAPPER.body_of
skipped = MAPPER.skipped
