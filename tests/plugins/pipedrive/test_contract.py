"""All that the core relies on, of Pipedrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from plugins import pipedrive
from router.plugin import Blocked, Dead, Delivered, Later
from router.testing import Answer, PluginContract
from router.testing.answers import Answers
from tests.plugins.pipedrive.mapped import MINIMAL

REFUSED = b'{"success": false, "error": "Validation failed: name: Required", "error_info": "See", "data": null}'
ANSWERS: Answers = {
    200: (
        Answer(Delivered, b'{"success": true, "data": {"id": 1}}'),
        Answer(Dead, b'{"success": false, "error": "no"}'),
    ),
    400: Answer(Dead, REFUSED),
    401: Blocked,
    402: Blocked,
    403: Answer(Blocked, b"<html>1015</html>"),
    404: Blocked,
    410: Blocked,
    429: Answer(Later, b'{"success": false, "error": "request over limit"}', {"x-ratelimit-reset": "2"}),
    500: Later,
    503: Later,
}


class TestWithIds(PluginContract):
    plugin = pipedrive.PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = {
        **MINIMAL,
        "fields": {name: dict(field) for name, field in pipedrive.PLUGIN.sandbox_settings["fields"].items()},
        "group_fields": {"plan": {"key": "b3" * 20}},
        "notes": ["Order Completed", "E", "Viewed"],
        "label_ids": [3],
    }
    answers: ClassVar[Answers] = ANSWERS


class TestByEmailAndName(PluginContract):
    plugin = pipedrive.PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = {
        "company_domain": "acme",
        "api_token": "token-of-a-test",
        "notes": ["Order Completed"],
    }
    answers: ClassVar[Answers] = ANSWERS
