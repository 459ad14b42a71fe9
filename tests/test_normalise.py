"""From a call to an event: what is required, what is put right, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from router.event import EVENT_TYPES, Document
from router.normalise import Normalised, normalise
from router.odd_json import MAX_DEPTH
from router.rejection import Rejected, RejectionCode
from router.traits import camel_case

RECEIVED = datetime(2024, 8, 24, 14, 15, 22, tzinfo=UTC)
RECEIVED_TEXT = "2024-08-24T14:15:22.000Z"

SMALLEST: dict[str, Document] = {
    "identify": {"userId": "u1"},
    "track": {"userId": "u1", "event": "Signed Up"},
    "page": {"userId": "u1"},
    "screen": {"userId": "u1"},
    "group": {"userId": "u1", "groupId": "g1"},
    "alias": {"userId": "u1", "previousId": "a1"},
}


def run(raw: Any, **given: Any) -> Normalised:
    return normalise(raw, received_at=RECEIVED, new_id=lambda: "made", **given)


def call(type: str = "identify", **fields: Any) -> Document:
    return {"type": type, **SMALLEST[type], **fields}


def document(raw: Any, **given: Any) -> Document:
    """The event of a call that is in order: no warnings."""
    normalised = run(raw, **given)
    assert normalised.warnings == ()
    return normalised.event.document


def refusal(raw: Any, **given: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        run(raw, **given)
    return caught.value


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_the_smallest_call_of_each_type_becomes_a_whole_event(kind: str) -> None:
    assert document(call(kind)) == {
        "type": kind,
        **SMALLEST[kind],
        "messageId": "made",
        "timestamp": RECEIVED_TEXT,
        "originalTimestamp": RECEIVED_TEXT,
        "receivedAt": RECEIVED_TEXT,
        "version": 2,
    }


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        pytest.param([], "not_an_object", "", id="list"),
        pytest.param("identify", "not_an_object", "", id="text"),
        pytest.param(None, "not_an_object", "", id="null"),
        pytest.param({}, "unknown_type", "type", id="no-type"),
        pytest.param({"type": "purchase", "userId": "u1"}, "unknown_type", "type", id="unknown-type"),
        pytest.param({"type": ["track"], "userId": "u1"}, "unknown_type", "type", id="type-no-text"),
        pytest.param({"type": "identify"}, "missing_id", "userId", id="identify-nobody"),
        pytest.param({"type": "identify", "userId": "", "anonymousId": None}, "missing_id", "userId", id="empty-ids"),
        pytest.param({"type": "identify", "userId": "  "}, "missing_id", "userId", id="blank-id"),
        pytest.param({"type": "identify", "traits": {"email": ""}}, "missing_id", "userId", id="empty-email"),
        pytest.param({"type": "identify", "traits": {"email": 5}}, "missing_id", "userId", id="email-no-text"),
        pytest.param(
            {"type": "track", "event": "x", "context": {"traits": {"email": "a@b.example"}}},
            "missing_id",
            "userId",
            id="email-is-for-identify",
        ),
        pytest.param({"type": "page"}, "missing_id", "userId", id="page-nobody"),
        pytest.param({"type": "group", "groupId": "g1"}, "missing_id", "userId", id="group-nobody"),
        pytest.param(
            {"type": "group", "groupId": "g1", "traits": {"email": "team@example.com"}},
            "missing_id",
            "userId",
            id="the-email-of-a-group",
        ),
        pytest.param(
            {"type": "track", "event": "e", "traits": {"email": "ada@example.com"}},
            "missing_id",
            "userId",
            id="an-email-in-a-track",
        ),
        pytest.param(
            {"type": "alias", "anonymousId": "a1", "previousId": "p1"}, "missing_id", "userId", id="alias-without-user"
        ),
        pytest.param({"type": "track", "userId": "u1"}, "missing_event", "event", id="track-without-event"),
        pytest.param({"type": "track", "userId": "u1", "event": " "}, "missing_event", "event", id="blank-event"),
        pytest.param({"type": "track", "userId": "u1", "event": None}, "missing_event", "event", id="null-event"),
        pytest.param({"type": "group", "userId": "u1"}, "missing_group_id", "groupId", id="group-without-id"),
        pytest.param(
            {"type": "group", "userId": "u1", "groupId": ""}, "missing_group_id", "groupId", id="empty-group-id"
        ),
        pytest.param(
            {"type": "alias", "userId": "u1"}, "missing_previous_id", "previousId", id="alias-without-previous"
        ),
        pytest.param(call(userId={"id": 1}), "invalid_id", "userId", id="id-object"),
        pytest.param(call(anonymousId=["a"]), "invalid_id", "anonymousId", id="id-list"),
        pytest.param(call(userId=True), "invalid_id", "userId", id="id-boolean"),
        pytest.param(call(userId=1.5), "invalid_id", "userId", id="id-fraction"),
        pytest.param(call(userId=2.0**53), "invalid_id", "userId", id="id-inexact"),
        pytest.param(call(userId=float("nan")), "invalid_id", "userId", id="id-nan"),
        pytest.param(call(userId=float("inf")), "invalid_id", "userId", id="id-infinity"),
        pytest.param(call(userId=10**5000), "invalid_id", "userId", id="id-of-5000-digits"),
        pytest.param(call("group", groupId=False), "invalid_id", "groupId", id="group-id-boolean"),
        pytest.param(call("alias", previousId={}), "invalid_id", "previousId", id="previous-id-object"),
        pytest.param(call(user_id=[1], userId=None), "invalid_id", "userId", id="id-in-snake-case"),
        pytest.param(call(messageId=["m"]), "invalid_id", "messageId", id="message-id-list"),
        pytest.param(call(messageId="m" * 101), "message_id_too_long", "messageId", id="message-id-too-long"),
        pytest.param(call(traits="x"), "invalid_field", "traits", id="traits-text"),
        pytest.param(call(traits=[1]), "invalid_field", "traits", id="traits-list"),
        pytest.param(call("track", properties=5), "invalid_field", "properties", id="properties-number"),
        pytest.param(call(context=True), "invalid_field", "context", id="context-boolean"),
        pytest.param(call(context={"traits": "x"}), "invalid_field", "context.traits", id="context-traits-text"),
        pytest.param(call(integrations=False), "invalid_field", "integrations", id="integrations-boolean"),
        pytest.param(call(integrations=["Webhook"]), "invalid_field", "integrations", id="integrations-list"),
        pytest.param(call("track", event={"name": "x"}), "invalid_field", "event", id="event-object"),
        pytest.param(call("track", event=True), "invalid_field", "event", id="event-boolean"),
        pytest.param(call("page", name=["x"]), "invalid_field", "name", id="name-list"),
        pytest.param(call("page", category=float("nan")), "invalid_field", "category", id="category-nan"),
    ],
)
def test_what_can_not_be_an_event_is_refused_with_code_and_field(raw: Any, code: str, field: str) -> None:
    refused = refusal(raw)

    assert (refused.code, refused.field) == (RejectionCode(code), field)
    assert refused.expected
    assert refused.found
    assert str(refused) == f"{field or 'the call'}: expected {refused.expected}, found {refused.found}"


def test_a_refusal_never_shows_ids_or_traits() -> None:
    assert "secret" not in str(refusal(call(userId={"secret": "secret"})))
    assert "secret" not in str(refusal(call(traits="secret")))
    assert "secret" not in str(refusal(call(messageId="secret" * 20)))


def test_a_call_too_deep_is_refused() -> None:
    deep: Any = "x"
    for _ in range(MAX_DEPTH):
        deep = {"deeper": deep}

    refused = refusal(call("track", properties=deep))

    assert (refused.code, refused.field) == (RejectionCode.TOO_DEEP, "properties")


def test_a_refusal_can_be_shown_whatever_was_sent() -> None:
    refused = refusal({"type": "\ud800" * 500})

    refused.found.encode()
    assert len(refused.found) < 60


# --- type ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "path", "expected", "warns"),
    [
        pytest.param("track", None, "track", False, id="own"),
        pytest.param("track", "track", "track", False, id="both"),
        pytest.param(None, "track", "track", False, id="path"),
        pytest.param(" Track", None, "track", False, id="any-case"),
        pytest.param("track", "identify", "track", True, id="mismatch-own-wins"),
        pytest.param("purchase", "track", "track", True, id="unknown-then-path"),
        pytest.param(5, "track", "track", True, id="no-text-then-path"),
        pytest.param("track", "batch", "track", True, id="path-that-is-no-type"),
    ],
)
def test_the_type_is_the_calls_own_else_that_of_the_path(
    own: Any, path: str | None, expected: str, warns: bool
) -> None:
    normalised = run({"type": own, **SMALLEST["track"]}, type=path)

    assert normalised.event.type == expected
    assert bool(normalised.warnings) is warns


# --- ids and texts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("u1", "u1", id="text"),
        pytest.param(" u1 ", " u1 ", id="blanks-stay"),
        pytest.param(12345, "12345", id="integer"),
        pytest.param(0, "0", id="zero"),
        pytest.param(-5, "-5", id="negative"),
        pytest.param(12345.0, "12345", id="whole-float"),
        pytest.param(-0.0, "0", id="minus-zero"),
        pytest.param(2**53 + 1, "9007199254740993", id="big"),
        pytest.param(10**30, "1" + "0" * 30, id="beyond-64-bits"),
    ],
)
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("track", "userId"),
        ("track", "anonymousId"),
        ("group", "groupId"),
        ("alias", "previousId"),
        ("page", "messageId"),
    ],
)
def test_ids_become_text(kind: str, field: str, value: Any, text: str) -> None:
    assert document(call(kind, **{field: value}))[field] == text


@pytest.mark.parametrize("absent", ["", "  ", None])
@pytest.mark.parametrize("field", ["userId", "groupId", "previousId"])
def test_empty_ids_are_absent(field: str, absent: Any) -> None:
    assert field not in document(call("track", anonymousId="a1", **{field: absent}))


@pytest.mark.parametrize("absent", ["", None])
def test_a_message_id_is_made_where_there_is_none(absent: Any) -> None:
    assert document(call(messageId=absent))["messageId"] == "made"
    assert document(call(messageId="m" * 100))["messageId"] == "m" * 100


@pytest.mark.parametrize(
    ("value", "text"), [("Signed Up", "Signed Up"), (404, "404"), (2.0, "2"), (1.5, "1.5"), (0, "0")]
)
@pytest.mark.parametrize("field", ["event", "name", "category"])
def test_names_become_text(field: str, value: Any, text: str) -> None:
    assert document(call("track", **{field: value}))[field] == text


@pytest.mark.parametrize(
    "identity",
    [{"userId": "u1"}, {"anonymousId": "a1"}, {"anonymousId": 7, "userId": ""}],
    ids=["user", "anonymous", "number"],
)
@pytest.mark.parametrize("kind", ["identify", "track", "page", "screen", "group"])
def test_either_id_is_enough(kind: str, identity: Document) -> None:
    raw = {key: value for key, value in call(kind).items() if key != "userId"} | identity

    assert document(raw)["type"] == kind


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param({"traits": {"email": " ada@example.com "}}, id="traits"),
        pytest.param({"context": {"traits": {"email": "ada@example.com"}}}, id="context-traits"),
        pytest.param({"traits": {}, "context": {"traits": {"email": "ada@example.com"}}}, id="empty-traits-beside"),
        pytest.param(
            {"traits": {"email": ""}, "context": {"traits": {"email": "ada@example.com"}}}, id="empty-email-beside"
        ),
    ],
)
def test_an_email_trait_identifies_on_identify(raw: Document) -> None:
    event = run({"type": "identify", **raw}).event

    assert event.email == "ada@example.com"
    assert event.user_key == "ada@example.com"


@pytest.mark.parametrize(
    ("raw", "field", "value", "warning"),
    [
        pytest.param({"user_id": 5}, "userId", "5", "user_id: read as userId", id="user-id"),
        pytest.param({"anonymous_id": "a"}, "anonymousId", "a", "anonymous_id: read as anonymousId", id="anonymous-id"),
        pytest.param(
            {"userId": "u", "message_id": "m"}, "messageId", "m", "message_id: read as messageId", id="message-id"
        ),
        pytest.param({"userId": "u", "user_id": "v"}, "userId", "u", "userId is used", id="clash"),
        pytest.param({"userId": "", "user_id": "v"}, "userId", "v", "user_id: read as userId", id="empty-camel"),
    ],
)
def test_fields_in_snake_case_are_read_and_told(raw: Document, field: str, value: str, warning: str) -> None:
    normalised = run({"type": "page", **raw})

    assert normalised.event.document[field] == value
    assert len(normalised.warnings) == 1
    assert warning in normalised.warnings[0]
    assert "user_id" not in normalised.event.document


def test_unknown_fields_are_kept_and_write_keys_are_not() -> None:
    unknown: Document = {"_metadata": {"nodeVersion": "20"}, "mine": None, "clientId": 5, "first_name": "Ada"}

    event = document(call(**unknown, writeKey="secret", write_key="secret"))

    assert unknown.items() <= event.items()
    assert "secret" not in str(event)


# --- objects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["traits", "properties", "context", "integrations"])
@pytest.mark.parametrize("absent", [None, []])
def test_null_and_the_empty_list_are_absent_objects(field: str, absent: Any) -> None:
    event = run(call(**{field: absent})).event

    assert field not in event.document
    assert getattr(event, field) == {}


def test_traits_of_the_context_are_merged_into_those_of_identify_key_by_key() -> None:
    event = document(
        call(
            traits={"first_name": "Ada", "email": "", "plan": None, "address": {"city": "London"}},
            context={
                "traits": {
                    "firstName": "A.",
                    "last_name": "Lovelace",
                    "email": "ada@example.com",
                    "plan": "x",
                    "address": {"state": "y"},
                }
            },
        )
    )

    assert event["traits"] == {
        "firstName": "Ada",
        "lastName": "Lovelace",
        "email": "ada@example.com",
        "plan": None,
        "address": {"city": "London"},
        "name": "Ada Lovelace",
    }


@pytest.mark.parametrize("traits", [{"traits": {}}, {"traits": None}, {}], ids=["empty", "null", "absent"])
def test_traits_in_the_context_alone_are_the_traits_of_identify(traits: Document) -> None:
    event = document(call(**traits, context={"traits": {"first_name": "Ada"}}))

    assert event["traits"] == {"firstName": "Ada"}
    assert event["context"]["traits"] == {"firstName": "Ada"}


@pytest.mark.parametrize("kind", ["track", "page", "screen", "group", "alias"])
def test_traits_in_the_context_of_other_calls_are_canonical_and_stay_there(kind: str) -> None:
    event = run(call(kind, context={"traits": {"first_name": "Ada", "last_name": "Lovelace", "created_at": 0}})).event

    assert event.person == {
        "firstName": "Ada",
        "lastName": "Lovelace",
        "createdAt": "1970-01-01T00:00:00Z",
        "name": "Ada Lovelace",
    }
    assert event.traits == {}


def test_traits_of_a_group_are_those_of_groups() -> None:
    event = run(
        call("group", traits={"created_at": 0, "first_name": "kept", "employees": 5}, context={"traits": {"a": 1}})
    ).event

    assert event.traits == {"createdAt": "1970-01-01T00:00:00Z", "first_name": "kept", "employees": 5}
    assert event.person == {"a": 1}


@pytest.mark.parametrize(
    ("context", "expected", "warnings"),
    [
        pytest.param({"user_agent": "x"}, {"userAgent": "x"}, ("context.user_agent: read as userAgent",), id="snake"),
        pytest.param(
            {"user_agent": "x", "userAgent": "y"},
            {"userAgent": "y"},
            ("context.user_agent and context.userAgent are both given and differ; userAgent is used",),
            id="clash",
        ),
        pytest.param({"groupId": 5}, {"groupId": "5"}, (), id="group-id-becomes-text"),
        pytest.param({"groupId": None}, {"groupId": None}, (), id="group-id-null"),
        pytest.param({"groupId": {"a": 1}}, {"groupId": {"a": 1}}, (), id="group-id-that-is-none-stays"),
        pytest.param(
            {"traits": None, "ip": None, "mine": {"a_b": 1}}, {"ip": None, "mine": {"a_b": 1}}, (), id="others-stay"
        ),
        pytest.param({"traits": []}, {}, (), id="empty-list-of-traits"),
        pytest.param({"active": False}, {"active": False}, (), id="active"),
    ],
)
def test_context_is_canonical(context: Document, expected: Document, warnings: tuple[str, ...]) -> None:
    normalised = run(call("track", context=context))

    assert normalised.event.context == expected
    assert normalised.warnings == warnings


# --- defaults of a batch ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "of_batch", "merged"),
    [
        pytest.param({}, {"ip": "1"}, {"ip": "1"}, id="batch-alone"),
        pytest.param({"ip": "2"}, {"ip": "1", "locale": "en"}, {"ip": "2", "locale": "en"}, id="event-wins"),
        pytest.param({"page": {"a": 2}}, {"page": {"a": 1, "b": 1}}, {"page": {"a": 2, "b": 1}}, id="one-level-deep"),
        pytest.param({"page": {"a": {"x": 2}}}, {"page": {"a": {"y": 1}}}, {"page": {"a": {"x": 2}}}, id="no-deeper"),
        pytest.param({"page": "x"}, {"page": {"a": 1}}, {"page": "x"}, id="different-kinds"),
        pytest.param({"ip": None}, {"ip": "1"}, {"ip": None}, id="null-is-given"),
        pytest.param(
            {"traits": {"first_name": "event"}},
            {"traits": {"firstName": "batch", "plan": "x"}},
            {"traits": {"firstName": "event", "plan": "x"}},
            id="spelling-does-not-decide",
        ),
    ],
)
def test_context_of_the_batch_is_merged_and_the_event_wins(own: Document, of_batch: Document, merged: Document) -> None:
    assert document(call("track", context=own), context=of_batch)["context"] == merged


def test_traits_in_the_context_of_the_batch_reach_identify() -> None:
    assert document(call(), context={"traits": {"plan": "x"}})["traits"] == {"plan": "x"}


@pytest.mark.parametrize(
    ("own", "of_batch", "merged"),
    [
        pytest.param({}, {"All": False}, {"All": False}, id="batch-alone"),
        pytest.param({"A": True}, {"All": False, "A": False}, {"All": False, "A": True}, id="event-wins"),
        pytest.param({"a": True, "all": True}, {"A": False, "ALL": False}, {"a": True, "all": True}, id="any-case"),
        pytest.param({"B ": True, "A": True}, {"b": False, " a": False}, {"B ": True, "A": True}, id="any-case-here"),
        pytest.param({"A": None}, {"A": False}, {"A": False}, id="null-is-absent"),
        pytest.param({"A": {"x": 1}}, {"A": {"y": 1}}, {"A": {"x": 1}}, id="options-are-whole"),
    ],
)
def test_integrations_of_the_batch_are_merged_and_the_event_wins(
    own: Document, of_batch: Document, merged: Document
) -> None:
    assert document(call("track", integrations=own), integrations=of_batch)["integrations"] == merged


@pytest.mark.parametrize("field", ["context", "integrations"])
def test_odd_defaults_of_a_batch_are_refused_or_mended(field: str) -> None:
    assert refusal(call(), **{field: "x"}).field == f"batch.{field}"
    normalised = run(call(), **{field: {"a": float("nan"), "b": {"c": "\ud800"}}})
    assert normalised.event.document[field] == {"b": {"c": "�"}}
    assert [warning.split(":")[0] for warning in normalised.warnings] == [f"{field}.a", f"{field}.b.c"]


def test_what_is_odd_about_a_batch_is_told_once() -> None:
    assert len(run(call(), context={"traits": {"birthday": "in May"}}).warnings) == 1


@pytest.mark.parametrize("kind", ["identify", "track", "page", "screen"])
@pytest.mark.parametrize(
    ("context", "group_id"),
    [
        pytest.param({}, "g1", id="no context"),
        pytest.param({"context": {"groupId": None, "ip": None}}, "g1", id="null"),
        pytest.param({"context": {"groupId": "g2"}}, "g2", id="one of its own"),
        pytest.param({"context": {"group_id": 2}}, "2", id="one in snake case"),
    ],
)
def test_the_group_that_one_sdk_repeats_beside_the_ids_is_that_of_the_context(
    kind: str, context: Document, group_id: str
) -> None:
    """Destinations look for the group of an event there: no event of such a page counted for its group."""
    event = run(call(kind, groupId="g1", **context)).event.document

    assert (event["groupId"], event["context"]["groupId"]) == ("g1", group_id)


def test_a_group_call_is_not_told_twice_of_its_group() -> None:
    assert "context" not in document(call("group"))


# --- times, version, channel -----------------------------------------------------------------------------------------


def test_times_are_corrected_and_all_four_are_stored() -> None:
    event = document(
        call(timestamp="2024-08-24T16:15:10+00:00", receivedAt="1999-01-01T00:00:00Z"),
        sent_at="2024-08-24T16:15:20.123456Z",
    )

    assert {key: event[key] for key in ("timestamp", "originalTimestamp", "sentAt", "receivedAt")} == {
        "timestamp": "2024-08-24T14:15:11.876Z",
        "originalTimestamp": "2024-08-24T16:15:10.000Z",
        "sentAt": "2024-08-24T16:15:20.123Z",
        "receivedAt": RECEIVED_TEXT,
    }


def test_an_unreadable_time_of_sending_is_not_kept() -> None:
    normalised = run(call(sentAt="?"))

    assert "sentAt" not in normalised.event.document
    assert len(normalised.warnings) == 1


@pytest.mark.parametrize(
    ("given", "version", "warns"),
    [
        pytest.param(None, 2, False, id="null"),
        pytest.param(1, 1, False, id="number"),
        pytest.param("2.1", "2.1", False, id="text"),
        pytest.param(3.0, 3, False, id="whole-float"),
        pytest.param(1.5, 2, True, id="fraction"),
        pytest.param(float("nan"), 2, True, id="nan"),
        pytest.param(10**30, 2, True, id="huge"),
        pytest.param(True, 2, True, id="boolean"),
        pytest.param({}, 2, True, id="object"),
    ],
)
def test_version_is_always_there(given: Any, version: Any, warns: bool) -> None:
    normalised = run(call(version=given))

    assert normalised.event.document["version"] == version
    assert type(normalised.event.document["version"]) is type(version)
    assert bool(normalised.warnings) is warns


@pytest.mark.parametrize(
    ("fields", "channel"),
    [
        pytest.param({"channel": "server"}, "server", id="own"),
        pytest.param({"channel": "web"}, "browser", id="web-is-browser"),
        pytest.param({"channel": "Mobile"}, "mobile", id="any-case"),
        pytest.param({"channel": "sources"}, "sources", id="unknown-is-kept"),
        pytest.param({"channel": "", "context": {"channel": "web"}}, "browser", id="context"),
        pytest.param({"channel": "server", "context": {"channel": "web"}}, "server", id="own-before-context"),
        pytest.param({"context": {"library": {"name": "analytics.js"}}}, "browser", id="analytics.js"),
        pytest.param({"context": {"library": {"name": "RudderLabs JavaScript SDK"}}}, "browser", id="rudder-js"),
        pytest.param({"context": {"library": {"name": "@jitsu/js", "env": "browser"}}}, "browser", id="jitsu"),
        pytest.param({"context": {"library": {"name": "@jitsu/js", "env": "node"}}}, "server", id="jitsu-in-node"),
        pytest.param({"context": {"library": {"name": "analytics-python"}}}, "server", id="python"),
        pytest.param({"context": {"library": {"name": "analytics-node"}}}, "server", id="node"),
        pytest.param({"context": {"library": {"name": "@segment/analytics-node"}}}, "server", id="scoped-node"),
        pytest.param({"context": {"library": {"name": "analytics-kotlin"}}}, None, id="unknown-library"),
        pytest.param({"context": {"library": "analytics.js"}}, None, id="library-no-object"),
        pytest.param({}, None, id="nothing-tells"),
    ],
)
def test_channel_is_set_where_something_tells_it(fields: Document, channel: str | None) -> None:
    assert document(call(**fields)).get("channel") == channel


def test_a_channel_that_is_no_text_is_told_and_ignored() -> None:
    normalised = run(call(channel=5))

    assert "channel" not in normalised.event.document
    assert len(normalised.warnings) == 1


# --- odd JSON --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["userId", "anonymousId", "messageId", "message_id"])
def test_ids_that_differ_in_unreadable_characters_stay_apart(field: str) -> None:
    """In Latin-1, Jürgen and Jörgen would be one person, and of two messageIds the second would count as a repeat."""
    first, second = (run(call(**{field: f"J{byte}rgen"})).event.document for byte in ("\udcfc", "\udcf6"))

    name = camel_case(field)
    assert (first[name], second[name]) == (r"J\udcfcrgen", r"J\udcf6rgen")


def test_an_unreadable_group_id_is_one_id_wherever_it_stands() -> None:
    group = run(call("group", groupId="g\udcfc\ud83d\ude00")).event.document
    rides = run(call("track", event="E", context={"group_id": "g\udcfc\ud83d\ude00"})).event.document
    of_batch = run(call("track", event="E"), context={"groupId": "g\udcfc\ud83d\ude00"}).event.document

    assert group["groupId"] == rides["context"]["groupId"] == of_batch["context"]["groupId"] == "g\\udcfc😀"


def test_odd_values_cost_neither_the_event_nor_their_neighbours() -> None:
    normalised = run(
        call(
            "track",
            userId="u\ud800",
            event="Signed\udfff Up",
            properties={
                "score": float("nan"),
                "id": 1 << 70,
                "note": "\ud83d",
                "list": [float("inf"), 1],
                "plan": "free",
            },
        )
    )

    event = normalised.event
    assert (event.user_id, event.event) == ("u\\ud800", "Signed� Up")
    assert event.properties == {"id": float(1 << 70), "note": "�", "list": [None, 1], "plan": "free"}
    assert len(normalised.warnings) == 3
    event.to_json()
