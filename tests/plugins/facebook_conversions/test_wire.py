"""Requests of several events, and what each of Meta's answers means."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import orjson
import pytest

from plugins.facebook_conversions import wire
from router.plugin import Bearer, Blocked, Dead, Delivered, Later, Payload, Response, Split, UnreadableAnswer
from tests.plugins.facebook_conversions.mapped import SECONDS, make_settings

SETTINGS = make_settings()


def payload(age_s: int = 0, source: str = "other") -> Payload:
    return Payload({"event_time": SECONDS - age_s, "action_source": source}, key="m-1")


def error(status: int, code: int, subcode: int | None = None, **more: Any) -> Response:
    body = {"message": "Words", "type": "OAuthException", "code": code, "error_subcode": subcode, **more}
    return Response(status, orjson.dumps({"error": body}), {"date": formatdate(SECONDS, usegmt=True)})


def judged(response: Response, count: int = 1) -> Any:
    judgement = wire.judge(response, [payload()] * count, SETTINGS)
    return type(judgement) if isinstance(judgement, Split | Blocked) else [type(each) for each in judgement]


def test_a_request_goes_to_the_pixel_s_events_in_the_version_that_is_set() -> None:
    request = wire.pack(
        [Payload({"a": 1}), Payload({"a": 2})], make_settings(api_version="v24.0", test_event_code="T1")
    )

    assert request.url == "https://graph.facebook.com/v24.0/123456789/events"
    assert request.json == {"data": [{"a": 1}, {"a": 2}], "test_event_code": "T1"}
    assert wire.credentials(SETTINGS) == [Bearer(SETTINGS.access_token)]


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        pytest.param(error(400, 100, 2804003), Dead, id="too old"),
        *(
            pytest.param(error(400, 100, code), Dead, id=f"bad parameter {code}")
            for code in (2804001, 2804007, 2804016)
        ),
        *(
            pytest.param(error(400, 100, code), Dead, id=f"bad parameter {code}")
            for code in (2804017, 2804019, 2804048)
        ),
        pytest.param(error(400, 100), Dead, id="bad parameter without more"),
        pytest.param(error(400, 100, 33), Blocked, id="no such pixel"),
        *(pytest.param(error(400, code), Blocked, id=f"set-up {code}") for code in (3, 10, 190, 200, 299)),
        pytest.param(error(401, 190, 463), Blocked, id="an expired token"),
        pytest.param(error(400, 2635), Blocked, id="an api_version that is over"),
        pytest.param(error(400, 2500), Blocked, id="an api_version that there never was"),
        *(pytest.param(error(400, code), Later, id=f"limit {code}") for code in (4, 17, 32, 341, 368, 613, 80003)),
        pytest.param(error(403, 4, is_transient=True), Later, id="a limit with a 403"),
        *(pytest.param(error(400, code), Later, id=f"a moment {code}") for code in (1, 2, 5000, 21009)),
        pytest.param(error(400, 99, is_transient=True), Later, id="transient"),
        pytest.param(error(429, 4), Later, id="a limit with a 429"),
        pytest.param(error(500, 100), Later, id="out, whatever it says"),
        pytest.param(error(404, 99), Dead, id="any other error"),
        pytest.param(Response(502, b"<html>"), Later, id="a proxy's page"),
        pytest.param(Response(404, b"<html>"), Blocked, id="nobody there"),
        pytest.param(Response(302), Blocked, id="elsewhere"),
        pytest.param(Response(418), Dead, id="anything else"),
        pytest.param(Response(413), Split, id="too large"),
        pytest.param(error(413, 1), Split, id="too large, with an error"),
        pytest.param(Response(200, b'{"events_received":1,"messages":[]}'), Delivered, id="taken"),
    ],
)
def test_answers_on_one_event(response: Response, expected: Any) -> None:
    assert judged(response) == (expected if expected in (Split, Blocked) else [expected])


@pytest.mark.parametrize(("code", "is_outage"), [(4, True), (80_003, True), (1, None)])
def test_a_limit_on_calls_speaks_for_the_vendor(code: int, is_outage: bool | None) -> None:
    [verdict] = wire.judge(error(403, code), [payload()], SETTINGS)  # type: ignore[misc]

    assert isinstance(verdict, Later)
    assert verdict.is_outage is is_outage


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        pytest.param(error(400, 100, 2804019), Split, id="one of them is bad"),
        pytest.param(error(400, 100, 2804003), Split, id="one of them is too old"),
        pytest.param(error(400, 190), Blocked, id="the token"),
        pytest.param(error(500, 1), [Later] * 3, id="out"),
        pytest.param(Response(200, b'{"events_received":3}'), [Delivered] * 3, id="all taken"),
    ],
)
def test_answers_on_several(response: Response, expected: Any) -> None:
    """One bad event rejects all: the batch is halved until it is alone."""
    assert judged(response, 3) == expected


DAY_S = 86_400


@pytest.mark.parametrize(
    ("events", "headers", "expected"),
    [
        pytest.param([payload(8 * DAY_S)] * 2, True, [Dead, Dead], id="all"),
        pytest.param([payload(8 * DAY_S), payload()], True, Split, id="one of them"),
        pytest.param(
            [payload(8 * DAY_S, "physical_store"), payload(8 * DAY_S)], True, Split, id="one, of a shop, is not"
        ),
        pytest.param([payload(8 * DAY_S)] * 2, False, Split, id="Meta's clock is not told"),
        pytest.param([Payload({}), Payload({})], True, Split, id="times are not known"),
    ],
)
def test_what_is_all_too_old_dies_at_once(events: list[Payload], headers: bool, expected: Any) -> None:
    response = error(400, 100, 2804003)
    judgement = wire.judge(response if headers else Response(400, response.body), events, SETTINGS)

    assert (type(judgement) if isinstance(judgement, Split) else [type(each) for each in judgement]) == expected  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        pytest.param({}, "400 100/33: Words", id="Meta's words"),
        pytest.param({"error_user_msg": "Better\nwords"}, "400 100/33: Better words", id="its words for people"),
        pytest.param({"message": 7}, "400 100/33: without a word", id="no words"),
    ],
)
def test_reasons_quote_the_vendor(more: dict[str, Any], reason: str) -> None:
    assert wire.judge(error(400, 100, 33, **more), [payload()], SETTINGS) == Blocked(reason)


def test_warnings_of_the_vendor_are_kept() -> None:
    body = b'{"events_received":1,"messages":["Beware",7]}'

    assert (
        wire.judge(Response(200, body), [payload()] * 2, SETTINGS)
        == [Delivered(("Beware", "Meta speaks of 1 events, 2 were sent"))] * 2
    )


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"events_received":"1"}', b'{"events_received":true}'])
def test_a_200_that_is_none_of_meta_s_is_no_receipt(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        wire.judge(Response(200, body), [payload()], SETTINGS)
