"""Requests, and what each answer means. One case a row of the sheet's table of responses."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from plugins.klaviyo import wire
from plugins.klaviyo.settings import Settings
from router.plugin import Again, Bearer, Blocked, Dead, Delivered, Later, Payload, Response, Split
from tests.plugins.klaviyo.samples import MINIMAL

ONE_BY_ONE = Settings.model_validate(MINIMAL)
IN_JOBS = Settings.model_validate({**MINIMAL, "bulk": True, "list_id": "L1"})


def event(number: int = 1) -> Payload:
    about = {"time": "2026-01-01T00:00:00Z", "unique_id": f"m-{number}", "properties": {}}
    return Payload({"metric": "E", "profile": {"external_id": f"u-{number}"}, "event": about}, key=f"m-{number}")


def refusal(status: int = 400, **error: Any) -> Response:
    return Response(status, orjson.dumps({"errors": [{"status": status, "code": "invalid", **error}]}))


def test_every_request_says_which_revision_and_what_kind_of_json() -> None:
    request = wire.pack_events([event()], ONE_BY_ONE)

    assert request.url == "https://a.klaviyo.com/api/events"
    assert request.headers == {
        "Accept": "application/vnd.api+json",
        "Content-Type": "application/vnd.api+json",
        "revision": "2026-10-15",
    }
    assert wire.credentials(ONE_BY_ONE) == [Bearer(ONE_BY_ONE.private_key, scheme="Klaviyo-API-Key")]


def test_a_thousand_events_in_a_job_stay_below_its_size() -> None:
    """The core counts the payloads; what wraps them comes on top."""
    payloads = [event(number) for number in range(wire.MAX_EVENTS)]
    counted = sum(len(orjson.dumps(payload.body)) for payload in payloads)

    sent = len(orjson.dumps(wire.pack_events(payloads, IN_JOBS).json))

    assert sent - counted + wire.MAX_BYTES < 5_000_000


def test_a_profile_is_once_in_a_job_with_the_last_of_everything() -> None:
    payloads = [
        Payload({"external_id": "a", "first_name": "A", "properties": {"x": 1, "y": 1}, "location": {"city": "P"}}),
        Payload({"external_id": "b"}),
        Payload({"external_id": "a", "first_name": "Ada", "properties": {"y": None}}),
    ]

    body = wire.pack_profiles(payloads, IN_JOBS).json

    attributes = [each["attributes"] for each in body["data"]["attributes"]["profiles"]["data"]]
    assert attributes == [
        {"external_id": "a", "first_name": "Ada", "properties": {"x": 1, "y": None}, "location": {"city": "P"}},
        {"external_id": "b"},
    ]
    assert body["data"]["relationships"] == {"lists": {"data": [{"type": "list", "id": "L1"}]}}


def test_a_profile_that_tells_more_of_itself_later_is_the_same() -> None:
    """Klaviyo promises no order within a job: the older value could win."""
    payloads = [
        Payload({"external_id": "a", "first_name": "A"}),
        Payload({"external_id": "a", "email": "a@b.test", "first_name": "Ada"}),
        Payload({"email": "c@b.test", "first_name": "C"}),
        Payload({"email": "c@b.test", "phone_number": "+442079460000"}),
    ]

    body = wire.pack_profiles(payloads, IN_JOBS).json

    assert [each["attributes"] for each in body["data"]["attributes"]["profiles"]["data"]] == [
        {"external_id": "a", "email": "a@b.test", "first_name": "Ada"},
        {"email": "c@b.test", "phone_number": "+442079460000", "first_name": "C"},
    ]


D, X, L = Delivered, Dead, Later


@pytest.mark.parametrize(
    ("response", "one", "two"),
    [
        pytest.param(Response(200), [D], [D, D], id="200"),
        pytest.param(Response(201), [D], [D, D], id="201"),
        pytest.param(Response(202), [D], [D, D], id="202"),
        pytest.param(Response(204), [D], [D, D], id="204"),
        pytest.param(refusal(400), [X], Split, id="400"),
        pytest.param(refusal(422), [X], Split, id="422"),
        pytest.param(refusal(409), [X], Split, id="409"),
        pytest.param(refusal(401), Blocked, Blocked, id="401"),
        pytest.param(refusal(403), Blocked, Blocked, id="403"),
        pytest.param(refusal(404), Blocked, Blocked, id="404"),
        pytest.param(refusal(405), Blocked, Blocked, id="405"),
        pytest.param(refusal(406), Blocked, Blocked, id="406"),
        pytest.param(refusal(410), Blocked, Blocked, id="410, a retired revision"),
        pytest.param(refusal(415), Blocked, Blocked, id="415"),
        pytest.param(refusal(413), Split, Split, id="413"),
        pytest.param(refusal(429), [L], [L, L], id="429"),
        pytest.param(Response(500), [L], [L, L], id="500"),
        pytest.param(Response(502, b"<html>"), [L], [L, L], id="502"),
        pytest.param(Response(503), [L], [L, L], id="503"),
        pytest.param(Response(504), [L], [L, L], id="504"),
    ],
)
def test_what_each_status_means(response: Response, one: Any, two: Any) -> None:
    for payloads, expected in (([event()], one), ([event(1), event(2)], two)):
        judgement = wire.judge(response, payloads, ONE_BY_ONE)
        found = type(judgement) if isinstance(judgement, Split | Blocked) else [type(each) for each in judgement]
        assert found == expected


def pointing(*pointers: Any) -> Response:
    errors = [{"code": "invalid", "detail": f"d{n}", "source": {"pointer": at}} for n, at in enumerate(pointers)]
    return Response(400, orjson.dumps({"errors": errors}))


EVENTS = "/data/attributes/events-bulk-create/data"
PROFILES = "/data/attributes/profiles/data"


@pytest.mark.parametrize(
    ("pointers", "expected"),
    [
        pytest.param([f"{EVENTS}/1/attributes/profile/data"], [Again, Dead, Again], id="one"),
        pytest.param([f"{EVENTS}/0", f"{EVENTS}/2/attributes"], [Dead, Again, Dead], id="two"),
        pytest.param(
            [f"{EVENTS}/1/attributes", f"{EVENTS}/1/attributes/events"], [Again, Dead, Again], id="one, twice"
        ),
        pytest.param([f"{EVENTS}/{n}" for n in range(3)], [Dead, Dead, Dead], id="all"),
        pytest.param([f"{EVENTS}/3"], Split, id="one that was not sent"),
        pytest.param([f"{EVENTS}/1x"], Split, id="no number"),
        pytest.param([f"{EVENTS}/1", EVENTS], Split, id="one, and the whole"),
        pytest.param([None], Split, id="no pointer"),
    ],
)
def test_a_job_is_sent_again_without_the_events_that_klaviyo_points_at(pointers: list[Any], expected: Any) -> None:
    judgement = wire.judge(pointing(*pointers), [event(1), event(2), event(3)], IN_JOBS)

    assert (Split if isinstance(judgement, Split) else [type(each) for each in judgement]) == expected  # type: ignore[union-attr]


def test_an_event_that_is_pointed_at_has_klaviyos_words() -> None:
    judgement = wire.judge(pointing(f"{EVENTS}/1/attributes/x"), [event(1), event(2)], IN_JOBS)

    assert judgement == [Again(), Dead(f"400 invalid: d0: at {EVENTS}/1/attributes/x")]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param(1, [Again, Again, Dead], id="of one call"),
        pytest.param(0, Split, id="of several calls, one of which is at fault"),
    ],
)
def test_a_profile_that_klaviyo_points_at_is_taken_out_of_the_job(place: int, expected: Any) -> None:
    payloads = [
        Payload({"external_id": "a"}),
        Payload({"external_id": "a", "title": "x"}),
        Payload({"external_id": "b"}),
    ]

    judgement = wire.judge_profiles(pointing(f"{PROFILES}/{place}/attributes"), payloads, IN_JOBS)

    assert (Split if isinstance(judgement, Split) else [type(each) for each in judgement]) == expected  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("response", "words"),
    [
        pytest.param(
            refusal(400, detail="Invalid input.", source={"pointer": "/data/attributes/email"}),
            "400 invalid: Invalid input.: at /data/attributes/email",
            id="code, detail and place",
        ),
        pytest.param(refusal(400, source=7), "400 invalid", id="a code alone"),
        pytest.param(Response(400, b'{"errors": [7]}'), '400 {"errors": [7]}', id="no error in it"),
        pytest.param(Response(400, b"<html>"), "400 <html>", id="a page"),
    ],
)
def test_a_dead_letter_has_klaviyos_words(response: Response, words: str) -> None:
    assert wire.judge(response, [event()], ONE_BY_ONE) == [Dead(words)]


def left_of(judgement: Any, place: int) -> Any:
    """The body that is sent instead, or the kind of the verdict."""
    verdict = judgement[place]
    return verdict.instead.body if isinstance(verdict, Again) and verdict.instead else type(verdict)


def ordered(**profile: Any) -> Payload:
    about = {"time": "2026-01-01T00:00:00Z", "unique_id": "m-9", "value": 3, "value_currency": "EUR", "backfill": True}
    profile = {"external_id": "u-9", "email": "x", "location": {"ip": "y"}, **profile}
    body = {"metric": "E", "profile": profile, "event": {**about, "properties": {"a/b": 1, "plan": "z", "list": [1]}}}
    return Payload(body, key="m-9")


OF_PROFILE = "profile/data/attributes"


@pytest.mark.parametrize(
    ("pointers", "gone"),
    [
        pytest.param([f"{OF_PROFILE}/email"], [("profile", "email")], id="an email beside a userId"),
        pytest.param([f"{OF_PROFILE}/location/ip"], [("profile", "location", "ip")], id="an address"),
        pytest.param(["+/properties/plan"], [("event", "properties", "plan")], id="a property"),
        pytest.param(["+/properties/a~1b"], [("event", "properties", "a/b")], id="a property with a slash"),
        pytest.param(["+/properties/list/0"], [("event", "properties", "list")], id="a list with something in it"),
        pytest.param(["+/value"], [("event", "value")], id="a value"),
        pytest.param(["+/value_currency"], [("event", "value_currency"), ("event", "value")], id="value and currency"),
        pytest.param(
            [f"{OF_PROFILE}/email", "+/properties/plan"],
            [("profile", "email"), ("event", "properties", "plan")],
            id="two",
        ),
        pytest.param([f"{OF_PROFILE}/external_id"], None, id="the id"),
        pytest.param([OF_PROFILE], None, id="the whole profile"),
        pytest.param(["+/time"], None, id="the time"),
        pytest.param(["+/unique_id"], None, id="the id of the event"),
        pytest.param(["+/backfill"], None, id="the word that starts no flow"),
        pytest.param(["+/metric/data/attributes/name"], None, id="the name"),
        pytest.param(["+/properties"], None, id="all properties"),
        pytest.param(["+/properties/other"], None, id="what was not sent"),
        pytest.param(["+/properties/plan", "+"], None, id="a property and something else"),
    ],
)
@pytest.mark.parametrize("is_job", [True, False])
def test_an_event_goes_again_without_what_klaviyo_points_at_if_it_can_do_without(
    pointers: list[str], gone: Any, is_job: bool
) -> None:
    payloads = [event(1), ordered()] if is_job else [ordered()]
    root, inner = (f"{EVENTS}/1/attributes/", "events/data/0/attributes") if is_job else ("/data/attributes/", "")
    places = [(root + each.replace("+", inner)).replace("//", "/") for each in pointers]

    judgement = wire.judge(pointing(*places), payloads, IN_JOBS if is_job else ONE_BY_ONE)

    expected: Any = ordered().body
    for path in gone or ():
        within = expected
        for name in path[:-1]:
            within = within[name]
        del within[path[-1]]
    assert left_of(judgement, -1) == (Dead if gone is None else expected)
    assert not is_job or judgement[0] == Again()  # type: ignore[index]


def test_an_email_that_an_event_is_known_by_is_needed() -> None:
    payload = ordered(external_id=None)

    judgement = wire.judge(pointing(f"/data/attributes/{OF_PROFILE}/email"), [payload], ONE_BY_ONE)

    assert left_of(judgement, 0) is Dead


@pytest.mark.parametrize(
    ("name", "left"),
    [
        pytest.param("title", {"external_id": "a", "email": "x", "phone_number": "1"}, id="an attribute"),
        pytest.param("email", {"external_id": "a", "title": "T", "phone_number": "1"}, id="an email beside a userId"),
        pytest.param(
            "phone_number",
            {"external_id": "a", "title": "T", "email": "x", "properties": {"phone_raw": "1"}},
            id="a phone number, which is kept as it is",
        ),
        pytest.param("external_id", Dead, id="the id"),
    ],
)
def test_a_profile_of_a_job_goes_again_without_what_klaviyo_points_at(name: str, left: Any) -> None:
    payload = Payload({"external_id": "a", "title": "T", "email": "x", "phone_number": "1"})
    other = Payload({"external_id": "b"})

    judgement = wire.judge_profiles(pointing(f"{PROFILES}/1/attributes/{name}"), [other, payload], IN_JOBS)

    assert left_of(judgement, 1) == left
    assert judgement[0] == Again()  # type: ignore[index]


def test_of_several_calls_about_one_profile_the_last_with_an_attribute_loses_it() -> None:
    payloads = [Payload({"external_id": "a", "title": each, "image": each}) for each in ("T", "U")]

    judgement = wire.judge_profiles(
        pointing(f"{PROFILES}/0/attributes/title"), [*payloads, Payload({"external_id": "a"})], IN_JOBS
    )

    assert [left_of(judgement, place) for place in range(3)] == [Again, {"external_id": "a", "image": "U"}, Again]
