"""Requests and verdicts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from plugins.iterable import PLUGIN, wire
from plugins.iterable.settings import Settings
from router.plugin import (
    BatchEndpoint,
    Blocked,
    Dead,
    Delivered,
    HeaderKey,
    Judgement,
    Later,
    Payload,
    Response,
    Split,
    UnreadableAnswer,
)
from tests.plugins.iterable.samples import make_settings

USERS = [Payload({"userId": "u-1"}), Payload({"email": "Ada@example.test"}), Payload({"userId": "u-1"})]
EVENTS = [Payload({"userId": "u-1", "eventName": "E"}), Payload({"userId": "u-2", "eventName": "F"})]
SUCCESS = {"code": "Success", "msg": "", "params": {"id": "m-1"}}


def judge(status: int, body: Any, payloads: list[Payload] = USERS) -> Judgement:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    read = wire.judge_in_order if payloads is EVENTS or payloads == EVENTS[:1] else wire.judge
    return read(Response(status, data), payloads, make_settings())


def counts(failed: int, **more: Any) -> dict[str, Any]:
    return {"successCount": 3 - failed, "failCount": failed, "createdFields": [], **more}


def refusal(code: str) -> dict[str, Any]:
    return {"code": code, "msg": "no", "params": None}


# --- requests ---


@pytest.mark.parametrize(
    ("settings", "path", "body"),
    [
        pytest.param({}, "users/bulkUpdate", {"users": [{"userId": "u-1"}]}, id="bulk"),
        pytest.param(
            {"create_new_fields": "no"},
            "users/bulkUpdate",
            {"users": [{"userId": "u-1"}], "createNewFields": False},
            id="bulk, no new fields",
        ),
        pytest.param({"use_bulk": False}, "users/update", {"userId": "u-1"}, id="one by one"),
        pytest.param(
            {"use_bulk": False, "create_new_fields": "yes"},
            "users/update",
            {"userId": "u-1", "createNewFields": True},
            id="one by one, new fields",
        ),
    ],
)
def test_users_go_to_one_kind_of_queue(settings: Any, path: str, body: Any) -> None:
    request = wire.pack_users(USERS[:1], make_settings(**settings))

    assert (request.method, request.url, request.json) == ("POST", f"https://api.iterable.com/api/{path}", body)


@pytest.mark.parametrize(
    ("settings", "path", "body"),
    [
        pytest.param({"region": "eu"}, "events/trackBulk", {"events": [EVENTS[0].body]}, id="bulk"),
        pytest.param({"region": "eu", "use_bulk": False}, "events/track", EVENTS[0].body, id="one by one"),
    ],
)
def test_events_go_to_the_same_kind(settings: Any, path: str, body: Any) -> None:
    request = wire.pack_events(EVENTS[:1], make_settings(**settings))

    assert (request.url, request.json) == (f"https://api.eu.iterable.com/api/{path}", body)


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [
        ("purchases", "commerce/trackPurchase"),
        ("carts", "commerce/updateCart"),
        ("devices", "users/registerDeviceToken"),
        ("merge", "users/merge"),
    ],
)
def test_what_has_no_batches_goes_alone(endpoint: str, path: str) -> None:
    place = PLUGIN.endpoint(endpoint)
    assert isinstance(place, BatchEndpoint)

    request = place.pack([Payload({"a": 1})], make_settings())

    assert (place.max_events, request.url, request.json) == (1, f"https://api.iterable.com/api/{path}", {"a": 1})


@pytest.mark.parametrize(
    ("use_bulk", "expected"),
    [
        (True, {"users": (1_000, 5.0, 4_000_000), "events": (1_000, 10.0, 4_000_000)}),
        (False, {"users": (1, 500.0, 4_000_000), "events": (1, 2_000.0, 4_000_000)}),
    ],
    ids=["bulk", "one by one"],
)
def test_limits_are_those_of_the_queue(use_bulk: bool, expected: Any) -> None:
    places = [PLUGIN.endpoint(name).for_settings(make_settings(use_bulk=use_bulk)) for name in ("users", "events")]

    assert {
        place.name: (place.max_events, place.rate_limit_per_s, place.max_bytes)
        for place in places
        if isinstance(place, BatchEndpoint)
    } == expected


def test_the_key_is_a_header() -> None:
    for endpoint in PLUGIN.endpoints:
        [credential] = endpoint.credentials(make_settings())
        assert isinstance(credential, HeaderKey)
        assert (credential.name, credential.value.get_secret_value()) == ("Api-Key", "sandbox-key")


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"api_key": "k"}, id="no type of project"),
        pytest.param({"api_key": "k", "identity": "phone"}, id="unknown type"),
        pytest.param({"api_key": "", "identity": "email"}, id="no key"),
        pytest.param({"api_key": "k", "identity": "email", "group_field": "a.b"}, id="a field that would nest"),
        pytest.param(
            {"api_key": "k", "identity": "email", "special_traits": ["userId"]}, id="an id as a special trait"
        ),
    ],
)
def test_settings_that_cannot_be_right_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(given)


# --- verdicts ---


@pytest.mark.parametrize("body", [SUCCESS, counts(0), counts(0, failedUpdates={"invalidEmails": []})])
def test_a_good_answer_delivers_all(body: Any) -> None:
    assert judge(200, body) == [Delivered()] * 3


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            counts(2, failedUpdates={"invalidUserIds": ["u-1"], "invalidEmails": []}),
            [Dead("invalidUserIds: u-1"), Delivered(), Dead("invalidUserIds: u-1")],
            id="every item of the id",
        ),
        pytest.param(
            counts(1, failedUpdates={"forgottenEmails": ["ada@example.test"]}),
            [Delivered(), Dead("forgottenEmails: Ada@example.test"), Delivered()],
            id="email in any case",
        ),
        pytest.param(
            counts(1, invalidDataEmails=["ada@example.test"], failedUpdates={}),
            [Delivered(), Dead("invalidDataEmails: Ada@example.test"), Delivered()],
            id="lists at the top",
        ),
        pytest.param(
            counts(2, failedUpdates={"invalidDataUserIds": ["u-1"]}),
            Split,
            id="for its data, one of two calls about a user",
        ),
        pytest.param(
            counts(2, failedUpdates={"conflictUserIds": ["u-1"]}),
            Split,
            id="for an email of somebody else's, one of two calls about a user",
        ),
        pytest.param(
            counts(1, failedUpdates={"conflictUserIds": ["u-9"]}, filteredOutFields=["tier"]),
            Split,
            id="more failed than are named",
        ),
        pytest.param(counts(2), Split, id="nobody named"),
    ],
)
def test_a_batch_names_whom_it_refuses_by_id(body: Any, expected: Any) -> None:
    judgement = judge(200, body)

    assert judgement == expected or (expected is Split and isinstance(judgement, Split))


def test_events_are_not_halved_for_their_data() -> None:
    """A property of another type is wrong in every event of its kind, and a user has many: each batch would go one by one."""
    judgement = judge(200, counts(1, failedUpdates={"invalidDataUserIds": ["u-1"]}), [*EVENTS[:1], *EVENTS[:1]])

    assert judgement == [Dead("invalidDataUserIds: u-1")] * 2


def test_a_single_item_that_failed_without_a_name_is_the_one() -> None:
    [verdict] = judge(200, counts(1), USERS[:1])  # type: ignore[misc]

    assert isinstance(verdict, Dead)


def test_fields_that_were_left_out_are_a_warning() -> None:
    judgement = judge(200, counts(0, filteredOutFields=["tier", "more"]))

    words = "fields that the project does not know were left out: tier, more"
    assert judgement == [Delivered((words,)), Delivered(), Delivered()]


def test_an_event_that_is_not_allowed_dies_alone() -> None:
    body = counts(0, disallowedEventNames=["F"])

    assert judge(200, body, EVENTS) == [Delivered(), Dead("disallowedEventNames: F")]


def test_an_event_of_a_user_not_there_yet_is_tried_once_more() -> None:
    body = counts(1, failedUpdates={"notFoundUserIds": ["u-2"]})

    assert judge(200, body, EVENTS) == [Delivered(), Later("notFoundUserIds: u-2", 60.0, 2)]
    assert judge(404, refusal("UnknownUserIdError"), EVENTS[:1]) == [
        Later('404 {"code":"UnknownUserIdError","msg":"no","params":null}', 60.0, 2)
    ]


def test_a_user_that_is_not_there_is_its_end() -> None:
    body = counts(2, failedUpdates={"notFoundUserIds": ["u-1"]})
    dead = Dead("notFoundUserIds: u-1")

    assert judge(200, body) == [dead, Delivered(), dead]


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        pytest.param(400, "BadParams", Dead, id="400"),
        pytest.param(400, "RequestFieldsTypesMismatched", Dead, id="400, types"),
        pytest.param(400, "BatchTooLarge", Split, id="400, too large"),
        pytest.param(413, "BatchTooLarge", Split, id="413"),
        pytest.param(401, "BadApiKey", Blocked, id="401"),
        pytest.param(403, "Forbidden", Blocked, id="403"),
        pytest.param(404, "UnknownUserIdError", Dead, id="404"),
        pytest.param(409, "ForgottenUserError", Dead, id="409"),
        pytest.param(429, "RateLimitExceeded", Later, id="429"),
        pytest.param(500, "GenericError", Later, id="500"),
        pytest.param(503, "DatabaseError", Later, id="503"),
        pytest.param(200, "BadApiKey", Blocked, id="200, key"),
        pytest.param(200, "Forbidden", Blocked, id="200, forbidden"),
        pytest.param(200, "BatchTooLarge", Split, id="200, too large"),
        pytest.param(200, "RateLimitExceeded", Later, id="200, rate"),
        pytest.param(200, "GenericError", Later, id="200, trouble"),
        pytest.param(200, "InvalidEmailAddressError", Dead, id="200, email"),
        pytest.param(200, "UniqueFieldsLimitExceeded", Dead, id="200, fields"),
    ],
)
def test_a_code_says_whose_fault_it_is(status: int, code: str, word: type) -> None:
    judgement = judge(status, refusal(code), USERS[:1])

    assert isinstance(judgement[0] if isinstance(judgement, list) else judgement, word)


@pytest.mark.parametrize("status", [400, 409, 422, 200])
def test_a_batch_that_is_refused_whole_is_halved(status: int) -> None:
    """Sending the good ones again is harmless: a user is written anew, an event with a known id is updated."""
    assert isinstance(judge(status, refusal("BadParams")), Split)


@pytest.mark.parametrize(("status", "word"), [(404, Blocked), (301, Blocked), (405, Blocked), (413, Split)])
def test_an_answer_that_is_not_iterable_s_kills_nothing(status: int, word: type) -> None:
    assert isinstance(judge(status, b"<html>"), word)


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b"", [], {"message": "hello"}, b'{"code":"Succ'])
def test_a_success_of_another_shape_is_unreadable(body: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        judge(200, body)


@pytest.mark.parametrize("name", ["events", "purchases", "carts", "devices", "merge"])
def test_what_comes_before_its_user_is_tried_once_more(name: str) -> None:
    """Iterable writes users in another queue, which takes about a minute: a merge often follows the identify at once."""
    response = Response(404, orjson.dumps(refusal("UnknownUserIdError")))
    endpoint = PLUGIN.endpoint(name)
    assert isinstance(endpoint, BatchEndpoint)

    [verdict] = endpoint.judge(response, [Payload({})], make_settings())  # type: ignore[misc]

    assert isinstance(verdict, Later)
    assert (verdict.after_s, verdict.max_attempts) == (60.0, 2)
