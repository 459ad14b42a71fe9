"""What an operator may fill in, and which mistakes are told at which key."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.plugins.salesforce.mapped import make_settings


@pytest.mark.parametrize(
    "domain",
    ["acme.my.salesforce.com", "acme--dev.sandbox.my.salesforce.com", "login.salesforce.com", "ACME.my.salesforce.com"],
)
def test_a_host_of_salesforce_is_a_domain(domain: str) -> None:
    assert make_settings(domain=domain).api_url == f"https://{domain.lower()}"


EVENTS = {"event_object": "Web_Event__c", "event_external_id_field": "Event_Id__c"}


@pytest.mark.parametrize(
    ("given", "key", "words"),
    [
        *(
            pytest.param({"domain": domain}, "domain", "match pattern", id=f"domain {domain!r}")
            for domain in (
                "acme",
                "https://acme.my.salesforce.com",
                "evilsalesforce.com",
                "acme.my.salesforce.com/x",
                "",
            )
        ),
        pytest.param({"external_id_field": ""}, "external_id_field", "match_on_email", id="nothing to find people by"),
        pytest.param({"external_id_field": "Id"}, "external_id_field", "can't be written", id="a read-only id"),
        pytest.param({"custom_fields": {"plan": "name"}}, "custom_fields", "can't be written", id="a read-only field"),
        pytest.param(
            {"custom_fields": {"x": "router_user_id__C"}}, "custom_fields", "holds the id", id="the id's field"
        ),
        pytest.param(
            {"custom_fields": {"plan": "a b"}}, "custom_fields.plan", "match pattern", id="no name of a field"
        ),
        pytest.param({"custom_fields": {"a..b": "X__c"}}, "custom_fields", "path with dots", id="no path"),
        pytest.param({"event_object": "Lead"}, "event_object", "another object", id="events as leads"),
        pytest.param({"event_object": "E__c"}, "event_external_id_field", "second record", id="events without an id"),
        pytest.param(
            {**EVENTS, "event_fields": {"event": "Event_Id__c"}}, "event_fields", "holds the id", id="the event's id"
        ),
        pytest.param(
            {"account_external_id_field": "name"}, "account_external_id_field", "can't be", id="an account's name"
        ),
        pytest.param({"api_version": "62"}, "api_version", "match pattern", id="a version without its v"),
    ],
)
def test_mistakes_are_told_at_their_key(given: dict[str, Any], key: str, words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        make_settings(**given)

    told = {".".join(map(str, error["loc"])): error["msg"] for error in raised.value.errors()}
    assert any(place.startswith(key) and words in message for place, message in told.items()), told


def test_people_may_be_found_by_email_alone() -> None:
    assert make_settings(external_id_field="", match_on_email=True).external_id_field == ""
