"""The conversations, against the stand-in: what is asked, in which order, and what an answer means."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from plugins.intercom import PLUGIN, wire
from plugins.intercom.settings import Settings
from router.event import Event
from router.plugin import Blocked, Dead, Delivered, Later, Payload, Response
from router.plugin.sandbox import Fault
from router.plugin_calls import MAX_STEPS
from router.testing import Rehearsal, StandIn, open_stand_in
from tests.events import event, identify


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        yield opened


class Talk:
    """Delivers to the stand-in under settings of its own; knows each request there was, with its status."""

    def __init__(self, vendor: StandIn, **settings: Any) -> None:
        self._vendor = vendor
        given = {"access_token": "sandbox-token", "base_url": vendor.url, **settings}
        vendor.rehearsal = Rehearsal(PLUGIN, Settings.model_validate(given))

    @property
    def said(self) -> list[str]:
        return [f"{each['method']} {each['path']} {each['status']}" for each in self._vendor.sandbox.requests]

    def forget(self) -> None:
        self._vendor.sandbox.requests.clear()

    async def deliver(self, call: Event) -> Any:
        """The verdict of the only conversation (or request) there is."""
        [[judgement]] = (await self._vendor.deliver(call)).values()
        return judgement[0] if isinstance(judgement, list) else judgement


ADA = identify(email="ada@example.test", createdAt="2024-08-24T14:15:22Z")


async def test_somebody_new_is_looked_up_and_created(vendor: StandIn) -> None:
    talk = Talk(vendor)

    assert await talk.deliver(ADA) == Delivered()

    assert talk.said == [
        "GET /contacts/find_by_external_id/u1 404",
        "POST /contacts/search 200",
        "POST /contacts 200",
    ]
    [contact] = vendor.sandbox.contacts.values()
    assert contact["signed_up_at"] == 1724508922
    assert vendor.sandbox.accepted[-1]["item"]["created_at"] == 1724508922
    assert vendor.sandbox.accepted[-1]["ignored"] == {"created_at": 1724508922}


async def test_somebody_known_is_updated_and_a_repeat_changes_nothing(vendor: StandIn) -> None:
    talk = Talk(vendor)
    await talk.deliver(ADA)
    talk.forget()

    assert await talk.deliver(ADA) == Delivered()

    assert talk.said == ["GET /contacts/find_by_external_id/u1 200", "PUT /contacts/c000001 200"]
    assert len(vendor.sandbox.contacts) == 1


@pytest.mark.parametrize("half", [{"firstName": "Ada"}, {"last_name": "Ada"}], ids=["first", "last"])
async def test_half_a_name_is_that_of_somebody_new_and_replaces_no_whole_one(vendor: StandIn, half: Any) -> None:
    talk = Talk(vendor)
    await talk.deliver(identify(**half))
    [contact] = vendor.sandbox.contacts.values()
    assert contact["name"] == "Ada"

    await talk.deliver(identify(name="Ada Lovelace"))
    await talk.deliver(identify(**half))

    assert contact["name"] == "Ada Lovelace"


async def test_a_contact_known_by_email_alone_gets_its_user_id(vendor: StandIn) -> None:
    talk = Talk(vendor)
    await talk.deliver(event(type="identify", traits={"email": "ada@example.test"}))

    await talk.deliver(ADA)

    [contact] = vendor.sandbox.contacts.values()
    assert contact["external_id"] == "u1"


async def test_a_user_id_that_is_an_email_is_that_of_somebody_new_and_replaces_no_other(vendor: StandIn) -> None:
    talk = Talk(vendor)
    for traits in ({"plan": "gold"}, {"email": "ada@new.test"}, {"plan": "gold"}):
        await talk.deliver(event(type="identify", userId="Ada@example.test", traits=traits))

    [contact] = vendor.sandbox.contacts.values()
    emails = [each["item"].get("email") for each in vendor.sandbox.accepted]
    assert (contact["external_id"], contact["email"]) == ("Ada@example.test", "ada@new.test")
    assert emails == ["ada@example.test", "ada@new.test", None]


async def test_a_contact_of_an_email_gets_the_user_id_that_is_this_email(vendor: StandIn) -> None:
    talk = Talk(vendor)
    await talk.deliver(event(type="identify", anonymousId="a1", traits={"email": "ada@example.test"}))

    await talk.deliver(event(type="identify", userId="ada@example.test", traits={"plan": "gold"}))

    [contact] = vendor.sandbox.contacts.values()
    assert contact["external_id"] == "ada@example.test"


@pytest.mark.parametrize("traits", [{}, {"role": "lead"}], ids=["setting", "trait"])
async def test_a_user_is_no_lead_because_of_a_call_without_their_id(vendor: StandIn, traits: Any) -> None:
    talk = Talk(vendor, role_without_user_id="lead")
    anonymous = event(type="identify", anonymousId="a1", traits={"email": "ada@example.test", **traits})
    await talk.deliver(ADA)

    await talk.deliver(anonymous)

    [contact] = vendor.sandbox.contacts.values()
    assert (contact["external_id"], contact["role"]) == ("u1", "user")


async def test_a_lead_is_made_of_somebody_new(vendor: StandIn) -> None:
    await Talk(vendor, role_without_user_id="lead").deliver(event(type="identify", traits={"email": "a@b.test"}))

    [contact] = vendor.sandbox.contacts.values()
    assert contact["role"] == "lead"


async def test_an_email_is_the_same_person_in_any_letter_case(vendor: StandIn) -> None:
    """Contacts are searched by their email in lower case, so none must be written otherwise."""
    talk = Talk(vendor)
    for email in ("Ada@Example.test", "ada@example.test"):
        await talk.deliver(event(type="identify", anonymousId="a1", traits={"email": email}))
    tracked = event(type="track", anonymousId="a1", event="E", context={"traits": {"email": "ADA@example.test"}})

    assert await talk.deliver(tracked) == Delivered()

    [contact] = vendor.sandbox.contacts.values()
    assert contact["email"] == "ada@example.test"


async def test_of_several_contacts_with_one_email_none_is_guessed(vendor: StandIn) -> None:
    for number in (1, 2):
        vendor.sandbox.contacts[f"x{number}"] = {"id": f"x{number}", "role": "user", "email": "ada@example.test"}

    await Talk(vendor).deliver(ADA)

    assert len(vendor.sandbox.contacts) == 3


async def test_409_because_the_index_lags_updates_the_contact_it_names(vendor: StandIn) -> None:
    call = event(type="identify", traits={"email": "ada@example.test"})
    talk = Talk(vendor)
    await talk.deliver(call)
    vendor.sandbox.search_lag = 1
    talk.forget()

    assert await talk.deliver(call) == Delivered()

    assert talk.said[-2:] == ["POST /contacts 409", "PUT /contacts/c000001 200"]
    assert len(vendor.sandbox.contacts) == 1


async def test_a_contact_that_is_gone_between_two_steps_is_looked_up_again(vendor: StandIn) -> None:
    """A 404 on the update is a stale id: later, from the start of the conversation."""
    talk = Talk(vendor)
    await talk.deliver(ADA)
    vendor.sandbox.fail(Fault(status=404, body="{}", path="/contacts/c000001", times=1))

    assert isinstance(await talk.deliver(ADA), Later)
    assert await talk.deliver(ADA) == Delivered()


@pytest.mark.parametrize("status", [404, 503])
async def test_an_archived_contact_that_is_not_restored_is_tried_again(vendor: StandIn, status: int) -> None:
    talk = Talk(vendor)
    await talk.deliver(ADA)
    vendor.sandbox.archived["c000001"] = vendor.sandbox.contacts.pop("c000001")
    vendor.sandbox.fail(Fault(status=status, body="{}", path="/contacts/c000001/unarchive", times=1))

    assert isinstance(await talk.deliver(ADA), Later)
    assert await talk.deliver(ADA) == Delivered()


async def test_who_was_archived_and_is_seen_again_is_a_contact_again(vendor: StandIn) -> None:
    """Intercom finds no archived contact and lets nobody take its place: each identify was a dead letter, after five tries."""
    talk = Talk(vendor)
    await talk.deliver(ADA)
    vendor.sandbox.archived["c000001"] = vendor.sandbox.contacts.pop("c000001")
    talk.forget()

    assert await talk.deliver(identify(email="ada@example.test", name="Ada")) == Delivered()

    assert talk.said[-3:] == [
        "POST /contacts 409",
        "POST /contacts/c000001/unarchive 200",
        "PUT /contacts/c000001 200",
    ]
    assert vendor.sandbox.contacts["c000001"]["name"] == "Ada"


async def test_two_contacts_that_want_to_be_one_are_a_dead_letter(vendor: StandIn) -> None:
    """A 409 on an update names no contact that could be meant: Intercom's words are all there is to say."""
    talk = Talk(vendor, lookup_field="email")
    await talk.deliver(identify(email="ada@example.test"))
    vendor.sandbox.fail(
        Fault(status=409, body='{"errors":[{"code":"conflict","message":"two"}]}', path="/contacts/c000001")
    )

    assert await talk.deliver(ADA) == Dead("409 conflict: two")


async def test_who_takes_the_email_of_another_systems_contact_stays_the_contact_they_are(vendor: StandIn) -> None:
    """Looked up by that email, both would have the userId: each identify was a dead letter from then on."""
    talk = Talk(vendor, lookup_field="email")
    await talk.deliver(identify(email="ada@example.test"))
    vendor.sandbox.contacts["crm"] = {"id": "crm", "role": "user", "email": "bea@example.test"}

    assert await talk.deliver(identify(email="bea@example.test", name="Ada")) == Delivered()

    assert vendor.sandbox.contacts["c000001"].items() >= {"external_id": "u1", "name": "Ada"}.items()
    assert vendor.sandbox.contacts["crm"].keys().isdisjoint({"external_id", "name"})


async def test_an_email_that_is_another_contacts_costs_an_update_nothing_else(vendor: StandIn) -> None:
    talk = Talk(vendor)
    await talk.deliver(identify(email="ada@example.test"))
    vendor.sandbox.fail(
        Fault(status=409, body='{"errors":[{"code":"conflict","message":"two"}]}', path="/contacts/c000001", times=1)
    )

    verdict = await talk.deliver(identify(email="bea@example.test", name="Ada Lovelace"))

    assert verdict == Delivered(("email was left out: 409 conflict: two",))
    [contact] = vendor.sandbox.contacts.values()
    assert (contact["email"], contact["name"]) == ("ada@example.test", "Ada Lovelace")


async def test_an_event_that_intercom_cannot_tell_whose_it_is_is_a_dead_letter(vendor: StandIn) -> None:
    for number in (1, 2):
        vendor.sandbox.contacts[f"x{number}"] = {"id": f"x{number}", "role": "user", "email": "ada@example.test"}
    call = event(type="track", anonymousId="a1", event="E", context={"traits": {"email": "ada@example.test"}})

    assert isinstance(await Talk(vendor).deliver(call), Dead)


async def test_a_409_that_names_nobody_waits_for_the_index(vendor: StandIn) -> None:
    vendor.sandbox.fail(
        Fault(status=409, body='{"errors":[{"code":"conflict","message":"exists"}]}', path="/contacts", times=9)
    )
    conversation = wire.converse_contact(
        Payload({"contact": {"email": "a@b.test"}}), Settings.model_validate({"access_token": "t"})
    )
    next(conversation)
    conversation.send(Response(200, b'{"data":[]}'))

    with pytest.raises(StopIteration) as end:
        conversation.send(Response(409, b'{"errors":[{"code":"conflict","message":"exists"}]}'))

    assert isinstance(end.value.value, Later)


async def test_a_company_waits_for_the_index_to_find_who_is_known_by_email_alone(vendor: StandIn) -> None:
    """An identify and a group call follow each other; without the link nobody at Intercom would see the company."""
    talk, traits = Talk(vendor), {"email": "ada@example.test"}
    await talk.deliver(event(type="identify", anonymousId="a1", traits=traits))
    joined = event(type="group", anonymousId="a1", groupId="g1", context={"traits": traits})

    vendor.sandbox.search_lag = 1
    assert await talk.deliver(joined) == Later("no contact of the group call's email is found", 5.0, 5)
    vendor.sandbox.search_lag = 0
    assert await talk.deliver(joined) == Delivered()

    assert vendor.sandbox.companies["g1"]["contacts"] == ["c000001"]


async def test_a_company_does_not_wait_for_one_of_several_contacts_of_an_email(vendor: StandIn) -> None:
    """No index will tell which of them is meant: the group call waited for it, and was a dead letter."""
    talk, traits = Talk(vendor), {"email": "ada@example.test"}
    for contact in ({"anonymousId": "a1", "traits": {**traits, "role": "lead"}}, {"userId": "u1", "traits": traits}):
        await talk.deliver(event(type="identify", **contact))

    verdict = await talk.deliver(event(type="group", anonymousId="a1", groupId="g1", context={"traits": traits}))

    assert verdict == Delivered(("several contacts have the email of the group call: the company has no link to one",))
    assert len(vendor.sandbox.contacts) == 2


async def test_a_company_that_another_call_has_just_created_is_written_again(vendor: StandIn) -> None:
    """The people of one company are in different lanes, so that two of its writes may run at a time."""
    vendor.sandbox.fail(Fault(status=409, path="/companies", times=1))
    talk, joined = Talk(vendor), event(type="group", userId="u1", groupId="g1", traits={"name": "Engines"})

    assert isinstance(await talk.deliver(joined), Later)
    assert isinstance(await talk.deliver(joined), Delivered)


async def test_a_custom_attribute_nobody_declared_is_left_out_and_reported(vendor: StandIn) -> None:
    verdict = await Talk(vendor).deliver(identify(email="a@b.test", tier="gold", seats=4))

    assert isinstance(verdict, Delivered)
    assert len(verdict.warnings) == 2
    assert "tier" in verdict.warnings[0]
    [contact] = vendor.sandbox.contacts.values()
    assert contact["custom_attributes"] == {}


async def test_a_custom_attribute_is_declared_where_the_operator_wants(vendor: StandIn) -> None:
    verdict = await Talk(vendor, create_data_attributes=True).deliver(
        identify(tier="gold", seats=4, vip=True, rate=0.5)
    )

    assert verdict == Delivered()
    assert vendor.sandbox.attributes["contact"] == {
        "tier": "string",
        "seats": "float",
        "vip": "boolean",
        "rate": "float",
    }
    [contact] = vendor.sandbox.contacts.values()
    assert contact["custom_attributes"] == {"tier": "gold", "seats": 4, "vip": True, "rate": 0.5}


async def test_a_number_that_was_whole_at_first_need_not_stay_so(vendor: StandIn) -> None:
    talk = Talk(vendor, create_data_attributes=True)

    verdicts = [await talk.deliver(identify(balance=balance)) for balance in (10, 10.5)]

    assert verdicts == [Delivered(), Delivered()]
    [contact] = vendor.sandbox.contacts.values()
    assert contact["custom_attributes"] == {"balance": 10.5}


async def test_a_value_of_another_type_than_its_attribute_has_is_left_out(vendor: StandIn) -> None:
    vendor.sandbox.attributes["contact"] = {"seats": "integer", "tier": "string"}

    verdict = await Talk(vendor, create_data_attributes=True).deliver(
        identify(email="a@b.test", seats="many", tier="gold")
    )

    assert isinstance(verdict, Delivered)
    [contact] = vendor.sandbox.contacts.values()
    assert contact["custom_attributes"] == {"tier": "gold"}


async def test_a_birthday_is_declared_as_a_date(vendor: StandIn) -> None:
    """The type stays for good, and Intercom compares the days of a date only."""
    await Talk(vendor, create_data_attributes=True).deliver(identify(birthday="1990-12-10"))

    assert vendor.sandbox.attributes["contact"] == {"birthday": "date"}


MANY = {f"trait_{number:03}": number for number in range(100)}


async def test_however_many_attributes_nobody_declared_the_person_arrives(vendor: StandIn) -> None:
    """One by one they would cost more requests than a conversation may have."""
    talk = Talk(vendor)

    verdict = await talk.deliver(identify(email="a@b.test", company={"id": "c", "name": "C", **MANY}, **MANY))

    assert isinstance(verdict, Delivered)
    assert "all were left out" in verdict.warnings[0]
    assert len(talk.said) < MAX_STEPS
    [contact] = vendor.sandbox.contacts.values()
    assert contact["email"] == "a@b.test"
    assert vendor.sandbox.companies["c"]["contacts"] == [contact["id"]]


async def test_however_many_are_to_be_declared_all_of_them_arrive_after_a_few_tries(vendor: StandIn) -> None:
    talk = Talk(vendor, create_data_attributes=True)
    verdicts: list[Any] = []

    while not verdicts or isinstance(verdicts[-1], Later):
        talk.forget()
        verdicts.append(await talk.deliver(identify(email="a@b.test", company={"name": "C", **MANY}, **MANY)))
        assert len(talk.said) < MAX_STEPS

    assert verdicts[-1] == Delivered()
    [contact] = vendor.sandbox.contacts.values()
    assert contact["custom_attributes"] == vendor.sandbox.companies["C"]["custom_attributes"] == MANY


async def test_attributes_that_intercom_will_not_declare_are_left_out_and_waited_for_by_nobody(vendor: StandIn) -> None:
    """The next try would declare no more of them: the person waited for days, and was a dead letter then."""
    vendor.sandbox.max_attributes = 3
    talk = Talk(vendor, create_data_attributes=True)
    call, verdicts = identify(email="a@b.test", company={"name": "C", **MANY}, **MANY), list[Any]()

    for _ in range(3):
        talk.forget()
        verdicts.append(await talk.deliver(call))
        assert len(talk.said) < MAX_STEPS

    assert isinstance(verdicts[-1], Delivered)
    [contact] = vendor.sandbox.contacts.values()
    assert contact["email"] == "a@b.test"


@pytest.mark.parametrize("field", ["created_at", "both"])
async def test_a_workspace_that_refuses_created_at_gets_signed_up_at_alone(vendor: StandIn, field: str) -> None:
    vendor.sandbox.refuses_created_at = True

    verdict = await Talk(vendor, created_at_field=field).deliver(ADA)

    assert isinstance(verdict, Delivered)
    assert "signed_up_at" in verdict.warnings[0]
    [contact] = vendor.sandbox.contacts.values()
    assert contact["signed_up_at"] == 1724508922


async def test_an_owner_who_is_no_teammate_costs_the_person_nothing_else(vendor: StandIn) -> None:
    """`owner_id` is a name that applications have for ids of their own."""
    verdict = await Talk(vendor).deliver(identify(email="a@b.test", owner_id=7))

    assert verdict == Delivered(("owner_id was left out: 400 parameter_invalid: owner_id is no teammate",))
    [contact] = vendor.sandbox.contacts.values()
    assert contact["email"] == "a@b.test"
    assert "owner_id" not in contact


@pytest.mark.parametrize(
    ("error", "sent", "kind"),
    [
        pytest.param({"field": "email", "message": "Invalid"}, {"external_id", "phone"}, Delivered, id="by its field"),
        pytest.param({"message": "Phone is invalid"}, {"external_id", "email"}, Delivered, id="by the message"),
        pytest.param({"message": "external_id is too long"}, {"external_id", "email", "phone"}, Dead, id="who it is"),
        pytest.param(
            {"message": "The name is taken"}, {"external_id", "email", "phone"}, Dead, id="none of what is sent"
        ),
    ],
)
@pytest.mark.parametrize("status", [400, 422])
def test_what_intercom_names_of_a_refused_contact_is_left_out(
    status: int, error: Any, sent: set[str], kind: type
) -> None:
    body = {"external_id": "u1", "email": "a@b", "phone": "1", "role": "user"}
    talk = wire.converse_contact(Payload({"contact": body}), Settings(access_token="t"))
    next(talk)
    talk.send(Response(404))
    step = talk.send(Response(200, b'{"data": []}'))
    refusal = Response(status, orjson.dumps({"errors": [{"code": "parameter_invalid", **error}]}))

    requests, end = [step.request], None
    for answer in (refusal, Response(200, b'{"id": "c1"}')):
        try:
            requests.append(talk.send(answer).request)
        except StopIteration as stop:
            end = stop.value
            break

    assert requests[-1].json.keys() == sent | {"role"}
    assert isinstance(end, kind)


async def test_a_company_is_written_and_attached(vendor: StandIn) -> None:
    talk = Talk(vendor)

    assert await talk.deliver(identify(company={"id": "e1", "name": "Engines"})) == Delivered()

    assert vendor.sandbox.companies["e1"]["contacts"] == ["c000001"]


async def test_a_group_call_attaches_the_contact_it_knows(vendor: StandIn) -> None:
    talk = Talk(vendor)
    await talk.deliver(ADA)

    assert await talk.deliver(event(type="group", userId="u1", groupId="g1", traits={"name": "G"})) == Delivered()

    assert vendor.sandbox.companies["g1"]["contacts"] == ["c000001"]


async def test_somebody_leaves_a_company_that_is_to_be_removed(vendor: StandIn) -> None:
    """As other routers to Intercom read it: not another company that somebody is in."""
    talk = Talk(vendor)
    await talk.deliver(identify(company={"id": "g1", "name": "G"}))
    leaving = identify(company={"id": "g1", "remove": True})
    talk.forget()

    assert [await talk.deliver(leaving), await talk.deliver(leaving)] == [Delivered(), Delivered()]

    company = vendor.sandbox.companies["g1"]
    assert talk.said[-1] == f"DELETE /contacts/c000001/companies/{company['id']} 404"
    assert (company["contacts"], company["name"], "custom_attributes" in company) == ([], "G", False)


async def test_a_group_call_of_somebody_unknown_keeps_the_company(vendor: StandIn) -> None:
    verdict = await Talk(vendor).deliver(event(type="group", userId="u1", groupId="g1"))

    assert isinstance(verdict, Delivered)
    assert "no link" in verdict.warnings[0]
    assert "g1" in vendor.sandbox.companies


async def test_an_event_waits_a_few_tries_for_its_contact(vendor: StandIn) -> None:
    talk = Talk(vendor)
    call = event(type="track", userId="u1", event="Order Completed")

    verdict = await talk.deliver(call)
    assert isinstance(verdict, Later)
    assert verdict.max_attempts == wire.UNKNOWN_CONTACT_ATTEMPTS

    await talk.deliver(ADA)
    assert await talk.deliver(call) == Delivered()
    assert vendor.sandbox.accepted[-1]["kind"] == "event"


async def test_an_event_reaches_a_lead_by_the_id_of_intercom_s_own(vendor: StandIn) -> None:
    """An email names users alone."""
    talk, traits = Talk(vendor, role_without_user_id="lead"), {"email": "ada@example.test"}
    await talk.deliver(event(type="identify", anonymousId="a1", traits=traits))
    talk.forget()
    call = event(type="track", anonymousId="a1", event="E", properties={"n": 1}, context={"traits": traits})

    assert await talk.deliver(call) == Delivered()

    assert talk.said == ["POST /events 404", "POST /contacts/search 200", "POST /events 202"]
    [sent] = vendor.accepted("event")
    assert sent == {"id": "c000001", "event_name": "E", "created_at": sent["created_at"], "metadata": {"n": 1}}


async def test_an_event_by_email_waits_where_more_than_one_may_be_meant(vendor: StandIn) -> None:
    for number in (1, 2):
        vendor.sandbox.contacts[f"x{number}"] = {"id": f"x{number}", "role": "lead", "email": "ada@example.test"}
    call = event(type="track", anonymousId="a1", event="E", context={"traits": {"email": "ada@example.test"}})

    assert isinstance(await Talk(vendor).deliver(call), Later)
    assert not vendor.accepted("event")


async def test_ids_are_encoded_into_paths(vendor: StandIn) -> None:
    talk = Talk(vendor)

    await talk.deliver(event(type="identify", userId="../events?x=1#y"))

    assert talk.said[0] == "GET /contacts/find_by_external_id/..%2Fevents%3Fx%3D1%23y 404"
    [contact] = vendor.sandbox.contacts.values()
    assert contact["external_id"] == "../events?x=1#y"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        pytest.param(401, "{}", Blocked, id="revoked token"),
        pytest.param(402, "{}", Blocked, id="plan"),
        pytest.param(403, "{}", Blocked, id="scope"),
        pytest.param(405, "<html>", Blocked, id="another server"),
        pytest.param(400, "<html>", Dead, id="refused"),
        pytest.param(422, "{}", Dead, id="invalid"),
        pytest.param(429, "{}", Later, id="too many requests"),
        pytest.param(408, "{}", Later, id="time-out"),
        pytest.param(500, "<html>", Later, id="server error"),
        pytest.param(503, "", Later, id="unavailable"),
    ],
)
@pytest.mark.parametrize("path", ["/contacts", "/events", "/companies"])
async def test_what_an_answer_means(vendor: StandIn, status: int, body: str, kind: type, path: str) -> None:
    talk = Talk(vendor)
    if path == "/events":
        await talk.deliver(ADA)
    vendor.sandbox.fail(Fault(status=status, body=body, path=path))
    calls = {
        "/contacts": ADA,
        "/events": event(type="track", userId="u1", event="E"),
        "/companies": event(type="group", userId="u1", groupId="g1"),
    }

    assert isinstance(await talk.deliver(calls[path]), kind)


def test_explain_can_walk_every_conversation_by_its_assumed_answers() -> None:
    settings = Settings(access_token="t")
    for converse, body in (
        (
            wire.converse_contact,
            {"contact": {"external_id": "u1", "email": "a@b.test"}, "company": {"company_id": "c"}},
        ),
        (wire.converse_company, {"contact": {"external_id": "u1"}, "company": {"company_id": "c"}}),
    ):
        conversation = converse(Payload(body), settings)
        step, steps, verdict = next(conversation), 1, None
        while verdict is None:
            try:
                step, steps = conversation.send(step.assumed), steps + 1
            except StopIteration as end:
                verdict = end.value
        assert isinstance(verdict, Delivered)
        assert steps >= 2
