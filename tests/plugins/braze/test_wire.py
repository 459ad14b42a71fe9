"""Requests and verdicts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from plugins.braze import PLUGIN, wire
from plugins.braze.settings import HOSTS
from router.plugin import (
    BatchEndpoint,
    Bearer,
    Blocked,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    Response,
    Split,
    UnreadableAnswer,
)
from tests.plugins.braze.samples import make_settings

PAYLOADS = [
    Payload({"attributes": {"external_id": "a"}}),
    Payload({"events": {"external_id": "a", "name": "E"}}),
    Payload({"attributes": {"external_id": "b"}}),
    Payload({"purchases": {"external_id": "b"}}),
]


def judge(status: int, body: Any, payloads: list[Payload] = PAYLOADS) -> Judgement:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return wire.judge_track(Response(status, data), payloads, make_settings())


# --- requests ---


def test_objects_of_all_three_kinds_travel_together() -> None:
    request = wire.pack_track(PAYLOADS, make_settings(instance="eu-01"))

    assert (request.method, request.url) == ("POST", "https://rest.fra-01.braze.eu/users/track")
    assert request.json == {
        "attributes": [{"external_id": "a"}, {"external_id": "b"}],
        "events": [{"external_id": "a", "name": "E"}],
        "purchases": [{"external_id": "b"}],
    }


def test_pairs_are_merged_and_not_only_linked() -> None:
    request = wire.pack_identify([Payload({"external_id": "a"})], make_settings())

    assert request.url == "https://rest.iad-01.braze.com/users/identify"
    assert request.json == {"aliases_to_identify": [{"external_id": "a"}], "merge_behavior": "merge"}


def test_merges_travel_together() -> None:
    request = wire.pack_merge([Payload({"n": 1}), Payload({"n": 2})], make_settings())

    assert request.url == "https://rest.iad-01.braze.com/users/merge"
    assert request.json == {"merge_updates": [{"n": 1}, {"n": 2}]}


@pytest.mark.parametrize("instance", HOSTS)
def test_each_instance_has_its_host(instance: str) -> None:
    settings = make_settings(instance=instance.upper())

    assert settings.api_url.startswith("https://rest.")
    assert settings.api_url == HOSTS[instance]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"instance": ""}, id="neither instance nor address"),
        pytest.param({"instance": "us-11"}, id="unknown instance"),
        pytest.param({"group_prefix": "a.b"}, id="a prefix that would nest"),
        pytest.param({"batch_size": 76}, id="more than Braze takes"),
        pytest.param({"special_traits": ["external_id"]}, id="an id as a special trait"),
    ],
)
def test_settings_that_lead_nowhere_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_settings(**given)


def test_an_address_may_stand_for_the_instance() -> None:
    assert (
        make_settings(instance=None, base_url="https://rest.us-11.braze.com").api_url == "https://rest.us-11.braze.com"
    )


def test_the_key_is_a_bearer_token() -> None:
    for endpoint in PLUGIN.endpoints:
        [credential] = endpoint.credentials(make_settings())
        assert isinstance(credential, Bearer)
        assert (credential.scheme, credential.token.get_secret_value()) == ("Bearer", "sandbox-key")


def test_endpoints_stay_within_braze_s_limits() -> None:
    limits = {
        endpoint.name: (endpoint.max_events, endpoint.max_bytes, endpoint.max_payload_bytes, endpoint.reset_header)
        for endpoint in (each.for_settings(make_settings()) for each in PLUGIN.endpoints)
        if isinstance(endpoint, BatchEndpoint)
    }

    assert limits == {
        "track": (50, 4_000_000, 100_000, "x-ratelimit-reset"),
        "identify": (50, 1_000_000, None, "x-ratelimit-reset"),
        "merge": (50, 1_000_000, None, "x-ratelimit-reset"),
    }


def test_an_account_may_send_more_at_once() -> None:
    endpoint = PLUGIN.endpoint("track").for_settings(make_settings(batch_size=75))

    assert isinstance(endpoint, BatchEndpoint)
    assert endpoint.max_events == 75


def test_identify_and_merge_stay_below_the_limit_they_share() -> None:
    rates = [PLUGIN.endpoint(name).rate_limit_per_s or 0 for name in ("identify", "merge")]

    assert sum(rates) * 60 <= 20_000


# --- verdicts of /users/track ---

REFUSED = {"type": "'name' is required", "input_array": "events", "index": 0}
SECOND = {"type": "'email' is not valid", "input_array": "attributes", "index": 1}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(201, {"message": "success", "attributes_processed": 2, "events_processed": 1}, id="201"),
        pytest.param(200, {"message": "success"}, id="200"),
        pytest.param(202, {"message": "queued"}, id="202, maintenance"),
        pytest.param(201, {"message": "success", "errors": []}, id="no errors"),
    ],
)
def test_a_good_answer_delivers_all(status: int, body: Any) -> None:
    assert judge(status, body) == [Delivered()] * 4


def test_a_partial_failure_names_its_objects_and_the_rest_is_not_sent_again() -> None:
    judgement = judge(201, {"message": "success", "events_processed": 1, "errors": [REFUSED, SECOND]})

    assert judgement == [
        Delivered(),
        Dead("'name' is required"),
        Dead("'email' is not valid"),
        Delivered(),
    ]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param({"type": "odd", "input_array": "events", "index": 9}, id="index out of range"),
        pytest.param({"type": "odd", "input_array": "users", "index": 0}, id="unknown array"),
        pytest.param({"type": "odd", "input_array": "events", "index": False}, id="no index"),
        pytest.param({"type": "odd", "input_array": ["events"], "index": 0}, id="no name of an array"),
        pytest.param({"type": "odd"}, id="neither"),
        pytest.param("odd", id="text"),
    ],
)
def test_an_error_that_names_no_object_is_a_warning_and_makes_nobody_repeat(error: Any) -> None:
    """Braze knows no idempotency key: halving the batch would book every event twice."""
    body = {"message": "success", "errors": [REFUSED, error]}

    assert judge(201, body) == [Delivered(("odd",)), Dead("'name' is required"), Delivered(), Delivered()]
    assert judge(201, body, PAYLOADS[:1]) == [Dead("'name' is required")]


@pytest.mark.parametrize("error", [{"index": 0, "input_array": "events"}, {"type": 7}, None])
def test_a_refusal_without_words_is_one(error: Any) -> None:
    payloads = [PAYLOADS[1]]

    assert judge(201, {"message": "success", "errors": [error]}, payloads) == [Dead("refused without a reason")]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>Welcome</html>", id="a page"),
        pytest.param(b"", id="nothing"),
        pytest.param([], id="a list"),
        pytest.param({"message": "hello"}, id="another message"),
        pytest.param(b'{"message":"succ', id="cut"),
    ],
)
def test_a_success_of_another_shape_is_unreadable(body: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        judge(201, body)


@pytest.mark.parametrize(
    ("status", "word"),
    [
        pytest.param(400, Split, id="400, nothing was taken"),
        pytest.param(401, Blocked, id="401, key"),
        pytest.param(403, Blocked, id="403, permission or plan"),
        pytest.param(404, Blocked, id="404, unknown key"),
        pytest.param(301, Blocked, id="301, another host"),
        pytest.param(413, Split, id="413"),
    ],
)
def test_a_word_for_the_whole_request(status: int, word: type) -> None:
    assert isinstance(judge(status, {"message": "no"}), word)


@pytest.mark.parametrize(("status", "verdict"), [(429, Later), (500, Later), (503, Later), (410, Dead)])
def test_one_verdict_for_each_object(status: int, verdict: type) -> None:
    judgement = judge(status, {"message": "no"})

    assert isinstance(judgement, list)
    assert [type(each) for each in judgement] == [verdict] * 4


def test_a_fatal_error_of_a_single_object_is_its_end() -> None:
    assert judge(400, {"message": "no"}, PAYLOADS[:1]) == [Dead('400 {"message":"no"}')]


# --- verdicts of /users/identify and /users/merge ---


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        pytest.param([], [Delivered(), Delivered()], id="none"),
        pytest.param([{"type": "gone", "index": 1}], [Delivered(), Delivered(("gone",))], id="placed"),
        pytest.param([{"type": "gone", "index": 7}], [Delivered(("gone",)), Delivered()], id="placed nowhere"),
    ],
)
def test_a_user_that_is_not_there_to_merge_is_a_warning(errors: Any, expected: Judgement) -> None:
    response = Response(201, orjson.dumps({"message": "success", "errors": errors}))

    assert wire.judge_merge(response, PAYLOADS[:2], make_settings()) == expected


def test_an_alias_that_is_not_there_is_not_worth_a_word() -> None:
    """It is the usual case: every identify of somebody attached before."""
    response = Response(201, orjson.dumps({"message": "success", "errors": [{"type": "gone", "index": 1}]}))

    assert wire.judge_identify(response, PAYLOADS[:2], make_settings()) == [Delivered()] * 2


@pytest.mark.parametrize("read", [wire.judge_identify, wire.judge_merge])
@pytest.mark.parametrize(("status", "word"), [(400, Split), (401, Blocked), (413, Split)])
def test_pairs_are_refused_as_objects_are(read: Any, status: int, word: type) -> None:
    assert isinstance(read(Response(status, b"{}"), PAYLOADS[:2], make_settings()), word)


@pytest.mark.parametrize("read", [wire.judge_identify, wire.judge_merge])
def test_a_page_for_an_answer_is_unreadable(read: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        read(Response(201, b"<html>"), PAYLOADS[:2], make_settings())
