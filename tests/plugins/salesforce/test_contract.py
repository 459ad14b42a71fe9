"""All that the core relies on, of Salesforce by external id, and with people looked for by email and everything sent."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from plugins import salesforce
from router.plugin import Blocked, Dead, Delivered, Later, Payload, Split
from router.testing import Answer, PluginContract
from router.testing.answers import Answers
from tests.plugins.salesforce.mapped import MINIMAL


def results(*errors: str) -> object:
    """A result for each record, of which there may be fewer than payloads: what one user did is merged."""

    def body(payloads: Sequence[Payload]) -> bytes:
        ids = {payload.body.get("Router_User_Id__c", payload.body.get("Event_Id__c")) for payload in payloads}
        result = {"success": not errors, "errors": [{"statusCode": code, "message": "Words"} for code in errors]}
        return orjson.dumps([result] * len(ids))

    return body


def refusal(code: str) -> bytes:
    return b'[{"message":"Words","errorCode":"%s","fields":["Plan__c"]}]' % code.encode()


ANSWERS: Answers = {
    200: [
        Answer(Delivered, results()),  # type: ignore[arg-type]
        Answer(Dead, results("STRING_TOO_LONG")),  # type: ignore[arg-type]
        Answer(Later, results("UNABLE_TO_LOCK_ROW")),  # type: ignore[arg-type]
    ],
    300: Dead,
    400: [
        Answer(Dead, refusal("MALFORMED_ID")),
        Answer(Blocked, refusal("INVALID_FIELD")),
        Answer(Later, refusal("UNABLE_TO_LOCK_ROW")),
    ],
    401: Answer(Blocked, refusal("INVALID_SESSION_ID")),
    403: Answer(Later, refusal("REQUEST_LIMIT_EXCEEDED")),
    404: Answer(Blocked, refusal("NOT_FOUND")),
    413: Answer(Split, endpoint="collections"),
    500: Later,
    503: Later,
}


class TestByExternalId(PluginContract):
    plugin = salesforce.PLUGIN
    minimal = MINIMAL
    answers = ANSWERS


class TestByEmail(PluginContract):
    plugin = salesforce.PLUGIN
    minimal = {
        **MINIMAL,
        "object": "Contact",
        "match_on_email": True,
        "custom_fields": {"plan": "Plan__c", "age": "Age__c", "createdAt": "Since__c", "company.id": "Company_Id__c"},
        "account_external_id_field": "Router_Group_Id__c",
        "account_custom_fields": {"plan": "Plan__c", "email": "Email__c"},
        "event_object": "Web_Event__c",
        "event_external_id_field": "Event_Id__c",
        "event_fields": {"event": "Name__c", "timestamp": "At__c", "properties.products": "Products__c"},
        "state_country_codes": True,
        "lead_source": "Web",
        "allow_duplicates": True,
    }
    answers = ANSWERS
