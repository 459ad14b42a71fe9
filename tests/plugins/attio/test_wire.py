"""Addresses and credentials, and what is read in a refusal."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from plugins.attio import PLUGIN, wire
from router.plugin import Bearer, Response, UnreadableAnswer
from tests.plugins.attio.mapped import make_settings


def test_a_record_is_written_by_its_key_and_added_to_by_its_id() -> None:
    settings = make_settings(base_url="http://127.0.0.1:9/a")
    written = wire.assert_record(settings, "people", "email_addresses", {"job_title": "Analyst"})
    added = wire.add_to_record(settings, "people", "a/b", {})

    assert (written.method, written.json) == ("PUT", {"data": {"values": {"job_title": "Analyst"}}})
    assert written.url == "http://127.0.0.1:9/a/v2/objects/people/records?matching_attribute=email_addresses"
    assert (added.method, added.url) == ("PATCH", "http://127.0.0.1:9/a/v2/objects/people/records/a%2Fb")


def test_the_token_is_sent_and_writes_have_a_rate() -> None:
    assert wire.credentials(make_settings()) == [Bearer(SecretStr("token-of-a-test"))]
    assert [each.rate_limit_per_s for each in PLUGIN.endpoints] == [25]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"active": true, "scope": "record_permission:read-write"}', True),
        (200, b'{"active": false}', False),
        (200, b"<html>", False),
        (200, b"{}", False),
        (400, b'{"code": "missing_value"}', False),
        (401, b'{"active": true}', False),
    ],
)
def test_a_token_is_right_where_it_is_active(status: int, body: bytes, expected: bool) -> None:
    assert wire.is_active(Response(status, body)) == expected


VALUES = {
    "email_addresses": ["ada@example.org"],
    "name": {"first_name": "Ada", "last_name": "", "full_name": "Ada"},
    "plan": "gold",
    "tags": ["vip", "gold"],
    "primary_email_address": "ada@example.org",
    "seats": 4,
}


@pytest.mark.parametrize(
    ("message", "names"),
    [
        pytest.param('Cannot find attribute with slug/ID "plan".', ["plan"], id="unknown"),
        pytest.param('An invalid value was passed to attribute with slug "name".', ["name"], id="wrong"),
        pytest.param('An invalid value was passed to attribute with slug "other".', [], id="not sent"),
        pytest.param('Cannot find select option with title "vip".', ["tags"], id="an option"),
        pytest.param(
            'Cannot find select option with title/ID "vip" for attribute.', ["tags"], id="an option or its id"
        ),
        pytest.param('Cannot find Status with title "gold".', ["plan", "tags"], id="a status that two have"),
        pytest.param(
            'The value "{\\"email_address\\":\\"ada@example.org\\"}" provided for attribute with ID "b8" conflicts',
            ["email_addresses", "primary_email_address"],
            id="taken",
        ),
        pytest.param(
            'A value provided for attribute with slug "plan" conflicts with one', ["plan"], id="taken, by slug"
        ),
        pytest.param("No.", [], id="nothing"),
    ],
)
def test_a_refusal_names_attributes_or_quotes_their_values(message: str, names: list[str]) -> None:
    assert wire.refused(VALUES, Response(400, orjson.dumps({"message": message}))) == names


@pytest.mark.parametrize(
    "data", [None, [], {}, {"id": "x"}, {"id": {}}, {"id": {"record_id": 7}}, {"id": {"record_id": ""}}]
)
def test_an_answer_without_a_record_is_unreadable(data: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        wire.read_record(Response(200, orjson.dumps({"data": data})))


@pytest.mark.parametrize("values", [None, [], {}, {"name": None}, {"name": {}}, {"name": [None, 7]}])
def test_an_answer_that_does_not_tell_what_a_record_has_tells_nothing(values: Any) -> None:
    assert wire.held({"values": values}, "name") == []
