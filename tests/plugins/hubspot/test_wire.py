"""Requests of batches, and what each answer means. One case a row of the sheet's table of responses."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from plugins.hubspot import answers, wire
from plugins.hubspot.settings import Settings
from router.plugin import Again, Blocked, Dead, Delivered, Judgement, Later, Payload, Response, Split
from tests.plugins.hubspot.samples import BY_USER_ID

SETTINGS = Settings.model_validate(BY_USER_ID)


def contact(user_id: str, /, **properties: Any) -> Payload:
    return Payload({"id": user_id, "id_property": "user_id", "properties": properties}, key="m-1")


def answer(status: int, headers: Any = None, /, **body: Any) -> Response:
    return Response(status, orjson.dumps(body), headers or {})


def error(category: str = "VALIDATION_ERROR", **context: Any) -> dict[str, Any]:
    return {"status": "error", "category": category, "message": "bad", "context": context}


def test_a_batch_holds_each_contact_once_with_its_last_values_as_text() -> None:
    """Twice in one batch, a contact is in conflict with itself."""
    payloads = [contact("a", age=1, vip=True), contact("b", city=None), contact("a", age=2)]

    request = wire.pack_contacts(payloads, SETTINGS)

    assert request.url == "https://api.hubapi.com/crm/v3/objects/contacts/batch/upsert"
    assert request.json == {
        "inputs": [
            {
                "id": "a",
                "idProperty": "user_id",
                "objectWriteTraceId": "0",
                "properties": {"age": "2", "vip": "true"},
            },
            {"id": "b", "idProperty": "user_id", "objectWriteTraceId": "1", "properties": {"city": ""}},
        ]
    }


THREE = [contact("a"), contact("b"), contact("a")]
D, X, L = Delivered, Dead, Later


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        pytest.param(answer(200, results=[{"id": "51"}, {"id": "52"}]), [D, D, D], id="200"),
        pytest.param(
            answer(207, results=[{}], errors=[error(objectWriteTraceId=["1"])]), [D, X, D], id="207 by trace id"
        ),
        pytest.param(
            answer(207, results=[{}], errors=[error(objectWriteTraceId="1")]), [D, X, D], id="207 by a bare trace id"
        ),
        pytest.param(answer(207, results=[{}], errors=[error(ids=["b"])]), [D, X, D], id="207 by id"),
        pytest.param(answer(207, results=[{}], errors=[error(ids=["a"])]), Split, id="207, of two calls about one"),
        pytest.param(answer(207, results=[], errors=[error(ids=["b"])]), [L, X, L], id="207, of one contact no word"),
        pytest.param(answer(200, results=[]), [L, L, L], id="200 without results, as has been seen"),
        pytest.param(answer(207, results=[{}], errors=[error()]), Split, id="207, whose error is not said"),
        pytest.param(answer(400, **error()), Split, id="400 for all"),
        pytest.param(answer(409, **error("CONFLICT")), Split, id="409 for all"),
        pytest.param(answer(413), Split, id="413"),
        pytest.param(answer(401), Blocked, id="401"),
        pytest.param(answer(502), [L, L, L], id="502"),
    ],
)
def test_a_batch_of_contacts_is_judged_contact_by_contact(response: Response, expected: Any) -> None:
    judgement = wire.judge_contacts(response, THREE, SETTINGS)

    if isinstance(judgement, Split | Blocked):
        assert type(judgement) is expected
    else:
        assert [type(verdict) for verdict in judgement] == expected


def test_a_contact_without_a_word_is_not_tried_for_ever() -> None:
    [verdict] = wire.judge_contacts(answer(200, results=[]), [contact("a")], SETTINGS)  # type: ignore[misc]

    assert verdict.max_attempts == wire.LOST_ATTEMPTS  # type: ignore[union-attr]


def naming(name: str, code: str = "INVALID_NUMBER", **context: Any) -> dict[str, Any]:
    return {**error(**context), "errors": [{"code": code, "context": {"propertyName": [name]}}]}


def left_of(verdict: Any) -> Any:
    """The properties that are sent instead, or the kind of the verdict."""
    return verdict.instead.body["properties"] if isinstance(verdict, Again) and verdict.instead else type(verdict)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        pytest.param([naming("age", ids=["b"])], [D, {"city": "P", "user_id": "b"}, D], id="a property"),
        pytest.param([naming("age", ids=["b"]), naming("city", ids=["b"])], [D, {"user_id": "b"}, D], id="two"),
        pytest.param([naming("age", ids=["a"])], [{"vip": 1}, D, Again], id="of several calls the last that has it"),
        pytest.param([naming("user_id", ids=["b"])], [D, X, D], id="what the contact is found by"),
        pytest.param([naming("zip", ids=["b"])], [D, X, D], id="what was not sent"),
        pytest.param([error(ids=["b"])], [D, X, D], id="none"),
    ],
)
def test_a_contact_of_a_batch_is_sent_again_without_the_properties_that_hubspot_names(
    errors: list[Any], expected: list[Any]
) -> None:
    payloads = [contact("a", age="x", vip=1), contact("b", age="x", city="P", user_id="b"), contact("a", city="L")]

    judgement = wire.judge_contacts(answer(207, results=[{}], errors=errors), payloads, SETTINGS)

    assert [left_of(verdict) for verdict in judgement] == expected  # type: ignore[union-attr]


MISSING = naming("plan", "PROPERTY_DOESNT_EXIST")


@pytest.mark.parametrize(
    ("body", "plans", "expected"),
    [
        pytest.param(MISSING, ["a", None, "b"], [{}, Again, {}], id="a property that isn't there, in all that have it"),
        pytest.param(MISSING, ["a"], [{}], id="one contact"),
        pytest.param(MISSING, [None, None], Split, id="a property that nobody has"),
        pytest.param(naming("plan"), ["a", "b"], Split, id="a value, which may be of either"),
        pytest.param(naming("plan"), ["a"], [{}], id="a value, of one contact"),
        pytest.param(naming("user_id", "PROPERTY_DOESNT_EXIST"), ["a"], [Dead], id="by which it is found"),
        pytest.param(error(), ["a"], [Dead], id="no property"),
    ],
)
def test_a_batch_that_is_refused_is_sent_again_without_the_properties_that_hubspot_names(
    body: Any, plans: list[Any], expected: Any
) -> None:
    payloads = [contact(f"u-{number}", **({"plan": plan} if plan else {})) for number, plan in enumerate(plans)]

    judgement = wire.judge_contacts(answer(400, **body), payloads, SETTINGS)

    assert (Split if isinstance(judgement, Split) else [left_of(each) for each in judgement]) == expected  # type: ignore[union-attr]


def event(**properties: Any) -> Payload:
    return Payload({"event": {"eventName": "pe1_e", **({"properties": properties} if properties else {})}}, key="m-1")


def test_events_travel_as_inputs() -> None:
    request = wire.pack_events([event(), event()], SETTINGS)

    assert request.url == "https://api.hubapi.com/events/v3/send/batch"
    assert request.json == {"inputs": [{"eventName": "pe1_e"}, {"eventName": "pe1_e"}]}


@pytest.mark.parametrize(
    ("body", "events", "expected"),
    [
        pytest.param(naming("plan"), [event(plan="x", seats="4")], [{"seats": "4"}], id="a value"),
        pytest.param(naming("plan"), [event(plan="x"), event(plan="y")], Split, id="a value, which may be of either"),
        pytest.param(MISSING, [event(plan="x"), event(seats="4")], [{}, Again], id="a property that isn't defined"),
        pytest.param(naming("zip"), [event(plan="x")], [X], id="one that was not sent"),
    ],
)
def test_an_event_is_sent_again_without_the_properties_that_hubspot_names(
    body: Any, events: list[Payload], expected: Any
) -> None:
    judgement = wire.judge_events(answer(400, **body), events, SETTINGS)

    assert (
        Split
        if isinstance(judgement, Split)
        else [
            each.instead.body["event"]["properties"] if isinstance(each, Again) and each.instead else type(each)
            for each in judgement  # type: ignore[union-attr]
        ]
    ) == expected


@pytest.mark.parametrize(
    ("response", "one", "two"),
    [
        pytest.param(Response(204), [D], [D, D], id="204"),
        pytest.param(answer(400, **error()), [X], Split, id="400"),
        pytest.param(answer(404), [X], Split, id="404, perhaps no such definition"),
        pytest.param(answer(409), [D], Split, id="409, a uuid seen before"),
        pytest.param(answer(403, category="MISSING_SCOPES"), Blocked, Blocked, id="403"),
        pytest.param(Response(405, b"<html>"), Blocked, Blocked, id="405 of another server"),
        pytest.param(answer(429), [L], [L, L], id="429"),
    ],
)
def test_events_are_taken_all_or_none(response: Response, one: Any, two: Any) -> None:
    for payloads, expected in (([event()], one), ([event(), event()], two)):
        judgement = wire.judge_events(response, payloads, SETTINGS)
        found = type(judgement) if isinstance(judgement, Split | Blocked) else [type(each) for each in judgement]
        assert found == expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        pytest.param(answer(400, **error()), Dead("400 VALIDATION_ERROR: bad"), id="400"),
        pytest.param(answer(400, **error("INVALID_EMAIL")), Dead("400 INVALID_EMAIL: bad"), id="400 email"),
        pytest.param(Response(414, b"too long"), Dead("414 too long"), id="414"),
        pytest.param(answer(423, **error("LOCKED")), Later("423 LOCKED: bad", 2.0), id="423"),
        pytest.param(answer(423, {"retry-after": "9"}), Later("423 {}"), id="423 with Retry-After"),
        pytest.param(answer(429, policyName="TEN_SECONDLY_ROLLING", message="m"), Later("429 m", 10.0), id="429, 10 s"),
        pytest.param(answer(429, policyName="SECONDLY", message="m"), Later("429 m", 1.0), id="429, 1 s"),
        pytest.param(answer(429, policyName="DAILY", message="m"), Later("429 m", 3_600.0), id="429, the day"),
        pytest.param(Response(429, b"<html>"), Later("429 <html>", 10.0), id="429 without a policy"),
        pytest.param(
            answer(429, {"retry-after": "3"}, policyName="DAILY"),
            Later('429 {"policyName":"DAILY"}'),
            id="429 with Retry-After",
        ),
        pytest.param(answer(502), Later("502 {}"), id="502"),
        pytest.param(Response(521), Later("521"), id="521"),
        pytest.param(Response(524), Later("524"), id="524"),
        pytest.param(Response(401), Blocked("401"), id="401"),
        pytest.param(Response(403), Blocked("403"), id="403"),
        pytest.param(Response(477), Blocked("477"), id="477"),
    ],
)
def test_what_each_status_means(response: Response, expected: Any) -> None:
    judgement: Judgement = answers.judge(response, [event()])

    assert judgement == expected if isinstance(expected, Blocked) else judgement == [expected]


HELD = "Cannot set PropertyValueCoordinates{{portalId=1, {}}} on 52. 51 already has that value."


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            {"errors": [{"message": "m", "code": "PROPERTY_DOESNT_EXIST", "context": {"propertyName": ["x"]}}]},
            {"x": "PROPERTY_DOESNT_EXIST"},
            id="in the context of an error",
        ),
        pytest.param(
            {
                "category": "VALIDATION_ERROR",
                "message": 'Property values were not valid: [{"isValid":false,"error":"INVALID_DATE","name":"born"}]',
            },
            {"born": "INVALID_DATE"},
            id="in a list that the message quotes",
        ),
        pytest.param(
            {"category": "VALIDATION_ERROR", "message": 'Property "tier" does not exist'},
            {"tier": "PROPERTY_DOESNT_EXIST"},
            id="in words",
        ),
        pytest.param(
            {"errors": [{"errors": [{"code": "INVALID_OPTION", "context": {"propertyName": "x"}}]}]},
            {"x": "INVALID_OPTION"},
            id="inside the error of an input",
        ),
        pytest.param(
            {"message": HELD.format("propertyName=nick, value=ada")},
            {"nick": "UNIQUE_VALUE_CONFLICT"},
            id="of another's",
        ),
        pytest.param({"message": "broken [{", "errors": [None, 7]}, {}, id="nothing readable"),
    ],
)
def test_refused_properties_are_found_wherever_an_error_names_them(body: Any, expected: Any) -> None:
    assert answers.refused_properties(body) == expected


@pytest.mark.parametrize(
    ("version", "urls"),
    [
        (
            "v3",
            [
                "/crm/v3/objects/contacts/a%40b.test?idProperty=email",
                "/crm/v4/objects/contact/1/associations/default/company/2",
                "/crm/v3/properties/companies",
                "/events/v3/send",
            ],
        ),
        (
            "2026-03",
            [
                "/crm/objects/2026-03/contacts/a%40b.test?idProperty=email",
                "/crm/objects/2026-03/contact/1/associations/default/company/2",
                "/crm/properties/2026-03/companies",
                "/events/2026-03/send",
            ],
        ),
    ],
)
def test_paths_of_both_generations(version: str, urls: list[str]) -> None:
    settings = SETTINGS.model_copy(update={"api_version": version})

    assert [
        wire.objects_url(settings, "contacts", "a@b.test", query={"idProperty": "email"}),
        wire.link_url(settings, "1", "2"),
        wire.properties_url(settings, "companies"),
        wire.events_url(settings),
    ] == ["https://api.hubapi.com" + url for url in urls]


def test_no_value_says_which_record_has_it() -> None:
    value = "x} on 1. 7 already has that value, propertyName=email, value=y"

    assert answers.holders({"message": HELD.format(f"propertyName=nick, value={value}")}) == {"nick": "51"}


def test_of_two_values_that_others_have_each_is_told_with_its_own_record() -> None:
    """Of a list that can't be read the first property was told with the record of the last: a contact was written to that
    is another person's."""
    quoted = [
        {"message": HELD.format("propertyName=user_id, value=u-17"), "name": "user_id"},
        {"message": HELD.format("propertyName=nick, value=ann").replace("51", "77"), "name": "nick"},
    ]
    message = f"Property values were not valid: {orjson.dumps(quoted).decode()}"

    assert answers.holders({"message": message}) == {"user_id": "51", "nick": "77"}
    assert answers.holders({"message": message[:-2]}) == {}
