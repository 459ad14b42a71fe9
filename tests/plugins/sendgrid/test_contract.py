"""All that the core relies on, of SendGrid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from plugins import sendgrid
from router.plugin import Blocked, Dead, Delivered, Later, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers
from tests.plugins.sendgrid.samples import MINIMAL, WITH_FIELDS

ANSWERS: Answers = {
    202: Answer(Delivered, b'{"job_id": "j-1"}'),
    400: Answer(Dead, b'{"errors": [{"message": "email \'x\' is not valid", "field": "contacts[0].email"}]}'),
    401: Blocked,
    403: Blocked,
    404: Blocked,
    413: Split,
    429: Answer(Later, b'{"errors": [{"field": null, "message": "too many requests"}]}', {"x-ratelimit-reset": "1"}),
    500: Later,
    502: Later,
    503: Later,
    504: Later,
}


class TestByEmail(PluginContract):
    plugin = sendgrid.PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = MINIMAL
    answers: ClassVar[Answers] = ANSWERS


class TestWithFieldsAndIdentifiers(PluginContract):
    plugin = sendgrid.PLUGIN
    minimal: ClassVar[Mapping[str, Any]] = {
        **MINIMAL,
        **WITH_FIELDS,
        "region": "eu",
        "list_ids": ["L1"],
        "on_behalf_of": "subuser",
        "send_external_id": True,
        "send_anonymous_id": True,
    }
    answers: ClassVar[Answers] = ANSWERS
