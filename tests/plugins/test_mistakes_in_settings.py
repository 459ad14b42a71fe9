"""What an operator is told of a setting that a plugin refuses. Words that repeat what was given are not shown, for it may be a
secret: `router check` would say no more than "expected another value"."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from router.config import ConfigError, parse_config
from router.registry import Registry

REGISTRY = Registry.load()
EVENTS = {"event_object": "Web_Event__c", "event_external_id_field": "Event_Id__c"}


@pytest.mark.parametrize(
    ("slug", "given", "told"),
    [
        (
            "attio",
            {"person_attributes": {"avatar": "avatar_url"}},
            "person_attributes.avatar: that attribute is filled",
        ),
        ("attio", {"company_attributes": {"name": "name"}}, "company_attributes.name: that attribute is filled"),
        ("attio", {"person_attributes": {"seats": "seats:"}}, "person_attributes.seats: got *"),
        ("attio", {"person_attributes": {"company.": "tier"}}, "person_attributes: got a mapping, expected a trait"),
        ("heap", {"account_id_property": "user_id"}, "expected the name of a property"),
        ("heap", {"account_id_property": "Id"}, "expected the name of a property"),
        ("mailchimp", {"merge_fields": {"mail": "EMAIL"}}, "merge_fields: mail: that field is the address"),
        ("mixpanel", {"group_keys": ["company.id"]}, "expected group keys, which are texts without dots"),
        ("salesforce", {"external_id_field": "CreatedDate"}, "external_id_field: that field can't be written"),
        ("salesforce", {"custom_fields": {"plan": "CreatedDate"}}, "custom_fields: plan: that field can't be written"),
        ("salesforce", {**EVENTS, "event_object": "Lead"}, "event_object: that is for people"),
        ("salesforce", {**EVENTS, "event_fields": {"x": "Event_Id__c"}}, "event_fields: x: that field holds the id"),
        ("slack", {"shown_traits": ["plan."]}, "shown_traits: got a list, expected names such as"),
        ("zendesk", {"event_source": "zendesk"}, "event_source: that source"),
    ],
)
def test_a_mistake_is_told_in_the_plugin_s_words(slug: str, given: dict[str, Any], told: str) -> None:
    settings = {**REGISTRY.get(slug).sandbox_settings, **given}
    config = {"sources": {"website": {"write_key": "k1"}}, "destinations": {slug: {"settings": settings}}}

    with pytest.raises(ConfigError) as caught:
        parse_config(orjson.dumps(config).decode(), REGISTRY, environ={})

    [problem] = map(str, caught.value.problems)
    assert told in problem
