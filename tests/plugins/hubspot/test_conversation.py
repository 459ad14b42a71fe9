"""The conversations, against the stand-in: what is asked, in which order, and what comes of an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from plugins.hubspot import PLUGIN, conversations
from plugins.hubspot.sandbox_rules import Property
from router.plugin import Blocked, Dead, Delivered, Event, Later, Response
from router.plugin.sandbox import Fault
from router.plugin_calls import MAX_STEPS
from router.returned import MAX_WARNINGS
from router.testing import Rehearsal, StandIn, make_event, open_stand_in
from router.testing.samples import PERSON
from tests.plugins.hubspot.samples import BY_EMAIL, EMAIL, group, identify, track

ALIAS = make_event("alias", userId="u-17", previousId="u-16")


@asynccontextmanager
async def open_account(**settings: Any) -> AsyncIterator[StandIn]:
    """An account that knows the userId as a unique property, and creates nothing unless told to."""
    async with open_stand_in(PLUGIN, **{"create_properties": False, "company_key": "gid", **settings}) as account:
        yield account


async def deliver(account: StandIn, event: Event) -> Any:
    """The verdict of the only conversation (or request) there is."""
    [[judgement]] = (await account.deliver(event)).values()
    return judgement[0] if isinstance(judgement, list) else judgement


def said(account: StandIn) -> list[str]:
    """Each request with its status, since the last time."""
    lines = [f"{each['method']} {each['path']} {each['status']}" for each in account.sandbox.requests]
    account.sandbox.requests.clear()
    return [line.replace("/crm/v3/objects/", "") for line in lines]


def contacts(account: StandIn) -> dict[str, Any]:
    return dict(account.sandbox.records["contacts"])


# --- contacts ---


async def test_somebody_new_is_created_and_a_repeat_changes_nothing() -> None:
    async with open_account(lookup_field="email", user_id_property="") as account:
        assert await deliver(account, identify(firstName="Ada")) == Delivered()
        assert said(account) == ["PATCH contacts/ada%40example.test?idProperty=email 404", "POST contacts 201"]
        assert await deliver(account, identify(firstName="Ada")) == Delivered()

        assert said(account) == ["PATCH contacts/ada%40example.test?idProperty=email 200"]
        assert contacts(account) == {"51": {"email": EMAIL, "firstname": "Ada"}}


async def test_a_user_id_that_is_an_email_is_that_of_somebody_new_and_replaces_no_other() -> None:
    """Who is found by the userId may have another email by now."""
    async with open_account() as account:
        for traits in ({"firstName": "Ada"}, {"email": "ada@new.test"}, {"firstName": "Ada"}, {"email": None}):
            await deliver(account, make_event("identify", userId=EMAIL, traits=traits))

        written = [each["item"].get("email") for each in account.sandbox.accepted]
        assert written == [EMAIL, "ada@new.test", None, None]
        assert contacts(account)["51"]["email"] == "ada@new.test"


async def test_somebody_known_by_email_alone_gets_the_user_id() -> None:
    """By the userId there is nobody; creating tells whose the email is."""
    async with open_account() as account:
        await deliver(account, make_event("identify", traits={"email": EMAIL}))
        said(account)

        assert await deliver(account, identify(firstName="Ada")) == Delivered()

        assert said(account) == [
            "PATCH contacts/u-17?idProperty=user_id 404",
            "POST contacts 409",
            "PATCH contacts/51 200",
        ]
        assert contacts(account) == {"51": {"email": EMAIL, "user_id": "u-17", "firstname": "Ada"}}


async def test_an_email_that_another_contact_has_is_left_out_and_the_rest_arrives() -> None:
    async with open_account() as account:
        await deliver(account, make_event("identify", userId="u-17", traits={"email": "old@example.test"}))
        await deliver(account, make_event("identify", userId="u-18", traits={"email": EMAIL}))

        verdict = await deliver(account, identify(firstName="Ada"))

        assert "Existing ID: 52" in verdict.warnings[0]
        assert contacts(account)["51"] == {"user_id": "u-17", "email": "old@example.test", "firstname": "Ada"}


async def test_what_the_account_does_not_take_is_left_out_and_reported() -> None:
    async with open_account() as account:
        account.sandbox.schemas["contacts"]["born"] = Property("date")

        verdict = await deliver(account, identify(firstName="Ada", tier="gold", born="long ago"))

        assert verdict == Delivered(
            (
                "property 'tier' was left out: PROPERTY_DOESNT_EXIST",
                "property 'born' was left out: INVALID_DATE",
            )
        )
        assert said(account) == ["PATCH contacts/u-17?idProperty=user_id 404", "POST contacts 400", "POST contacts 201"]
        assert contacts(account)["51"]["firstname"] == "Ada"


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2024-03-01T23:30:00-02:00", "2024-03-02"),
        (1709285400, "2024-03-01"),
        (1709285400000, "2024-03-01"),
        (946684800, "2000-01-01"),
        ("946684800", "2000-01-01"),
        (-946684700000, "1940-01-02"),
        ("2024-03-01", "2024-03-01"),
    ],
)
async def test_a_moment_where_the_account_has_a_date_loses_its_time_alone(value: Any, day: str) -> None:
    """HubSpot takes midnight UTC there, and refused any other moment each time it was sent."""
    async with open_account() as account:
        account.sandbox.schemas["contacts"]["born"] = Property("date")

        verdict = await deliver(account, identify(firstName="Ada", born=value))

        told = () if value == day else ("property 'born' takes a date alone: its time of day was left out",)
        assert verdict == Delivered(told)
        assert contacts(account)["51"]["born"] == day


async def test_a_number_that_is_no_moment_becomes_no_date() -> None:
    """An age of 30 was written as the first of January 1970."""
    async with open_account() as account:
        account.sandbox.schemas["contacts"]["born"] = Property("date")

        verdict = await deliver(account, identify(firstName="Ada", born=30))

        assert verdict == Delivered(("property 'born' was left out: INVALID_DATE",))
        assert "born" not in contacts(account)["51"]


async def test_all_reserved_traits_arrive_where_properties_may_be_created() -> None:
    async with open_account(create_properties=True) as account:
        event = make_event("identify", userId="u-17", traits={**PERSON, "logins": 3, "vip": True})

        assert await deliver(account, event) == Delivered()

        types = {name: each.type for name, each in account.sandbox.schemas["contacts"].items()}
        assert {name: types[name] for name in ("age", "avatar", "signed_up_at", "logins", "vip")} == {
            "age": "number",
            "avatar": "string",
            "signed_up_at": "datetime",
            "logins": "number",
            "vip": "bool",
        }
        assert contacts(account)["51"]["signed_up_at"] == "2024-08-24T14:15:22.000Z"
        assert contacts(account)["51"]["vip"] == "true"


async def test_a_property_that_may_not_be_created_is_left_out() -> None:
    async with open_account(create_properties=True) as account:
        account.sandbox.missing_scopes = {"schemas"}

        verdict = await deliver(account, identify(tier="gold"))

        assert verdict == Delivered(("property 'tier' was left out: PROPERTY_DOESNT_EXIST",))


async def test_no_property_is_created_to_be_cleared() -> None:
    """It would be one of text for good, whatever the first value turns out to be."""
    async with open_account(create_properties=True) as account:
        cleared = await deliver(account, identify(seats=None))
        written = await deliver(account, identify(seats=4))

        assert cleared == Delivered(("property 'seats' was left out: PROPERTY_DOESNT_EXIST",))
        assert written == Delivered()
        assert account.sandbox.schemas["contacts"]["seats"].type == "number"


async def test_many_properties_are_created_in_several_goes() -> None:
    """One conversation may have a hundred requests, and with more of them the event would be a dead letter."""
    event = identify(**{f"trait_{number}": number for number in range(120)})
    async with open_account(create_properties=True) as account:
        ends, counts = [], []
        for _ in range(3):
            before = len(account.sandbox.requests)
            ends.append(type(await deliver(account, event)))
            counts.append(len(account.sandbox.requests) - before)

        assert ends == [Later, Later, Delivered]
        assert max(counts) < MAX_STEPS
        assert contacts(account)["51"]["trait_119"] == "119"


async def test_without_the_scope_nothing_waits_for_properties_to_be_created() -> None:
    async with open_account(create_properties=True) as account:
        account.sandbox.missing_scopes = {"schemas"}

        verdict = await deliver(account, identify(**{f"trait_{number}": number for number in range(120)}))

        assert isinstance(verdict, Delivered)
        assert len(verdict.warnings) == MAX_WARNINGS
        assert not any(name.startswith("trait_") for record in contacts(account).values() for name in record)


async def test_properties_that_hubspot_will_not_create_are_left_out_and_waited_for_by_nobody() -> None:
    """Such as of an account that has as many as it may: the next tries would create none of them either."""
    async with open_account(create_properties=True) as account:
        account.sandbox.fail(Fault(status=400, body='{"category": "LIMIT"}', path="/properties/"))

        verdict = await deliver(account, identify(**{f"trait_{number}": number for number in range(120)}))

        assert isinstance(verdict, Delivered)
        assert len(verdict.warnings) == MAX_WARNINGS
        assert not any(name.startswith("trait_") for record in contacts(account).values() for name in record)
        assert len(account.sandbox.requests) < MAX_STEPS


@pytest.mark.parametrize(("status", "word"), [(401, Blocked), (503, Later)])
async def test_an_outage_while_a_property_is_created_ends_the_conversation(status: int, word: type) -> None:
    async with open_account(create_properties=True) as account:
        account.sandbox.fail(Fault(status=status, path="/properties/"))

        assert isinstance(await deliver(account, identify(tier="gold")), word)


async def test_a_missing_key_is_dead_and_says_what_to_do() -> None:
    async with open_account() as account:
        del account.sandbox.schemas["contacts"]["user_id"]

        verdict = await deliver(account, identify())

        assert isinstance(verdict, Dead)
        assert "create the property 'user_id' of contacts with unique values" in verdict.reason


async def test_a_null_clears() -> None:
    async with open_account() as account:
        await deliver(account, identify(firstName="Ada", phone="1"))
        await deliver(account, identify(firstName=None, phone="2"))

        assert contacts(account)["51"] == {"email": EMAIL, "user_id": "u-17", "phone": "2"}


async def test_a_contact_that_is_gone_before_its_update_waits() -> None:
    async with open_account() as account:
        await deliver(account, make_event("identify", traits={"email": EMAIL}))
        account.sandbox.fail(Fault(status=404, path="/contacts/51"))

        verdict = await deliver(account, identify())

        assert isinstance(verdict, Later)
        assert verdict.max_attempts == conversations.UNKNOWN_CONTACT_ATTEMPTS


def test_a_conflict_that_names_nobody_waits() -> None:
    rehearsal = Rehearsal(PLUGIN, PLUGIN.settings.model_validate({**BY_EMAIL}))
    [(_, endpoint, payload)] = rehearsal.payloads(identify())

    end = rehearsal.talk(endpoint, payload, {0: Response(404), 1: Response(409, b'{"message": "exists"}')}).end

    assert isinstance(end, Later)
    assert end.max_attempts == conversations.UNKNOWN_CONTACT_ATTEMPTS


async def test_a_new_email_is_written_to_the_contact_of_the_user_id() -> None:
    """By the email there is nobody; creating tells whose the userId is."""
    async with open_account(lookup_field="email") as account:
        await deliver(account, identify())
        said(account)

        assert await deliver(account, identify(email="ada@new.test")) == Delivered()

        assert said(account) == [
            "PATCH contacts/ada%40new.test?idProperty=email 404",
            "POST contacts 400",
            "PATCH contacts/51 200",
        ]
        assert contacts(account) == {"51": {"email": "ada@new.test", "user_id": "u-17"}}


async def test_a_user_id_that_another_contact_has_is_left_out_and_the_rest_arrives() -> None:
    async with open_account(lookup_field="email") as account:
        await deliver(account, identify(email="old@example.test"))
        await deliver(account, make_event("identify", traits={"email": EMAIL}))

        verdict = await deliver(account, identify(firstName="Ada"))

        assert "51 already has that value" in verdict.warnings[0]
        assert contacts(account)["52"] == {"email": EMAIL, "firstname": "Ada"}


async def test_a_value_that_another_contact_has_for_its_own_is_left_out_and_the_rest_arrives() -> None:
    async with open_account() as account:
        account.sandbox.schemas["contacts"]["nick"] = Property(is_unique=True)
        await deliver(account, make_event("identify", userId="u-16", traits={"email": "x@example.test", "nick": "ada"}))

        assert await deliver(account, identify(nick="ada")) == Delivered(
            ("property 'nick' was left out: UNIQUE_VALUE_CONFLICT",)
        )
        [_, own] = contacts(account).values()
        assert own == {"email": EMAIL, "user_id": "u-17"}


def test_an_email_that_somebody_has_just_taken_does_not_cost_the_person_the_rest() -> None:
    """Nobody had it when the contact was looked for; the contact of the userId is updated, and another one has it by then."""
    rehearsal = Rehearsal(PLUGIN, PLUGIN.settings.model_validate({**BY_EMAIL, "user_id_property": "user_id"}))
    [(_, endpoint, payload)] = rehearsal.payloads(identify(firstName="Ada"))
    taken = Response(409, b'{"category": "CONFLICT", "message": "Contact already exists. Existing ID: 51"}')

    talk = rehearsal.talk(endpoint, payload, {0: Response(404), 1: taken, 2: taken})

    assert isinstance(talk.end, Delivered)
    assert talk.requests[-1].url.endswith("/contacts/51")
    assert talk.requests[-1].json["properties"] == {"firstname": "Ada"}


# --- companies ---


@pytest.mark.parametrize(
    "conflict",
    [
        Response(400, b'{"message": "{propertyName=cdp_group_id, value=c9} on 52. 51 already has that value."}'),
        Response(409, b'{"category": "CONFLICT", "message": "exists"}'),
        Response(207, b'{"results": [], "errors": [{"category": "CONFLICT", "message": "exists"}]}'),
    ],
)
def test_a_company_that_another_call_has_just_created_is_written_again(conflict: Response) -> None:
    """The people of one company are in different lanes, so that two upserts of it may run at a time."""
    rehearsal = Rehearsal(PLUGIN, PLUGIN.settings.model_validate({**BY_EMAIL}))
    [(_, endpoint, payload)] = rehearsal.payloads(group(name="Engines"))

    end = rehearsal.talk(endpoint, payload, {0: conflict}).end

    assert isinstance(end, Later)
    assert end.max_attempts == conversations.RACE_ATTEMPTS


async def test_a_company_is_written_and_its_contact_linked() -> None:
    async with open_account() as account:
        await deliver(account, identify())
        said(account)

        assert await deliver(account, group(name="Engines", employees="40")) == Delivered()

        assert said(account) == [
            "POST companies/batch/upsert 200",
            "POST contacts/batch/read 200",
            "PUT /crm/v4/objects/contact/51/associations/default/company/52 200",
        ]
        assert account.sandbox.records["companies"]["52"] == {
            "gid": "g-1",
            "name": "Engines",
            "numberofemployees": "40",
        }
        assert account.sandbox.links == {("51", "52")}


@pytest.mark.parametrize(
    ("event", "warning"),
    [
        pytest.param(group(), "doesn't know the contact", id="somebody that HubSpot does not know"),
        pytest.param(make_event("group", anonymousId="a-1", groupId="g-1"), "no email", id="somebody anonymous"),
    ],
)
async def test_a_company_without_its_contact_is_better_than_none(event: Event, warning: str) -> None:
    async with open_account() as account:
        verdict = await deliver(account, event)

        assert warning in verdict.warnings[0]
        assert account.accepted("company") == [{"gid": "g-1"}]


async def test_a_link_that_is_refused_is_a_warning() -> None:
    async with open_account() as account:
        await deliver(account, identify())
        account.sandbox.fail(Fault(status=400, body='{"message": "no"}', path="/associations/"))

        assert await deliver(account, group()) == Delivered(("nobody is linked to the company: 400 no",))


async def test_what_a_company_does_not_take_is_left_out_and_reported() -> None:
    async with open_account() as account:
        verdict = await deliver(account, group(name="E", industry="Engines", tier=1))

        assert sorted(verdict.warnings)[:2] == [
            "nobody is linked to the company: HubSpot doesn't know the contact",
            "property 'industry' was left out: INVALID_OPTION",
        ]
        assert account.accepted("company") == [{"gid": "g-1", "name": "E"}]


@pytest.mark.parametrize("may_create", [True, False])
async def test_a_company_key_that_the_account_does_not_have(may_create: bool) -> None:
    async with open_account(create_properties=may_create) as account:
        del account.sandbox.schemas["companies"]["gid"]

        verdict = await deliver(account, group(name="E"))

        if may_create:
            assert isinstance(verdict, Delivered)
            assert account.sandbox.schemas["companies"]["gid"].is_unique
        else:
            assert isinstance(verdict, Dead)
            assert "create the property 'gid' of companies with unique values" in verdict.reason


async def test_an_upsert_without_results_is_no_success() -> None:
    """As has been seen: 200, and neither results nor errors."""
    async with open_account() as account:
        account.sandbox.is_forgetful = True

        assert isinstance(await deliver(account, group()), Later)


# --- events and merges ---


async def test_an_event_by_user_id_is_sent_with_the_record_id() -> None:
    async with open_account() as account:
        await deliver(account, identify())
        said(account)
        event = track(context={}, properties={"order_id": "A-1"})

        verdict = await deliver(account, event)

        assert said(account) == ["POST contacts/batch/read 200", "POST /events/v3/send 204"]
        [sent] = account.accepted("event")
        assert (sent["objectId"], sent["properties"]) == ("51", {"order_id": "A-1"})
        assert verdict == Delivered()


async def test_an_event_of_somebody_unknown_waits_a_few_times() -> None:
    async with open_account() as account:
        verdict = await deliver(account, track(context={}))

        assert isinstance(verdict, Later)
        assert verdict.max_attempts == conversations.UNKNOWN_CONTACT_ATTEMPTS


async def test_an_event_sent_twice_is_kept_once() -> None:
    async with open_account() as account:
        await deliver(account, track())
        assert await deliver(account, track()) == Delivered()

        assert len(account.accepted("event")) == 1


async def test_an_event_that_is_refused_is_dead_in_hubspots_words() -> None:
    async with open_account(events={"Order Completed": {"name": "pe9_unknown"}}) as account:
        account.sandbox.settings["events"] = {}
        await deliver(account, identify())

        for event in (track(context={}), track()):
            verdict = await deliver(account, event)
            assert isinstance(verdict, Dead)
            assert "no event definition named pe9_unknown" in verdict.reason


async def test_a_property_that_the_definition_lacks_does_not_cost_the_event() -> None:
    mapped = {"Order Completed": {"name": "order_completed", "properties": {"order_id": "order_id", "total": "total"}}}
    async with open_account(events=mapped) as account:
        account.sandbox.settings["events"] = {
            "Order Completed": {"name": "order_completed", "properties": {"order_id": "order_id"}}
        }
        await deliver(account, identify())

        verdict = await deliver(account, track(context={}, properties={"order_id": "A-1", "total": 5}))

        assert isinstance(verdict, Delivered)
        [warning] = verdict.warnings
        assert warning.endswith("the event definition has no property total; left out: event.properties.total")
        assert [sent["properties"] for sent in account.accepted("event")] == [{"order_id": "A-1"}]


async def test_an_alias_merges_two_contacts_once() -> None:
    async with open_account(merge_on_alias=True) as account:
        await deliver(account, make_event("identify", userId="u-16", traits={"email": "old@example.test"}))
        await deliver(account, identify())

        assert await deliver(account, ALIAS) == Delivered()
        assert account.accepted("merge") == [{"primaryObjectId": "52", "objectIdToMerge": "51"}]
        assert "nothing was merged" in (await deliver(account, ALIAS)).warnings[0]


async def test_a_merge_beyond_what_a_contact_can_hold_is_dead() -> None:
    async with open_account(merge_on_alias=True) as account:
        await deliver(account, make_event("identify", userId="u-16", traits={"email": "old@example.test"}))
        await deliver(account, identify())
        account.sandbox.identities["51"] = 250

        verdict = await deliver(account, ALIAS)

        assert isinstance(verdict, Dead)
        assert "414" in verdict.reason


# --- answers that end a conversation ---


@pytest.mark.parametrize(
    ("status", "word"),
    [(400, Dead), (401, Blocked), (403, Blocked), (405, Blocked), (413, Dead), (423, Later), (477, Blocked)],
)
@pytest.mark.parametrize("event", [identify(), group(), track(context={}), ALIAS], ids=lambda event: event.type)
async def test_what_ends_every_conversation(status: int, word: type, event: Event) -> None:
    async with open_account(merge_on_alias=True) as account:
        account.sandbox.fail(Fault(status=status))

        assert isinstance(await deliver(account, event), word)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(Response(423), Later, id="locked"),
        pytest.param(Response(429), Later, id="too many requests"),
        pytest.param(Response(477), Blocked, id="moved to another data centre"),
        pytest.param(Response(301), Blocked, id="a redirect"),
        pytest.param(Response(403), Delivered, id="not allowed"),
        pytest.param(Response(409), Delivered, id="there already"),
    ],
)
def test_a_property_that_can_t_be_created_just_now_is_not_left_out(answer: Response, expected: type) -> None:
    rehearsal = Rehearsal(PLUGIN, PLUGIN.settings.model_validate({**BY_EMAIL, "create_properties": True}))
    [(_, endpoint, payload)] = rehearsal.payloads(identify(tier="gold"))
    missing = Response(400, b'{"message": "Property \\"tier\\" does not exist"}')

    assert isinstance(rehearsal.talk(endpoint, payload, {0: missing, 1: answer}).end, expected)


def test_a_vendor_that_refuses_one_property_after_another_is_given_up() -> None:
    """Ten times mended, what is left is refused for good."""
    settings = PLUGIN.settings.model_validate({**BY_EMAIL})
    rehearsal = Rehearsal(PLUGIN, settings)
    names = [f"p{number}" for number in range(20)]
    [(_, endpoint, payload)] = rehearsal.payloads(identify(**dict.fromkeys(names, 1)))
    refusals = {
        number: Response(400, orjson.dumps({"message": f'Property "{name}" does not exist'}))
        for number, name in enumerate(names)
    }

    talk = rehearsal.talk(endpoint, payload, refusals)

    assert len(talk.requests) == conversations.MAX_MENDINGS
    assert isinstance(talk.end, Dead)
