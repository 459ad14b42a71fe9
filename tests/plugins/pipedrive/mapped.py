"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

from typing import Any, Final

from plugins.pipedrive import PLUGIN
from plugins.pipedrive.settings import Settings
from router.testing import Mapper

PERSON_ID: Final = "0" * 40
ORGANIZATION_ID: Final = "1" * 40
MINIMAL: Final = {
    "company_domain": "acme",
    "api_token": "token-of-a-test",
    "person_id_field": PERSON_ID,
    "organization_id_field": ORGANIZATION_ID,
}


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({**MINIMAL, **given})


MAPPER = Mapper(PLUGIN, make_settings)
rehearse = MAPPER.rehearse
body_of = MAPPER.body_of
payload_of = MAPPER.payload_of
skipped = MAPPER.skipped
