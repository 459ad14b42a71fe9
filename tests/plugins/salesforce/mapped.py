"""What the plugin makes of an event: the code that delivery runs."""

from __future__ import annotations

from typing import Any

from plugins.salesforce import PLUGIN
from plugins.salesforce.settings import Settings
from router.event import Document, Event
from router.testing import Mapper

MINIMAL = {
    "domain": "acme.my.salesforce.com",
    "client_id": "client-of-a-test",
    "client_secret": "secret-of-a-test",
    "external_id_field": "Router_User_Id__c",
}
BY_EMAIL = {**MINIMAL, "external_id_field": "", "match_on_email": True}


def make_settings(**given: Any) -> Settings:
    return Settings.model_validate({**MINIMAL, **given})


MAPPER = Mapper(PLUGIN, make_settings)
rehearse = MAPPER.rehearse
payload_of = MAPPER.payload_of
skipped = MAPPER.skipped


def record_of(event: Event, action: str, **settings: Any) -> Document:
    """The record of a batch, but for its type."""
    body: Document = dict(payload_of(event, action, **settings).body)
    del body["attributes"]
    return body
