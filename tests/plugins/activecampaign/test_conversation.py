"""The conversations, against the stand-in: what is asked, in which order, and what an answer means."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.activecampaign import PLUGIN
from plugins.activecampaign.conversation import MAX_MENDINGS
from router.plugin import Blocked, Dead, Delivered, Later, Response
from router.plugin.sandbox import Fault
from router.testing import Rehearsal, StandIn, make_event, open_stand_in
from tests.plugins.activecampaign.samples import EMAIL, MINIMAL, group, identify, track


@pytest.fixture
async def account() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN, fields={"plan": "Plan tier", "age": "1:number"}, company_accounts=True) as opened:
        yield opened


NOT_TRACKED: Any = {"actid": "", "event_key": ""}


async def talk(account: StandIn, event: Any) -> Any:
    """The verdict, or `Blocked`."""
    [[judgement]] = (await account.deliver(event)).values()
    return judgement if isinstance(judgement, Blocked) else judgement[0]  # type: ignore[index]


def asked(account: StandIn) -> list[str]:
    return [f"{each['method']} {each['path'].removeprefix('/api/3/')}" for each in account.sandbox.requests]


def contact(account: StandIn) -> dict[str, Any]:
    [found] = account.sandbox.contacts.values()
    return dict(found)


async def test_a_contact_is_written_then_its_lists_tags_and_account(account: StandIn) -> None:
    assert await talk(account, identify(age=36, tags=["vip"], company="Engines")) == Delivered()

    assert asked(account) == [
        "POST contact/sync",
        "GET contacts/101/contactLists?limit=100&offset=0",
        "POST contactLists",
        "GET tags?search=vip&limit=100&offset=0",
        "POST tags",
        "POST contactTags",
        "GET accounts?search=Engines&limit=100&offset=0",
        "POST accounts",
        "GET accountContacts?filters%5Bcontact%5D=101",
        "POST accountContacts",
    ]
    assert (contact(account)["fields"], contact(account)["tags"]) == ({"1": "36"}, {"vip"})
    assert account.sandbox.lists == {"1": {"101": 1}}


@pytest.mark.parametrize("others", [30, 130])
async def test_who_left_a_list_is_not_put_back_however_many_others_they_are_on(others: int) -> None:
    """A page of lists has twenty unless more are asked for, and a hundred at most."""
    async with open_stand_in(PLUGIN, lists=["1"]) as account:
        await talk(account, identify())
        left = {each: {"101": 1} for each in map(str, range(1000, 1000 + others))} | {"1": {"101": 2}}
        account.sandbox.lists.clear()
        account.sandbox.lists.update(left)

        assert await talk(account, identify()) == Delivered()

    assert account.sandbox.lists["1"] == {"101": 2}


async def test_a_tag_and_an_account_are_found_however_many_others_have_their_name_in_theirs(account: StandIn) -> None:
    """A search finds those too, a hundred at a time; an account that isn't found would be created, which is refused."""
    others = range(1000, 1130)
    account.sandbox.tags |= {str(each): f"1{each}" for each in others} | {"1": "1"}
    account.sandbox.accounts |= {str(each): {"name": f"1{each}"} for each in others} | {"2": {"name": "1"}}

    assert await talk(account, identify(tags=["1"], company="1")) == Delivered()

    assert contact(account)["tags"] == {"1"}
    assert account.sandbox.links == {"101": "2"}


async def test_a_repeat_changes_nothing(account: StandIn) -> None:
    for _ in range(2):
        end = await talk(account, identify(tags=["vip"], company="Engines"))

    assert isinstance(end, Delivered)
    assert [len(each) for each in (account.sandbox.contacts, account.sandbox.tags, account.sandbox.accounts)] == [
        1,
        1,
        1,
    ]
    assert len(account.accepted("list")) == 1


async def test_a_field_is_found_by_its_title(account: StandIn) -> None:
    assert await talk(account, identify(plan="gold")) == Delivered()

    [field] = [field for field, title in account.sandbox.titles.items() if title == "Plan tier"]
    assert contact(account)["fields"] == {field: "gold"}


@pytest.mark.parametrize("named", ["%PLAN_TIER%", "plan_tier", "PLAN TIER"])
async def test_or_by_its_personalisation_tag_in_any_case_on_any_page(named: str) -> None:
    async with open_stand_in(PLUGIN, fields={"plan": named}) as account:
        account.sandbox.titles.clear()
        for field in [*map(str, range(200, 350)), "Plan tier"]:
            account.sandbox.add_field(field)

        assert await talk(account, identify(plan="gold")) == Delivered()
        assert asked(account)[:2] == ["GET fields?limit=100&offset=0", "GET fields?limit=100&offset=100"]
        assert list(contact(account)["fields"].values()) == ["gold"]


async def test_a_field_that_there_is_not_is_left_out_and_reported(account: StandIn) -> None:
    account.sandbox.titles.clear()

    assert await talk(account, identify(plan="gold", firstName="Ada")) == Delivered(
        ("there is no custom field 'Plan tier': left out",)
    )
    assert (contact(account)["firstName"], contact(account)["fields"]) == ("Ada", {})


async def test_an_id_that_there_is_not_costs_the_fields_and_not_the_contact(account: StandIn) -> None:
    del account.sandbox.fields["1"]

    end = await talk(account, identify(age=36, firstName="Ada"))

    assert end == Delivered(('custom fields 1 left out: 404 {"message":"No Result found for Field with id 1"}',))
    assert contact(account)["firstName"] == "Ada"


async def test_what_is_refused_of_a_contact_is_left_out_and_reported(account: StandIn) -> None:
    body = '{"errors": [{"title": "no", "code": "invalid", "source": {"pointer": "/data/attributes/phone"}}]}'
    account.sandbox.fail(Fault(status=422, body=body, contains='"phone"'))

    assert await talk(account, identify(phone="x", firstName="Ada")) == Delivered(("phone left out: 422 invalid: no",))
    assert contact(account)["firstName"] == "Ada"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        pytest.param(200, "<html>Login</html>", Blocked, id="a login page"),
        pytest.param(402, "", Blocked, id="402"),
        pytest.param(403, "", Blocked, id="403"),
        pytest.param(404, "<html>", Blocked, id="404: no such account"),
        pytest.param(400, "", Dead, id="400"),
        pytest.param(422, '{"errors": [{"source": {"pointer": "/data/attributes/email"}}]}', Dead, id="422"),
        pytest.param(429, "", Later, id="429"),
        pytest.param(500, "", Later, id="500"),
        pytest.param(503, "", Later, id="503"),
    ],
)
async def test_what_an_answer_to_a_contact_means(account: StandIn, status: int, body: str, kind: type) -> None:
    account.sandbox.fail(Fault(status=status, body=body, path="contact/sync"))

    assert isinstance(await talk(account, identify(age=36)), kind)
    assert len(account.sandbox.requests) <= MAX_MENDINGS


async def test_who_left_a_list_is_not_put_back(account: StandIn) -> None:
    await talk(account, identify())
    account.sandbox.lists["1"]["101"] = 2

    await talk(account, identify())

    assert account.sandbox.lists == {"1": {"101": 2}}


async def test_a_trait_puts_people_on_lists_and_takes_them_off() -> None:
    async with open_stand_in(PLUGIN, subscribe_trait="newsletter") as account:
        statuses = []
        for value in (False, True):
            await talk(account, identify(newsletter=value))
            statuses.append(account.sandbox.lists["1"]["101"])

        assert statuses == [2, 1]


@pytest.mark.parametrize(
    ("path", "warning"),
    [
        pytest.param("contacts/101/contactLists", "the contact was put on no list: 422", id="lists asked"),
        pytest.param("/api/3/contactLists", "list 1 is as it was: 422", id="a list"),
        pytest.param("/api/3/tags", "tag 'vip' was not put on: 422", id="the tag"),
        pytest.param("/api/3/contactTags", "tag 'vip' was not put on: 422", id="the tag on the contact"),
        pytest.param("/api/3/accounts", "the account was not written: 422", id="the account"),
        pytest.param("/api/3/accountContacts", "the contact was not linked to the account: 422", id="the link"),
    ],
)
async def test_what_is_refused_besides_does_not_cost_the_contact(account: StandIn, path: str, warning: str) -> None:
    account.sandbox.fail(Fault(status=422, path=path))

    assert await talk(account, identify(tags=["vip"], company="Engines")) == Delivered((warning,))


@pytest.mark.parametrize("path", ["contactLists", "tags", "contactTags", "accounts", "accountContacts"])
async def test_an_outage_on_the_way_starts_over(account: StandIn, path: str) -> None:
    event = identify(tags=["vip"], company="Engines")
    account.sandbox.fail(Fault(status=503, path=path, times=1))

    assert isinstance(await talk(account, event), Later)
    assert isinstance(await talk(account, event), Delivered)
    assert contact(account)["tags"] == {"vip"}


async def test_an_event_tags_its_contact_and_writes_its_fields() -> None:
    async with open_stand_in(PLUGIN, **NOT_TRACKED) as account:
        event = track(properties={"revenue": 19.99}, timestamp="2020-01-02T03:04:05Z")

        assert await talk(account, event) == Delivered()
        assert contact(account)["fields"] == {"5": "19.99", "6": "2020-01-02T03:04:05+00:00"}
        assert contact(account)["tags"] == {"customer"}


async def test_a_group_is_an_account_with_its_contact(account: StandIn) -> None:
    await talk(account, identify())

    assert await talk(account, group(name="Engines", plan="gold")) == Delivered()

    [(account_id, found)] = account.sandbox.accounts.items()
    assert found == {"name": "Engines", "fields": [{"customFieldId": 1, "fieldValue": "gold"}]}
    assert account.sandbox.links == {"101": account_id}


async def test_an_account_is_updated_by_its_name_in_any_case(account: StandIn) -> None:
    for name in ("Engines", "engines"):
        await talk(account, make_event("group", userId=EMAIL, groupId="g-1", traits={"name": name}))

    assert [each["name"] for each in account.sandbox.accounts.values()] == ["engines"]


async def test_an_account_whose_name_others_contain_is_not_theirs(account: StandIn) -> None:
    await talk(account, make_event("group", userId="u-1", groupId="g-1", traits={"name": "Engines of Leeds"}))
    await talk(account, make_event("group", userId="u-1", groupId="g-2", traits={"name": "Engines"}))

    assert len(account.sandbox.accounts) == 2


async def test_a_group_call_of_nobody_known_keeps_the_account(account: StandIn) -> None:
    end = await talk(account, make_event("group", userId="u-17", groupId="g-1"))

    assert end == Delivered(("nobody is linked to the account: the call has no email",))
    assert account.sandbox.contacts == {}


@pytest.mark.parametrize("call", [identify(company="Engines"), group(name="Engines")], ids=["identify", "group"])
async def test_who_has_the_account_already_needs_no_word_about_it(account: StandIn, call: Any) -> None:
    """Each identify with a company said that the contact was not linked, which it was."""
    assert await talk(account, call) == Delivered()

    assert await talk(account, call) == Delivered()

    assert len(account.accepted("link")) == 1


async def test_a_second_account_of_a_contact_is_a_warning(account: StandIn) -> None:
    await talk(account, group(name="Engines"))

    end = await talk(account, group(name="Toys"))

    assert end == Delivered(("the contact was not linked to the account: it has another one, and can have one alone",))
    assert len(account.sandbox.accounts) == 2


async def test_links_that_cannot_be_asked_for_do_not_cost_the_link(account: StandIn) -> None:
    account.sandbox.fail(Fault(status=422, path="accountContacts", times=1))

    assert await talk(account, group(name="Engines")) == Delivered()

    assert len(account.sandbox.links) == 1


async def test_an_account_that_is_refused_is_a_dead_letter(account: StandIn) -> None:
    account.sandbox.fail(Fault(status=422, path="/api/3/accounts", contains="account"))

    assert await talk(account, group(name="Engines")) == Dead("422")


@pytest.mark.parametrize("is_known", [False, True])
async def test_a_custom_field_that_is_refused_costs_neither_the_account_nor_its_link(is_known: bool) -> None:
    async with open_stand_in(PLUGIN, group_fields={"plan": "1"}) as account:
        if is_known:
            await talk(account, group(name="Engines"))
        account.sandbox.account_fields = frozenset()  # it was deleted

        end = await talk(account, group(name="Engines", website="https://engine.example.org", plan="gold"))

    assert end.warnings[0].startswith("custom fields of the account left out: 422 field_invalid")
    [written] = account.sandbox.accounts.values()
    assert written == {"name": "Engines", "accountUrl": "https://engine.example.org"}
    assert len(account.sandbox.links) == 1


async def test_an_address_that_is_refused_costs_neither_the_account_nor_its_link(account: StandIn) -> None:
    account.sandbox.fail(Fault(status=422, path="/api/3/accounts", contains="accountUrl"))

    end = await talk(account, group(name="Engines", website="https://engine.example.org"))

    assert end == Delivered(("address of the account left out: 422",))
    assert len(account.sandbox.links) == 1


REFUSED = Response(422, b'{"errors": [{"title": "The name is taken", "code": "duplicate"}]}')


def test_an_account_that_somebody_else_has_just_made_is_found() -> None:
    """Two people of a new account may be written side by side."""
    rehearsal = Rehearsal(PLUGIN, PLUGIN.settings.model_validate(MINIMAL))
    [(_, endpoint, payload)] = rehearsal.payloads(group(name="Engines"))
    found = Response(200, b'{"accounts": [{"id": "7", "name": "Engines"}]}')

    talk = rehearsal.talk(endpoint, payload, {1: REFUSED, 2: found})

    assert isinstance(talk.end, Delivered)
    assert [f"{each.method} {each.url.rpartition('/api/3/')[2].partition('?')[0]}" for each in talk.requests[:4]] == [
        "GET accounts",
        "POST accounts",
        "GET accounts",
        "PUT accounts/7",
    ]


def test_a_tag_that_somebody_else_has_just_made_is_put_on() -> None:
    rehearsal = Rehearsal(PLUGIN, PLUGIN.settings.model_validate(MINIMAL))
    [(_, endpoint, payload)] = rehearsal.payloads(identify(tags=["vip"]))
    none, found = Response(200, b'{"tags": []}'), Response(200, b'{"tags": [{"id": "9", "tag": "vip"}]}')

    talk = rehearsal.talk(endpoint, payload, {1: none, 2: REFUSED, 3: found})

    assert talk.end == Delivered()
    assert talk.requests[-1].json == {"contactTag": {"contact": "assumed-contact", "tag": "9"}}


async def test_a_partial_failure_of_an_import_costs_only_whom_it_is_about() -> None:
    async with open_stand_in(PLUGIN, bulk=True, lists=[], fields={"plan": "7:number"}) as account:
        account.sandbox.fields["7"] = "date"
        calls = [
            make_event("identify", traits={"email": email, **traits}, messageId=email)
            for email, traits in ((EMAIL, {}), ("b@example.org", {"plan": 7}), ("c@example.org", {}))
        ]

        [verdicts] = (await account.deliver(*calls))["import contacts in bulk"]

        assert [type(verdict) for verdict in verdicts] == [Delivered, Dead, Delivered]  # type: ignore[union-attr]
        assert len(account.sandbox.contacts) == 2
