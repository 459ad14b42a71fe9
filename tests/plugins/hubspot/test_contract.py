"""All that the core relies on, of HubSpot: contacts by email, and by the userId in batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from plugins import hubspot
from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers
from tests.plugins.hubspot.samples import BY_EMAIL, BY_USER_ID

ANSWERS: Answers = {
    200: Answer(Delivered, b'{"status": "COMPLETE", "results": [{"id": "51"}]}', endpoint="contact batches"),
    204: Answer(Delivered, endpoint="events"),
    400: Answer(Dead, b'{"status": "error", "category": "VALIDATION_ERROR", "message": "m"}'),
    401: Answer(Blocked, b'{"status": "error", "category": "EXPIRED_AUTHENTICATION", "message": "m"}'),
    403: Answer(Blocked, b'{"status": "error", "category": "MISSING_SCOPES", "message": "m"}'),
    413: Split,
    414: Dead,
    423: Later,
    429: Answer(Later, b'{"status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY"}'),
    477: Answer(Blocked, headers={"retry-after": "3600"}),
    502: Later,
    521: Later,
}


class TestByEmail(PluginContract):
    plugin = hubspot.PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = BY_EMAIL
    answers: ClassVar[Answers] = ANSWERS


class TestByUserIdInBatches(PluginContract):
    plugin = hubspot.PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = {
        **BY_USER_ID,
        "api_version": "2026-03",
        "batch_contacts": True,
        "contact_properties": [],
        "merge_on_alias": True,
    }
    answers: ClassVar[Answers] = ANSWERS
