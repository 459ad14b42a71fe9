"""The conversations, against the stand-in: what is asked, in which order, and what an answer means."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from plugins.zendesk import PLUGIN
from router.event import Event
from router.plugin import Blocked, Dead, Delivered, Later, Response, UnreadableAnswer
from router.plugin.sandbox import Fault
from router.plugin_calls import MAX_STEPS
from router.testing import StandIn, make_event, open_stand_in
from tests.plugins.zendesk.mapped import rehearse

OFF = {"create_fields": False, "create_organizations": False, "send_pages": False}


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    """Nothing is created but users and the organizations of group calls."""
    async with open_stand_in(PLUGIN, **OFF) as opened:
        yield opened


def identify(id: str | None = "u-17", /, **traits: Any) -> Event:
    return make_event("identify", **({"userId": id} if id else {}), traits=traits)


def group(**traits: Any) -> Event:
    return make_event("group", userId="u-17", groupId="c9", traits=traits)


async def send(vendor: StandIn, event: Event) -> Any:
    """The verdict on the one payload, or `Blocked`."""
    [[judgement]] = (await vendor.deliver(event)).values()
    return judgement[0] if isinstance(judgement, list) else judgement


def asked(vendor: StandIn) -> list[str]:
    """Each request, with its status."""
    return [
        f"{each['method']} {each['path'].removeprefix('/api/v2')} {each['status']}" for each in vendor.sandbox.requests
    ]


def users(vendor: StandIn) -> list[dict[str, Any]]:
    return list(vendor.sandbox.users.values())


# --- users ---


async def test_a_user_is_created_then_updated(vendor: StandIn) -> None:
    assert await send(vendor, identify(name="Ada Lovelace", email="ada@example.test")) == Delivered()
    assert await send(vendor, identify(phone="+442079460000")) == Delivered()

    assert asked(vendor) == ["POST /users/create_or_update 201", "POST /users/create_or_update 200"]
    [user] = users(vendor)
    assert (user["name"], user["phone"], user["emails"]) == ("Ada Lovelace", "+442079460000", ["ada@example.test"])


async def test_somebody_new_without_a_name_gets_one_and_somebody_known_keeps_theirs(vendor: StandIn) -> None:
    await send(vendor, identify(email="ada@example.test"))
    assert asked(vendor) == ["POST /users/create_or_update 422", "POST /users/create_or_update 201"]
    assert users(vendor)[0]["name"] == "ada@example.test"

    await send(vendor, identify(name="Ada Lovelace"))
    await send(vendor, identify(email="ada@example.test"))

    assert users(vendor)[0]["name"] == "Ada Lovelace"


async def test_somebody_known_by_email_gets_a_user_id(vendor: StandIn) -> None:
    await send(vendor, identify(None, email="ada@example.test"))
    await send(vendor, identify(email="ada@example.test"))

    assert [user["external_id"] for user in users(vendor)] == ["u-17"]


async def test_no_mail_asks_a_user_to_verify_an_address(vendor: StandIn) -> None:
    await send(vendor, identify(name="Ada", email="ada@example.test"))

    assert vendor.accepted("mail") == []


@pytest.mark.parametrize(
    ("traits", "field"),
    [
        pytest.param({"phone": "call me"}, "phone", id="phone"),
        pytest.param({"locale": "English, mostly"}, "locale", id="locale"),
        pytest.param({"timezone": " "}, "time_zone", id="time zone"),
    ],
)
async def test_a_field_that_is_refused_is_left_out_and_the_rest_goes_on(
    vendor: StandIn, traits: dict[str, Any], field: str
) -> None:
    verdict = await send(vendor, identify(name="Ada", **traits))

    assert isinstance(verdict, Delivered)
    assert [warning.startswith(f"{field} was refused, and left out: 422 {field}:") for warning in verdict.warnings] == [
        True
    ]
    assert [(user["name"], field in user) for user in users(vendor)] == [("Ada", False)]


async def test_an_email_of_another_user_does_not_cost_the_person_the_rest(vendor: StandIn) -> None:
    await send(vendor, identify("u-16", name="Eve", email="ada@example.test"))
    await send(vendor, identify(name="Ada"))

    assert await send(vendor, identify(email="ada@example.test", phone="+442079460000")) == Delivered(
        ("email was refused, and left out: 422 email: ada@example.test is already being used by another user",)
    )
    assert [(user["emails"], user.get("phone")) for user in users(vendor)] == [
        (["ada@example.test"], None),
        ([], "+442079460000"),
    ]


TOO_LONG = Response(422, b'{"details":{"name":[{"description":"Name: is too long"}]}}')
BLANK = Response(422, b'{"details":{"name":[{"description":"Name: cannot be blank"}]}}')


@pytest.mark.parametrize(
    ("event", "answers", "end"),
    [
        pytest.param(
            identify(None, email="ada@example.test"),
            [Response(422, b'{"details":{"email":[{"description":"Email: is invalid"}]}}')],
            Dead("422 email: Email: is invalid"),
            id="an email that is all there is",
        ),
        pytest.param(
            identify(name="Ada"), [TOO_LONG, BLANK], Dead("422 name: Name: is too long"), id="a name of somebody new"
        ),
        pytest.param(
            identify(firstName="Ada"),
            [BLANK, TOO_LONG, BLANK],
            Dead("422 name: Name: is too long"),
            id="a name made up",
        ),
    ],
)
def test_nobody_new_is_made_without_what_was_refused_of_them(event: Event, answers: list[Response], end: Dead) -> None:
    rehearsal = rehearse()
    [(_, endpoint, payload)] = rehearsal.payloads(event)

    assert rehearsal.talk(endpoint, payload, dict(enumerate(answers))).end == end


# --- fields ---


async def test_a_field_that_is_not_defined_is_reported(vendor: StandIn) -> None:
    vendor.sandbox.fields["user"] = {"plan": "text"}

    verdict = await send(vendor, identify(name="Ada", plan="gold", tier=3))

    assert verdict == Delivered(("user field 'tier' is not defined in Zendesk; left out",))
    assert users(vendor)[0]["user_fields"] == {"plan": "gold"}


async def test_a_field_that_is_not_defined_may_be_defined() -> None:
    async with open_stand_in(PLUGIN) as vendor:
        event = identify(name="Ada", plan="gold", tier=3, is_vip=True)

        assert await send(vendor, event) == Delivered()
        assert await send(vendor, event) == Delivered()

        assert vendor.sandbox.fields["user"] == {"plan": "text", "tier": "decimal", "is_vip": "checkbox"}
        assert users(vendor)[0]["user_fields"] == {"plan": "gold", "tier": 3, "is_vip": True}
        assert len(asked(vendor)) == 6


async def test_a_field_that_may_not_be_defined_is_left_out() -> None:
    async with open_stand_in(PLUGIN) as vendor:
        vendor.sandbox.fail(Fault(status=403, path="user_fields"))

        assert await send(vendor, identify(name="Ada", tier=3)) == Delivered(
            ("user field 'tier' is not defined in Zendesk; left out",)
        )


@pytest.mark.parametrize(
    ("status", "expected"), [(409, Later), (429, Later), (503, Later), (401, Blocked), (302, Blocked)]
)
async def test_a_field_that_can_t_be_defined_just_now_is_not_left_out(status: int, expected: type) -> None:
    async with open_stand_in(PLUGIN) as vendor:
        vendor.sandbox.fail(Fault(status=status, path="user_fields"))

        assert isinstance(await send(vendor, identify(name="Ada", tier=3)), expected)


@pytest.mark.parametrize(
    ("limits", "is_outage"),
    [
        pytest.param({"writes_per_user_and_minute": 0}, False, id="of one user"),
        pytest.param({"requests_per_minute": 0}, None, id="of the account"),
    ],
)
async def test_whom_a_limit_is_for_is_read_from_what_it_leaves_to_others(
    limits: dict[str, int], is_outage: bool | None
) -> None:
    async with open_stand_in(PLUGIN) as vendor:
        for name, limit in limits.items():
            setattr(vendor.sandbox, name, limit)

        verdict = await send(vendor, identify(name="Ada"))

        assert isinstance(verdict, Later)
        assert verdict.is_outage is is_outage


# --- emails ---


@pytest.mark.parametrize("is_on", [False, True])
async def test_a_new_email_is_one_more_or_the_primary_one(is_on: bool) -> None:
    async with open_stand_in(PLUGIN, primary_email=is_on) as vendor:
        for email in ("old@example.test", "new@example.test", "new@example.test"):
            assert await send(vendor, identify(name="Ada", email=email)) == Delivered()

        emails = ["old@example.test", "new@example.test"]
        assert users(vendor)[0]["emails"] == (emails[::-1] if is_on else emails)
        assert sum("identities" in each for each in asked(vendor)) == (2 if is_on else 0)


async def test_the_email_that_a_userid_is_does_not_take_the_place_of_one_that_was_told() -> None:
    """Whoever signed up as ada@old and moved to ada@new is still called ada@old in each later call."""
    async with open_stand_in(PLUGIN, primary_email=True) as vendor:
        for traits in ({}, {"email": "ada@new.test"}, {"plan": "gold"}):
            await vendor.deliver(make_event("identify", userId="ada@old.test", traits=traits))

        assert users(vendor)[0]["emails"] == ["ada@new.test", "ada@old.test"]


async def test_an_email_that_can_t_be_the_primary_one_is_reported() -> None:
    async with open_stand_in(PLUGIN, primary_email=True) as vendor:
        await send(vendor, identify(name="Ada", email="old@example.test"))
        vendor.sandbox.fail(Fault(status=422, path="make_primary", body="unverified"))

        assert await send(vendor, identify(email="new@example.test")) == Delivered(
            ("the new email did not become the primary one: 422 unverified",)
        )


def test_a_page_makes_no_email_the_primary_one() -> None:
    rehearsal = rehearse(primary_email=True)
    [(_, endpoint, payload)] = rehearsal.payloads(identify(email="new@example.test"))
    answers = {
        0: Response(200, b'{"user":{"id":1,"email":"old@example.test"}}'),
        1: Response(200, b'{"identities":[{"id":5,"type":"email","value":"new@example.test"}]}'),
        2: Response(200, b"<html>Login</html>"),
    }

    with pytest.raises(UnreadableAnswer):
        rehearsal.talk(endpoint, payload, answers)


# --- organizations ---


async def test_a_company_is_linked_where_it_exists(vendor: StandIn) -> None:
    await send(vendor, identify(name="Ada", company="Acme"))
    assert users(vendor)[0].get("organization_id") is None

    await send(vendor, group(name="Acme"))
    await send(vendor, identify(company={"name": "Acme"}))

    assert users(vendor)[0]["organization_id"] in vendor.sandbox.organizations


@pytest.mark.parametrize(
    ("company", "expected"),
    [
        pytest.param("Acme", {"name": "Acme"}, id="text"),
        pytest.param({"id": 9, "name": "Acme"}, {"external_id": "9", "name": "Acme"}, id="with an id"),
        pytest.param({"id": 9}, {"external_id": "9", "name": "9"}, id="an id alone"),
    ],
)
async def test_a_company_may_be_created(company: Any, expected: dict[str, Any]) -> None:
    async with open_stand_in(PLUGIN, create_fields=False) as vendor:
        await send(vendor, identify(name="Ada", company=company))

        [organization] = vendor.sandbox.organizations.values()
        assert {key: item for key, item in organization.items() if key in ("external_id", "name")} == expected
        assert users(vendor)[0]["organization_id"] == organization["id"]


async def test_many_fields_are_defined_in_several_goes() -> None:
    """One conversation may have a hundred requests, and with more of them the event would be a dead letter."""
    event = identify(name="Ada", **{f"trait_{number}": f"v{number}" for number in range(110)})
    async with open_stand_in(PLUGIN, create_fields=True) as vendor:
        ends, counts = [], []
        for _ in range(3):
            before = len(vendor.sandbox.requests)
            ends.append(type(await send(vendor, event)))
            counts.append(len(vendor.sandbox.requests) - before)

        assert ends == [Later, Later, Delivered]
        assert max(counts) < MAX_STEPS
        assert users(vendor)[0]["user_fields"]["trait_109"] == "v109"


async def test_a_group_is_written_and_its_user_becomes_a_member_once(vendor: StandIn) -> None:
    await send(vendor, identify(name="Ada"))

    assert await send(vendor, group(name="Acme", website="https://acme.test")) == Delivered(
        ("organization field 'website' is not defined in Zendesk; left out",)
    )
    assert await send(vendor, group(name="Acme")) == Delivered()

    [organization] = vendor.sandbox.organizations
    assert asked(vendor)[1:5] == [
        "POST /organizations/create_or_update 201",
        f"PUT /organizations/{organization} 200",
        "GET /users/search?external_id=u-17 200",
        "POST /organization_memberships 201",
    ]
    assert asked(vendor)[-1] == "POST /organization_memberships 422"
    assert len(vendor.sandbox.memberships) == 1


async def test_a_domain_is_added_to_those_that_the_organization_has(vendor: StandIn) -> None:
    """What is written takes the place of all, such as those that an agent has added."""
    await send(vendor, group(name="Acme"))
    [organization] = vendor.sandbox.organizations.values()
    organization["domain_names"] = ["acme.example"]

    await send(vendor, group(name="Acme", domain="acme.test"))
    count = len(asked(vendor))
    await send(vendor, group(name="Acme", domain="acme.example"))

    assert organization["domain_names"] == ["acme.example", "acme.test"]
    assert not any(each.startswith("PUT") for each in asked(vendor)[count:])


async def test_a_domain_that_is_refused_does_not_cost_the_group(vendor: StandIn) -> None:
    vendor.sandbox.fail(Fault(status=422, contains="domain_names", body="another organization has this domain"))

    verdict = await send(vendor, group(name="Acme", domain="acme.test"))

    assert isinstance(verdict, Delivered)
    assert verdict.warnings[0] == "domain_names was refused, and left out: 422 another organization has this domain"


async def test_a_group_without_a_name_is_named_by_its_id_only_when_it_is_new(vendor: StandIn) -> None:
    await send(vendor, group(plan="gold"))
    assert [each["name"] for each in vendor.sandbox.organizations.values()] == ["c9"]

    await send(vendor, group(name="Acme"))
    await send(vendor, group(plan="silver"))

    assert [each["name"] for each in vendor.sandbox.organizations.values()] == ["Acme"]


TAKEN = "name was refused, and left out: 422 name: Name: Acme has already been taken"


async def test_a_name_that_another_organization_has_does_not_cost_the_group_the_rest(vendor: StandIn) -> None:
    await send(vendor, make_event("group", userId="u-17", groupId="c8", traits={"name": "Acme"}))
    await send(vendor, identify(name="Ada"))
    await send(vendor, group(name="Engines"))

    assert await send(vendor, group(name="Acme", description="Mills")) == Delivered((TAKEN,))

    organizations = [(each["name"], each.get("details")) for each in vendor.sandbox.organizations.values()]
    assert organizations == [("Acme", None), ("Engines", "Mills")]
    assert len(vendor.sandbox.memberships) == 1


async def test_an_organization_of_the_name_that_has_no_id_becomes_the_group_s(vendor: StandIn) -> None:
    """As one that an agent made: Zendesk does not find it by its name, and refuses another one of that name."""
    await send(vendor, identify(name="Ada"))
    vendor.sandbox.organizations[7] = {"id": 7, "name": "ACME", "details": "Mills", "organization_fields": {}}

    verdicts = [await send(vendor, group(name="Acme")) for _ in range(2)]

    assert verdicts == [Delivered(), Delivered()]
    assert asked(vendor)[1:4] == [
        "POST /organizations/create_or_update 422",
        "GET /organizations/search?name=Acme 200",
        "PUT /organizations/7 200",
    ]
    [organization] = vendor.sandbox.organizations.values()
    assert (organization["external_id"], organization["details"]) == ("c9", "Mills")
    assert len(vendor.sandbox.memberships) == 1


async def test_a_new_group_of_a_name_that_another_one_has_is_told_apart_by_its_id(vendor: StandIn) -> None:
    """In an account of many teams some are called alike, and to Zendesk a name is one organization's alone."""
    await send(vendor, identify(name="Ada"))
    await send(vendor, make_event("group", userId="u-16", groupId="c8", traits={"name": "Acme"}))

    verdicts = [await send(vendor, group(name="Acme", description="Mills")) for _ in range(2)]

    assert verdicts == [Delivered((TAKEN,))] * 2
    organizations = [(each["name"], each.get("details")) for each in vendor.sandbox.organizations.values()]
    assert organizations == [("Acme", None), ("Acme (c9)", "Mills")]
    assert len(vendor.sandbox.memberships) == 1


async def test_a_new_group_whose_id_is_the_name_of_another_one_is_told_apart_too(vendor: StandIn) -> None:
    await send(vendor, make_event("group", userId="u-16", groupId="c8", traits={"name": "C9"}))

    assert isinstance(await send(vendor, group()), Delivered)

    assert [each["name"] for each in vendor.sandbox.organizations.values()] == ["C9", "c9 (c9)"]


async def test_a_group_with_an_organization_does_not_take_another_one_of_its_new_name(vendor: StandIn) -> None:
    """A company is renamed, and an agent has made an organization of the new name: an id is one organization's alone."""
    await send(vendor, group(name="Acme"))
    vendor.sandbox.organizations[7] = {"id": 7, "name": "Acme Inc", "organization_fields": {}}

    verdict = await send(vendor, group(name="Acme Inc", description="Makes engines"))

    assert isinstance(verdict, Delivered)
    assert verdict.warnings[0] == "name was refused, and left out: 422 name: Name: Acme Inc has already been taken"
    [own] = [each for each in vendor.sandbox.organizations.values() if each.get("external_id") == "c9"]
    assert (own["name"], own["details"]) == ("Acme", "Makes engines")


async def test_a_company_by_its_name_is_created_once_and_the_person_linked_each_time() -> None:
    async with open_stand_in(PLUGIN, create_organizations=True) as vendor:
        verdicts = [await send(vendor, identify(id, name="Ada", company="Acme")) for id in ("u-17", "u-17", "u-18")]

        assert verdicts == [Delivered()] * 3
        [organization] = vendor.sandbox.organizations
        assert [user["organization_id"] for user in users(vendor)] == [organization] * 2


async def test_a_company_whose_name_another_has_is_linked_by_its_id() -> None:
    async with open_stand_in(PLUGIN, create_organizations=True) as vendor:
        await send(vendor, make_event("group", userId="u-16", groupId="c8", traits={"name": "Acme"}))
        await send(vendor, group(name="Engines"))

        assert await send(
            vendor, identify(email="ada@example.test", company={"id": "c9", "name": "Acme"})
        ) == Delivered((TAKEN,))
        [user] = users(vendor)
        assert vendor.sandbox.organizations[user["organization_id"]]["external_id"] == "c9"


@pytest.mark.parametrize(
    ("company", "answers", "not_written", "link"),
    [
        pytest.param(
            {"id": "c9", "name": "Acme"},
            {0: TOO_LONG, 2: BLANK},
            ("the user's organization was not written: 422 name: Name: is too long",),
            None,
            id="with an id of its own",
        ),
        pytest.param(
            {"name": "Acme"},
            {0: Response(422, b'{"details":{"name":[{"description":"Name: taken"}]}}')},
            (),
            {"name": "Acme"},
            id="by a name that another call has just created",
        ),
    ],
)
def test_a_company_that_zendesk_refuses_does_not_cost_the_person(
    company: Any, answers: dict[int, Response], not_written: tuple[str, ...], link: Any
) -> None:
    rehearsal = rehearse(create_organizations=True)
    [(_, endpoint, payload)] = rehearsal.payloads(identify(name="Ada", company=company))

    talk = rehearsal.talk(endpoint, payload, answers)

    assert isinstance(talk.end, Delivered)
    assert talk.end.warnings[-1:] == not_written
    assert talk.requests[-1].json["user"].get("organization") == link


async def test_a_group_of_somebody_unknown_has_no_such_member(vendor: StandIn) -> None:
    verdict = await send(vendor, group(name="Acme"))

    assert verdict == Delivered(("the user of the group call is not known: the organization has no such member",))


async def test_a_member_may_be_found_by_email(vendor: StandIn) -> None:
    await send(vendor, identify(None, name="Ada", email="ada@example.test"))
    event = make_event(
        "group",
        anonymousId="a-1",
        groupId="c9",
        traits={"name": "Acme"},
        context={"traits": {"email": "ada@example.test"}},
    )

    assert await send(vendor, event) == Delivered()
    assert len(vendor.sandbox.memberships) == 1


async def test_a_membership_that_is_refused_is_reported(vendor: StandIn) -> None:
    await send(vendor, identify(name="Ada"))
    vendor.sandbox.fail(Fault(status=422, path="organization_memberships", body="only one organization a user"))

    assert await send(vendor, group(name="Acme")) == Delivered(
        ("the user did not become a member: 422 only one organization a user",)
    )


async def test_a_member_who_is_deleted_and_still_found_does_not_cost_the_group(vendor: StandIn) -> None:
    """A search knows of users who are no more for some minutes."""
    await send(vendor, identify(name="Ada"))
    vendor.sandbox.fail(Fault(status=404, path="organization_memberships", body='{"error": "RecordNotFound"}'))

    assert await send(vendor, group(name="Acme")) == Delivered(
        ('the user did not become a member: 404 {"error": "RecordNotFound"}',)
    )


# --- merging ---


@pytest.fixture
async def merging() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN, **OFF, merge_users=True) as opened:
        yield opened


ALIAS = make_event("alias", userId="u-17", previousId="u-16")


async def test_two_users_become_one_and_a_repeat_finds_nobody(merging: StandIn) -> None:
    await send(merging, identify("u-16", name="Ada", email="ada@example.test"))
    await send(merging, identify(name="Ada"))

    assert await send(merging, ALIAS) == Delivered()
    assert await send(merging, ALIAS) == Delivered(("nobody is known by the previousId: there is nobody to merge",))

    assert [(user["external_id"], user["emails"]) for user in users(merging)] == [("u-17", ["ada@example.test"])]


async def test_a_merge_into_nobody_is_a_dead_letter(merging: StandIn) -> None:
    await send(merging, identify("u-16", name="Ada"))

    assert await send(merging, ALIAS) == Dead("nobody is known by the userId: there is nobody to merge into")


async def test_an_agent_is_not_merged(merging: StandIn) -> None:
    await send(merging, identify("u-16", name="Ada"))
    await send(merging, identify(name="Ada"))
    merging.sandbox.agents = set(merging.sandbox.users)

    assert await send(merging, ALIAS) == Dead("422 base: only two end users can be merged")


# --- answers ---


async def test_a_conflict_is_tried_again(vendor: StandIn) -> None:
    vendor.sandbox.conflicts = 1

    verdicts = [await send(vendor, identify(name="Ada")) for _ in range(2)]

    assert verdicts == [
        Later('409 {"error":"Conflict","description":"Database collision"}', None, 10),
        Delivered(),
    ]


JUST_MADE = Response(422, b'{"details":{"external_id":[{"error":"DuplicateValue","description":"External: taken"}]}}')


@pytest.mark.parametrize(
    "event", [pytest.param(group(name="Acme"), id="group"), pytest.param(identify(company={"id": "c9"}), id="company")]
)
def test_an_organization_that_another_call_has_just_made_is_written_at_the_next_try(event: Event) -> None:
    """People of one company are in different lanes."""
    rehearsal = rehearse(create_organizations=True)
    [(_, endpoint, payload)] = rehearsal.payloads(event)

    assert rehearsal.talk(endpoint, payload, {0: JUST_MADE}).end == Later("422 external_id: External: taken", None, 10)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(Response(400, b"no"), Dead("400 no"), id="bad request"),
        pytest.param(Response(422, b"<html>"), Dead("422 <html>"), id="a page"),
        pytest.param(
            Response(422, b'{"details":{"external_id":7}}'), Dead('422 {"details":{"external_id":7}}'), id="odd details"
        ),
        pytest.param(
            Response(404, b'{"error":"RecordNotFound"}'),
            Dead('404 {"error":"RecordNotFound"}'),
            id="an id that is unknown",
        ),
        pytest.param(
            Response(404, b'{"error":{"title":"No help desk"}}'),
            Blocked('404 {"error":{"title":"No help desk"}} (another subdomain or base_url?)'),
            id="no such account",
        ),
        pytest.param(Response(403, b"no"), Blocked("403 no"), id="not allowed"),
        pytest.param(Response(302, b""), Blocked("302"), id="another subdomain"),
        pytest.param(Response(503, b""), Later("503"), id="out of order"),
    ],
)
def test_an_answer_that_ends_it(answer: Response, expected: Any) -> None:
    rehearsal = rehearse()
    [(_, endpoint, payload)] = rehearsal.payloads(identify(email="ada@example.test"))

    assert rehearsal.talk(endpoint, payload, {0: answer}).end == expected


def test_a_field_that_somebody_else_has_just_defined_is_written() -> None:
    """Many people are written side by side, and a new trait is new to all of them."""
    rehearsal = rehearse(create_fields=True)
    [(_, endpoint, payload)] = rehearsal.payloads(identify(name="Ada", plan="gold"))
    answers = {
        0: Response(200, b'{"user":{"id":1,"user_fields":{}}}'),
        1: Response(422, b'{"details":{"key":[{"error":"DuplicateValue","description":"Key: plan has been taken"}]}}'),
        2: Response(200, b'{"user":{"id":1,"user_fields":{"plan":"gold"}}}'),
    }

    talk = rehearsal.talk(endpoint, payload, answers)

    assert talk.end == Delivered()
    assert [request.json.get("user", {}).get("user_fields") for request in talk.requests] == [
        {"plan": "gold"},
        None,
        {"plan": "gold"},
    ]


@pytest.mark.parametrize(
    ("details", "kept"),
    [
        pytest.param({"plan": [{"description": "Plan: is not an option"}]}, {"seats": 4}, id="by its key"),
        pytest.param({"base": [{"description": "Plan is invalid"}]}, None, id="by no name that was sent"),
    ],
)
def test_a_value_that_a_user_field_does_not_take_does_not_cost_the_person(details: Any, kept: Any) -> None:
    """A dropdown of the account has none but its options."""
    rehearsal = rehearse()
    [(_, endpoint, payload)] = rehearsal.payloads(identify(name="Ada", plan="platinum", seats=4))
    answers = {
        0: Response(422, orjson.dumps({"details": details})),
        1: Response(200, b'{"user":{"id":1,"user_fields":{"seats":4}}}'),
    }

    talk = rehearsal.talk(endpoint, payload, answers)

    assert isinstance(talk.end, Delivered)
    assert "was refused, and left out" in talk.end.warnings[0]
    assert [request.json["user"].get("user_fields") for request in talk.requests] == [
        {"plan": "platinum", "seats": 4},
        kept,
    ]


def test_what_is_never_taken_ends_at_last() -> None:
    rehearsal = rehearse()
    [(_, endpoint, payload)] = rehearsal.payloads(identify(name="Ada", **{f"t{number}": number for number in range(3)}))
    refused = Response(422, b'{"details":{"user_fields":[{"error":"InvalidValue"}]}}')

    assert rehearsal.talk(endpoint, payload, dict.fromkeys(range(9), refused)).end == Dead(
        "422 user_fields: InvalidValue"
    )
