"""Requests and verdicts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.mixpanel import PLUGIN, wire
from router.plugin import (
    Again,
    Basic,
    BatchEndpoint,
    Blocked,
    BodyField,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    Response,
    Split,
    UnreadableAnswer,
)
from tests.plugins.mixpanel.samples import TOKEN, make_settings

PAYLOADS = [Payload({"n": 0}, key="m-0"), Payload({"n": 1}, key="m-1"), Payload({"n": 2}, key="m-2")]
ACCOUNT = {"service_account_username": "router", "service_account_secret": "word", "project_id": "17"}


def judge(status: int, body: Any, payloads: list[Payload] = PAYLOADS) -> Judgement:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return wire.judge(Response(status, data), payloads, make_settings())


def failed(*records: dict[str, Any], imported: int | None = None, **more: Any) -> dict[str, Any]:
    body = {"code": 400, "error": "some were refused", "status": "Bad Request", "failed_records": list(records), **more}
    return body if imported is None else {**body, "num_records_imported": imported}


# --- requests ---


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        pytest.param({}, "https://api.mixpanel.com/import?strict=1", id="token"),
        pytest.param({"strict": False, "region": "eu"}, "https://api-eu.mixpanel.com/import?strict=0", id="not strict"),
        pytest.param(ACCOUNT, "https://api.mixpanel.com/import?strict=1&project_id=17", id="service account"),
    ],
)
def test_events_go_to_import(settings: dict[str, Any], url: str) -> None:
    request = wire.pack_events(PAYLOADS, make_settings(**settings))

    assert (request.method, request.url, request.gzip) == ("POST", url, True)
    assert request.json == [{"n": 0}, {"n": 1}, {"n": 2}]


@pytest.mark.parametrize("path", ["engage", "groups"])
def test_updates_never_place_a_profile_where_the_router_is(path: str) -> None:
    pack = {"engage": wire.pack_profiles, "groups": wire.pack_groups}[path]

    request = pack(PAYLOADS, make_settings(region="in"))

    assert request.url == f"https://api-in.mixpanel.com/{path}?ip=0&strict=1&verbose=1"
    assert request.json == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_import_takes_the_token_as_user_name() -> None:
    [credential] = wire.import_credentials(make_settings())

    assert isinstance(credential, Basic)
    assert (credential.user.get_secret_value(), credential.password.get_secret_value()) == (TOKEN, "")


def test_import_takes_the_service_account_where_there_is_one() -> None:
    [credential] = wire.import_credentials(make_settings(**ACCOUNT))

    assert isinstance(credential, Basic)
    assert (credential.user.get_secret_value(), credential.password.get_secret_value()) == ("router", "word")


def test_updates_carry_the_token_even_with_a_service_account() -> None:
    [credential] = wire.update_credentials(make_settings(**ACCOUNT))

    assert isinstance(credential, BodyField)
    assert (credential.path, credential.value.get_secret_value()) == ("$token", TOKEN)


def test_endpoints_stay_within_mixpanel_s_limits() -> None:
    limits = {
        endpoint.name: (endpoint.max_events, endpoint.max_bytes, endpoint.max_payload_bytes)
        for endpoint in PLUGIN.endpoints
        if isinstance(endpoint, BatchEndpoint)
    }

    assert limits == {
        "events": (2_000, 1_900_000, 999_000),
        "profiles": (2_000, 1_900_000, 999_000),
        "groups": (200, 1_900_000, 999_000),
    }


def test_only_groups_may_overtake_the_others() -> None:
    """In original id merge a profile update that overtakes an alias would reach another profile."""
    assert [endpoint.name for endpoint in PLUGIN.endpoints if endpoint.is_independent] == ["groups"]


# --- verdicts ---


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"code": 200, "num_records_imported": 3, "status": "OK"}, id="import"),
        pytest.param({"code": 200, "num_records_imported": 2, "status": "OK"}, id="import, fewer counted"),
        pytest.param({"status": 1, "error": None}, id="verbose"),
        pytest.param({"status": 1}, id="verbose, short"),
        pytest.param({"status": 1, "error": ""}, id="verbose, empty error"),
        pytest.param(b"1", id="plain"),
        pytest.param(b"1\n", id="plain with a line end"),
    ],
)
def test_a_good_answer_delivers_all(body: Any) -> None:
    assert judge(200, body) == [Delivered()] * 3


PARTIAL = [Delivered(), Dead("properties.time: too old"), Delivered()]
WORDS = {"field": "properties.time", "message": "too old"}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(400, failed({"index": 1, "$insert_id": "m-1", **WORDS}, imported=2), PARTIAL, id="by index"),
        pytest.param(400, failed({"index": 1, "insert_id": "m-0", **WORDS}, imported=2), PARTIAL, id="index wins"),
        pytest.param(400, failed({"$insert_id": "m-1", **WORDS}, imported=2), PARTIAL, id="by $insert_id"),
        pytest.param(400, failed({"insert_id": "m-1", **WORDS}, imported=2), PARTIAL, id="by insert_id"),
        pytest.param(400, failed({"index": 1, **WORDS}), PARTIAL, id="no count"),
        pytest.param(200, failed({"index": 1, **WORDS}, status=1), PARTIAL, id="refusal in a 200"),
        pytest.param(
            400,
            failed({"index": 0, "message": "a"}, {"index": 1}, {"index": 2, "field": "b"}, imported=0),
            [Dead("a"), Dead("some were refused"), Dead("b")],
            id="all of them",
        ),
    ],
)
def test_a_partial_failure_names_its_events(status: int, body: Any, expected: Judgement) -> None:
    assert judge(status, body) == expected


@pytest.mark.parametrize(
    ("field", "gone"),
    [
        pytest.param("properties.plan", "plan", id="a property"),
        pytest.param("properties.a.b", "a.b", id="a name with a dot"),
        *((f"properties.{name}", None) for name in ("time", "distinct_id", "$insert_id", "$device_id", "ip")),
        pytest.param("properties.other", None, id="one that was not sent"),
        pytest.param("properties", None, id="all of them"),
        pytest.param("event", None, id="the name"),
        pytest.param(None, None, id="no field"),
    ],
)
def test_an_event_goes_again_without_a_property_that_is_refused(field: Any, gone: str | None) -> None:
    ids = {"time": 1, "distinct_id": "u", "$insert_id": "m-1", "$device_id": "d", "ip": 0}
    body = {"event": "E", "properties": {**ids, "plan": [1], "a.b": 2}}

    judgement = judge(400, failed({"index": 1, "field": field, "message": "no"}), [PAYLOADS[0], Payload(body, "m-1")])

    reason = f"{field}: no" if field else "no"
    rest = {name: value for name, value in body["properties"].items() if name != gone}  # type: ignore[attr-defined]
    left = Payload({"event": "E", "properties": rest}, "m-1", notes=(f"{reason}; left out: properties.{gone}",))
    assert judgement == [Delivered(), Again(left) if gone else Dead(reason)]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(400, {"code": 400, "error": "no JSON", "status": "Bad Request"}, id="whole request"),
        pytest.param(400, failed(imported=0), id="nobody named"),
        pytest.param(400, failed({"index": 9, **WORDS}, imported=2), id="index out of range"),
        pytest.param(400, failed({"index": -1, **WORDS}, imported=2), id="negative index"),
        pytest.param(400, failed({"index": True, "insert_id": "m-9"}), id="unknown insert id"),
        pytest.param(400, failed({"index": 1, **WORDS}, imported=0), id="counts that don't agree"),
        pytest.param(400, {"failed_records": [1]}, id="records of a wrong shape"),
        pytest.param(400, [], id="a list"),
        pytest.param(400, b"<html>Bad Request</html>", id="HTML"),
        pytest.param(400, b'{"code":400,"failed_rec', id="cut body"),
        pytest.param(200, {"status": 0, "error": "a token is missing"}, id="verbose refusal"),
        pytest.param(200, {"status": "error", "error": "no"}, id="error by its name"),
        pytest.param(200, failed({"index": 9}), id="200 with an unknown refusal"),
        pytest.param(200, b"0", id="plain refusal"),
        pytest.param(413, b"", id="too large"),
        pytest.param(413, b"<html>", id="too large, in HTML"),
    ],
)
def test_a_refusal_that_names_nobody_is_narrowed_down(status: int, body: Any) -> None:
    assert isinstance(judge(status, body), Split)


def test_a_refusal_keeps_the_vendor_s_words() -> None:
    assert judge(200, {"status": 0, "error": "$add needs numbers"}) == Split("$add needs numbers")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>Sign in</html>", id="HTML"),
        pytest.param(b'{"code":200,"num', id="cut"),
        pytest.param([], id="list"),
        pytest.param({}, id="empty object"),
        pytest.param({"status": {}}, id="odd status"),
        pytest.param(2, id="another number"),
        pytest.param("1", id="text"),
        pytest.param(None, id="null"),
    ],
)
def test_a_200_of_another_shape_is_no_delivery(body: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        judge(200, body)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_an_outage_waits(status: int) -> None:
    verdicts = judge(status, b"<html>")

    assert isinstance(verdicts, list)
    assert [type(verdict) for verdict in verdicts] == [Later] * 3


@pytest.mark.parametrize("status", [401, 402, 403, 404, 405, 301, 302, 307, 308])
def test_what_speaks_of_the_set_up_blocks_and_kills_nothing(status: int) -> None:
    assert isinstance(judge(status, {"status": "error", "error": "no"}), Blocked)


@pytest.mark.parametrize("status", [406, 415, 501])
def test_any_other_refusal_is_final(status: int) -> None:
    verdicts = judge(status, b"no")

    assert isinstance(verdicts, list)
    assert verdicts == [Dead(f"{status} no")] * 3


json_bodies = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 500) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["status", "code", "error", "failed_records", "index", "insert_id", "num_records_imported"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(st.integers(200, 599), json_bodies.map(orjson.dumps) | st.binary(max_size=40))
def test_any_answer_is_one_verdict_a_payload_or_one_word_or_unreadable(status: int, body: bytes) -> None:
    try:
        judgement = judge(status, body)
    except UnreadableAnswer:
        assert status == 200
        return
    assert isinstance(judgement, Split | Blocked) or len(judgement) == len(PAYLOADS)
