"""An event reads what it wrote, and tells whose it is."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from router.event import Document, Event, looks_like_email

TRACK: Document = {
    "type": "track",
    "messageId": "m1",
    "userId": "u1",
    "event": "Signed Up",
    "properties": {"plan": "free", "coupon": None},
    "timestamp": "2024-08-24T14:15:22.000Z",
    "receivedAt": "2024-08-24T14:15:22.000Z",
    "version": 2,
}


def event_with(**fields: Any) -> Event:
    return Event.of_document({**TRACK, **fields})


def test_json_round_trip_keeps_unknown_fields_and_nulls() -> None:
    event = event_with(_metadata={"nodeVersion": "20"}, mine=None)

    again = Event.from_json(event.to_json())

    assert again == event
    assert again.document == {**TRACK, "_metadata": {"nodeVersion": "20"}, "mine": None}


def test_an_event_built_by_name_has_the_document_of_one_that_was_read() -> None:
    built = Event(
        type="track",
        message_id="m1",
        user_id="u1",
        event="Signed Up",
        properties={"plan": "free", "coupon": None},
        timestamp="2024-08-24T14:15:22.000Z",
        received_at="2024-08-24T14:15:22.000Z",
        version=2,
    )

    assert built == event_with()
    assert hash(built) == hash(event_with())
    assert built != event_with(userId="u2")
    assert built != "an event"


@pytest.mark.parametrize("name", ["document", "person", "email", "user_key", "model_fields", "__class__", "_private"])
def test_an_unknown_field_may_have_any_name(name: str) -> None:
    event = event_with(**{name: {"theirs": 1}})

    assert event.document[name] == {"theirs": 1}
    assert event.person == {}
    assert event.user_key == "u1"
    assert Event.from_json(event.to_json()) == event


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{}", b'{"type":"track"}', b"\xff", b'{"type":"unheard-of"}'])
def test_bytes_that_are_no_event_are_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Event.from_json(data)


def test_an_event_can_not_be_changed() -> None:
    event = event_with()
    with pytest.raises(ValidationError):
        event.user_id = "u2"  # type: ignore[misc]


def test_events_share_no_empty_objects() -> None:
    assert event_with().traits is not event_with().traits


@pytest.mark.parametrize(
    ("fields", "person"),
    [
        pytest.param({"type": "identify", "traits": {"a": 1}}, {"a": 1}, id="identify"),
        pytest.param({"context": {"traits": {"b": 2}}, "traits": {"a": 1}}, {"b": 2}, id="track"),
        pytest.param({"type": "group", "context": {"traits": {"b": 2}}, "traits": {"a": 1}}, {"b": 2}, id="group"),
        pytest.param({"context": {"traits": "odd"}}, {}, id="no-object"),
        pytest.param({}, {}, id="absent"),
    ],
)
def test_person_is_traits_on_identify_and_context_traits_elsewhere(fields: Document, person: Document) -> None:
    assert event_with(**fields).person == person


@pytest.mark.parametrize(
    ("fields", "email"),
    [
        pytest.param({"context": {"traits": {"email": "ada@example.com"}}}, "ada@example.com", id="trait"),
        pytest.param({"userId": "ada@example.com"}, "ada@example.com", id="user-id"),
        pytest.param(
            {"userId": "old@example.com", "context": {"traits": {"email": "ada@example.com"}}},
            "ada@example.com",
            id="trait-wins",
        ),
        pytest.param({"context": {"traits": {"email": 5}}}, None, id="no-text"),
        pytest.param({"context": {"traits": {"email": None}}}, None, id="null"),
        pytest.param({}, None, id="absent"),
    ],
)
def test_email_is_the_trait_else_a_user_id_that_looks_like_one(fields: Document, email: str | None) -> None:
    assert event_with(**fields).email == email


def test_user_key_is_the_first_there_is() -> None:
    keys: Document = {
        "userId": "u1",
        "anonymousId": "a1",
        "context": {"traits": {"email": "ada@example.com"}},
        "groupId": "g1",
        "messageId": "m1",
    }
    found = []
    while keys:
        document = {**TRACK, "messageId": "m1", **keys}
        if "userId" not in keys:
            del document["userId"]
        found.append(Event.of_document(document).user_key)
        del keys[next(iter(keys))]

    assert found == ["u1", "a1", "ada@example.com", "g1", "m1"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("ada@example.com", True),
        ("áda@example.com", True),
        ("ada@localhost", False),
        ("ada", False),
        ("@example.com", False),
        ("ada@", False),
        ("ada@b@example.com", False),
        ("ada lovelace@example.com", False),
        ("ada@.", False),
        ("", False),
    ],
)
def test_the_shape_of_an_email(text: str, is_one: bool) -> None:
    assert looks_like_email(text) is is_one
