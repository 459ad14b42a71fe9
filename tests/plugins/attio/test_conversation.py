"""The conversations, against the stand-in and with answers of their own: what is asked, and what becomes of a refusal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from plugins.attio import PLUGIN
from router.event import Event
from router.plugin import Blocked, Dead, Delivered, Later, Response
from router.plugin.sandbox import Fault
from router.plugin_calls import MAX_STEPS
from router.testing import StandIn, make_event, open_stand_in
from tests.plugins.attio.mapped import rehearse

EMAIL = "ada@engine.example"
OWN = {"person_attributes": {"plan": "plan_tier", "tags": "tags:list", "seats": "seats:number"}}
ALL = {"use_users_object": True, "use_workspaces_object": True}


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN, **OWN) as opened:
        yield opened


def identify(id: str | None = "u-17", /, **traits: Any) -> Event:
    who = {"userId": id} if id else {"anonymousId": "a-1"}
    return make_event("identify", **who, traits={"email": EMAIL, **traits})


def group(id: str = "u-17", /, **traits: Any) -> Event:
    return make_event("group", userId=id, groupId="c9", traits={"name": "Engine Ltd", **traits})


async def send(vendor: StandIn, event: Event) -> list[Any]:
    """The verdict of each action, or `Blocked`."""
    judged = [judgement for [judgement] in (await vendor.deliver(event)).values()]
    return [each[0] if isinstance(each, list) else each for each in judged]


def asked(vendor: StandIn) -> list[str]:
    return [
        f"{each['method']} {each['path'].removeprefix('/v2/objects/').partition('?')[0]} {each['status']}"
        for each in vendor.sandbox.requests
    ]


def held(vendor: StandIn, kind: str) -> list[dict[str, Any]]:
    return list(vendor.sandbox.records[kind].values())


def talk(event: Event, answers: dict[int, Response], **settings: Any) -> Any:
    """The conversation of *event* with *answers* by step; the others as they are assumed."""
    rehearsal = rehearse(**settings)
    [(_, endpoint, payload)] = rehearsal.payloads(event)
    return rehearsal.talk(endpoint, payload, answers)


def refusal(code: str, message: str = "no", status: int = 400) -> Response:
    said = {"status_code": status, "type": "invalid_request_error", "code": code, "message": message}
    return Response(status, orjson.dumps(said))


# --- people and users ---


async def test_a_person_their_company_and_their_user_are_written_once(vendor: StandIn) -> None:
    event = identify(name="Ada Lovelace", company={"name": "Engine Ltd", "domain": "engine.example"}, plan="gold")

    assert [await send(vendor, event) for _ in range(2)] == [[Delivered()]] * 2

    assert asked(vendor)[:4] == [
        "PUT companies/records 200",
        "PATCH companies/records/companies-1 200",
        "PUT people/records 200",
        "PUT users/records 200",
    ]
    assert len(asked(vendor)) == 7, "the company has a name the second time"
    [company], [person], [user] = (held(vendor, kind) for kind in ("companies", "people", "users"))
    assert company == {"domains": ["engine.example"], "name": ["Engine Ltd"]}
    assert (person["plan_tier"], person["company"][0]["target_record_id"]) == (["gold"], "companies-1")
    assert (user["user_id"], user["primary_email_address"]) == (["u-17"], [EMAIL])
    assert user["person"][0]["target_record_id"] == "people-2"


async def test_what_somebody_has_is_kept(vendor: StandIn) -> None:
    """Numbers that others have added, and a name whose other half is not told."""
    await send(vendor, identify(name="Ada Lovelace", phone="+442079460000"))
    await send(vendor, identify(firstName="Augusta", phone="+442079460001"))
    await send(vendor, identify(firstName="Augusta", phone="+442079460001"))

    [person] = held(vendor, "people")
    assert [each["normalized_phone_number"] for each in person["phone_numbers"]] == ["+442079460001", "+442079460000"]
    assert person["name"][0]["full_name"] == "Ada Lovelace"
    assert sum("PATCH" in each for each in asked(vendor)) == 2


async def test_half_a_name_is_written_to_who_has_none(vendor: StandIn) -> None:
    await send(vendor, identify(firstName="Ada"))

    assert held(vendor, "people")[0]["name"] == [{"first_name": "Ada", "last_name": "", "full_name": "Ada"}]


async def test_a_company_keeps_the_name_it_has(vendor: StandIn) -> None:
    await send(vendor, group(domain="engine.example"))
    await send(vendor, identify(company={"name": "engine", "domain": "engine.example"}))

    assert held(vendor, "companies")[0]["name"] == ["Engine Ltd"]


async def test_an_email_that_the_userid_is_takes_the_place_of_none(vendor: StandIn) -> None:
    """Who signed up as ada@old.example and moved is still called that in each later call, and is the same person."""
    old = "ada@old.example"
    for traits in ({}, {"email": EMAIL}, {"plan": "gold"}):
        assert await send(vendor, make_event("identify", userId=old, traits=traits)) == [Delivered()]

    [user] = held(vendor, "users")
    of_old, of_new = held(vendor, "people")
    assert user["primary_email_address"] == [EMAIL]
    assert vendor.sandbox.records["people"][user["person"][0]["target_record_id"]] is of_new
    assert (of_old.get("plan_tier"), of_new["plan_tier"]) == (None, ["gold"])


async def test_a_user_who_is_known_is_written_without_an_email() -> None:
    async with open_stand_in(PLUGIN, user_attributes={"plan": "plan"}) as vendor:
        of_plan = make_event("identify", userId="u-17", traits={"plan": "gold"})
        [dead] = await send(vendor, of_plan)
        await send(vendor, identify())

        assert await send(vendor, of_plan) == [Delivered()]
        assert dead == Dead('400 missing_value: Required attribute with slug "primary_email_address" has no value.')
        assert held(vendor, "users")[0]["plan"] == ["gold"]


async def test_an_email_of_another_user_does_not_cost_the_user_the_rest() -> None:
    async with open_stand_in(PLUGIN, user_attributes={"plan": "plan"}) as vendor:
        await send(vendor, identify("u-16"))
        await send(vendor, identify("u-17", email="eve@engine.example"))

        [verdict] = await send(vendor, identify("u-17", plan="gold"))

        assert [warning.partition(":")[0] for warning in verdict.warnings] == [
            "users.primary_email_address was refused, and left out"
        ]
        assert [user.get("plan") for user in held(vendor, "users")] == [None, ["gold"]]


async def test_a_new_user_whose_email_another_has_is_a_dead_letter_that_says_so(vendor: StandIn) -> None:
    await send(vendor, identify("u-16"))

    [dead] = await send(vendor, identify("u-17"))

    assert "primary_email_address was refused, and left out: 400 uniqueness_conflict" in dead.reason


# --- groups ---


async def test_a_group_is_a_company_and_a_workspace_with_its_members(vendor: StandIn) -> None:
    for id in ("u-17", "u-18"):
        await send(vendor, identify(id, email=f"{id}@engine.example"))
        assert await send(vendor, group(id, website="https://engine.example")) == [Delivered(), Delivered()]

    [company], [workspace] = held(vendor, "companies"), held(vendor, "workspaces")
    assert (company["name"], company["domains"]) == (["Engine Ltd"], ["engine.example"])
    assert workspace["company"] == [{"target_object": "companies", "target_record_id": "companies-3"}]
    assert len(workspace["users"]) == 2


async def test_a_workspace_of_somebody_unknown_has_no_such_user(vendor: StandIn) -> None:
    [verdict] = await send(vendor, group())

    assert verdict.warnings == (
        'the workspace has no such user: 400 missing_value: Required attribute with slug "primary_email_address" has no value.',
    )
    assert (len(held(vendor, "workspaces")), held(vendor, "users")) == (1, [])


async def test_a_workspace_whose_company_is_not_there_is_written(vendor: StandIn) -> None:
    vendor.sandbox.fail(Fault(status=400, path="companies", body='{"code": "validation_type", "message": "no"}'))

    dead, written = await send(vendor, group(domain="engine.example"))

    assert isinstance(dead, Dead)
    assert written.warnings[0].startswith("workspaces.company was refused, and left out")
    assert "company" not in held(vendor, "workspaces")[0]


# --- refusals ---


@pytest.mark.parametrize(
    ("traits", "left"),
    [
        pytest.param({"seats": 4, "plan": "gold"}, {"plan_tier": ["gold"]}, id="an attribute that isn't there"),
        pytest.param({"plan": "none"}, {}, id="an option that isn't there"),
        pytest.param({"tags": ["b", "none"], "plan": "gold"}, {"plan_tier": ["gold"]}, id="one option of several"),
        pytest.param({"plan": 7, "tags": ["b"]}, {"tags": ["b"]}, id="a value of another type"),
    ],
)
async def test_what_is_refused_is_left_out_and_the_rest_is_written(
    vendor: StandIn, traits: dict[str, Any], left: dict[str, Any]
) -> None:
    people = vendor.sandbox.attributes["people"]
    del people["seats"]
    people["plan_tier"] = people["plan_tier"]._replace(type="text")
    vendor.sandbox.options = {"plan_tier": {"gold"}, "tags": {"a", "b"}}

    [verdict] = await send(vendor, identify(**traits))

    assert len(verdict.warnings) == 1
    [person] = held(vendor, "people")
    assert {name: value for name, value in person.items() if name != "email_addresses"} == left


@pytest.mark.parametrize("place", [0, 1], ids=["to be found", "to be named"])
def test_a_company_that_is_refused_does_not_cost_the_person(place: int) -> None:
    event = identify(company={"name": "Engine Ltd", "domain": "engine.example"}, plan="gold")

    said = talk(event, {place: refusal("validation_type", "no")}, **OWN)

    assert isinstance(said.end, Delivered)
    assert len(said.end.warnings) == 1
    values = said.requests[-1].json["data"]["values"]
    assert (values["plan_tier"], "company" in values) == ("gold", place == 1)


def test_a_phone_that_is_refused_does_not_cost_the_person() -> None:
    said = talk(identify(phone="+11234567890"), {1: refusal("validation_type", NAMED.format("phone_numbers"))})

    assert said.end == Delivered(
        (f"phone_numbers of people: not added: 400 validation_type: {NAMED.format('phone_numbers')}",)
    )


NAMED = 'An invalid value was passed to attribute with slug "{}".'
TAKEN = (
    'The value "{\\"email_address\\":\\"%s\\"}" provided for attribute with ID "b8bf" conflicts with one in the system.'
)


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        pytest.param(refusal("validation_type", NAMED.format("email_addresses")), Dead, id="the email"),
        pytest.param(refusal("multiple_match_results", "more than one"), Dead, id="several fit"),
        pytest.param(Response(400, b"<html>"), Dead, id="a page"),
        pytest.param(Response(400, b'{"message": 7}'), Dead, id="no message"),
        pytest.param(refusal("uniqueness_conflict", TAKEN % EMAIL), Later, id="made since it was looked for"),
        pytest.param(refusal("uniqueness_conflict", "A value conflicts."), Later, id="made, and nothing is named"),
        pytest.param(refusal("concurrent_write_conflict", status=409), Later, id="changed since it was looked for"),
        pytest.param(refusal("merge_in_progress", status=404), Later, id="being merged"),
        pytest.param(refusal("not_found", status=404), Blocked, id="no such object"),
        pytest.param(refusal("standard_object_disabled"), Blocked, id="an object that is not enabled"),
        pytest.param(refusal("quota_exceeded", status=400), Blocked, id="the plan"),
        pytest.param(refusal("unauthorized", status=403), Blocked, id="scopes"),
        pytest.param(Response(422, b"no"), Dead, id="unknown"),
        pytest.param(Response(503), Later, id="out of order"),
    ],
)
def test_an_answer_that_ends_it(answer: Response, end: type) -> None:
    assert isinstance(talk(identify(), {0: answer}).end, end)


@pytest.mark.parametrize("answer", [refusal("not_found", status=404), refusal("standard_object_disabled")])
def test_an_object_that_is_not_enabled_says_what_to_do(answer: Response) -> None:
    assert "use_users_object" in talk(identify(), {1: answer}, **ALL).end.reason


def test_a_record_that_is_gone_before_it_is_added_to_is_looked_for_again() -> None:
    end = talk(identify(phone="+442079460000"), {1: refusal("not_found", status=404)}).end

    assert end == Later("404 not_found: no", 1.0, 5)


def test_what_is_never_taken_ends_at_last() -> None:
    """Far from the requests that one conversation may have."""
    own = {f"t{number}": f"own_{number}" for number in range(40)}
    event = identify(**dict.fromkeys(own, "x"))
    answers = {number: refusal("value_not_found", NAMED.format(f"own_{number}")) for number in range(MAX_STEPS)}

    said = talk(event, answers, person_attributes=own)

    assert said.end == Dead("400 too many attributes of people that Attio does not take")
    assert len(said.requests) == 20


# --- answers that are lost ---


@pytest.mark.parametrize("path", ["companies", "people/", "people", "users"])
@pytest.mark.parametrize(("id", "email"), [("u-17", EMAIL), (EMAIL, "")], ids=["with an email", "by the userId alone"])
async def test_a_repeat_does_no_harm(vendor: StandIn, path: str, id: str, email: str) -> None:
    company = {"domain": "engine.example"}
    event = identify(id, email=email, name="Ada", phone="+442079460000", company=company, tags=["a"])
    vendor.sandbox.fail(Fault(status=503, after=True, times=1, path=f"objects/{path}"))

    verdicts = [await send(vendor, event) for _ in range(2)]

    assert verdicts == [[Later("503")], [Delivered()]]
    [person] = held(vendor, "people")
    [user] = held(vendor, "users")
    assert (len(person["phone_numbers"]), len(person["email_addresses"]), len(user["person"])) == (1, 1, 1)
