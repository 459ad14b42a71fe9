"""How a profile is written: what is asked, and what is left out so that the rest arrives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from plugins.klaviyo import PLUGIN
from router.plugin import Blocked, Dead, Delivered, Event, Later, Response
from router.plugin.sandbox import Fault
from router.testing import Rehearsal, StandIn, make_event, open_stand_in
from tests.plugins.klaviyo.samples import EMAIL, MINIMAL, group, identify

PHONE = "+442079460000"


@pytest.fixture
async def account() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN, list_id="L1") as opened:
        yield opened


async def deliver(account: StandIn, event: Event) -> Any:
    [[judgement]] = (await account.deliver(event)).values()
    return judgement[0] if isinstance(judgement, list) else judgement


def said(account: StandIn) -> list[str]:
    """Each request with its status, since the last time."""
    lines = [f"{each['path'].removeprefix('/api/')} {each['status']}" for each in account.sandbox.requests]
    account.sandbox.requests.clear()
    return lines


async def test_a_profile_is_written_and_put_on_the_list(account: StandIn) -> None:
    assert await deliver(account, identify(email=EMAIL)) == Delivered()
    assert said(account) == ["profile-import 201", "lists/L1/relationships/profiles 204"]
    assert await deliver(account, identify(email=EMAIL, firstName="Ada")) == Delivered()

    assert said(account) == ["profile-import 200", "lists/L1/relationships/profiles 204"]
    assert account.sandbox.profiles == {"P000001": {"external_id": "u-17", "email": EMAIL, "first_name": "Ada"}}
    assert account.sandbox.lists == {"L1": {"P000001"}}


async def test_a_group_call_puts_nobody_on_the_list(account: StandIn) -> None:
    assert await deliver(account, group(name="Engines")) == Delivered()

    assert said(account) == ["profile-import 201"]


async def test_identifiers_of_two_profiles_are_settled_by_the_strongest(account: StandIn) -> None:
    await deliver(account, make_event("identify", userId="u-17"))
    await deliver(account, make_event("identify", traits={"email": EMAIL}))
    said(account)

    verdict = await deliver(account, identify(email=EMAIL, phone=PHONE, firstName="Ada"))

    assert said(account)[:3] == ["profile-import 409", "profile-import 409", "profile-import 200"]
    assert [warning.split(" was left out")[0] for warning in verdict.warnings] == ["phone_number", "email"]
    assert account.sandbox.profiles["P000001"] == {
        "external_id": "u-17",
        "first_name": "Ada",
        "properties": {"phone_raw": PHONE},
    }


async def test_whoever_shares_a_phone_number_keeps_their_email(account: StandIn) -> None:
    """Without it nobody could write to them: of a subscriber who signs up with the number of their household, a profile would
    be made that has no address at all."""
    await deliver(account, make_event("identify", userId="u-1", traits={"email": "ann@example.test", "phone": PHONE}))
    await deliver(account, make_event("identify", traits={"email": EMAIL}))

    verdict = await deliver(account, identify(email=EMAIL, phone=PHONE))

    assert [warning.split(" was left out")[0] for warning in verdict.warnings] == ["phone_number"]
    assert account.sandbox.profiles["P000002"] == {
        "external_id": "u-17",
        "email": EMAIL,
        "properties": {"phone_raw": PHONE},
    }


async def test_a_phone_that_klaviyo_refuses_is_kept_as_a_property_and_reported(account: StandIn) -> None:
    """The form is right, but not every country has text messages."""
    error = {"code": "invalid", "detail": "Unsupported", "source": {"pointer": "/data/attributes/phone_number"}}
    account.sandbox.fail(Fault(status=400, body=orjson.dumps({"errors": [error]}).decode(), contains="phone_number"))

    verdict = await deliver(account, identify(phone=PHONE, firstName="Ada"))

    assert "phone_number was left out" in verdict.warnings[0]
    assert account.sandbox.profiles["P000001"] == {
        "external_id": "u-17",
        "first_name": "Ada",
        "properties": {"phone_raw": PHONE},
    }


def refusal(*pointers: str, status: int = 400) -> Response:
    errors = [{"code": "invalid", "detail": "d", "source": {"pointer": pointer}} for pointer in pointers]
    return Response(status, orjson.dumps({"errors": errors}))


@pytest.mark.parametrize(
    ("pointers", "left"),
    [
        pytest.param(["/data/attributes/location/timezone"], {"location": {"city": "P"}}, id="inside an object"),
        pytest.param(
            ["/data/attributes/location", "/data/attributes/location/timezone", "/data/attributes/location"],
            {},
            id="an object and what is in it",
        ),
        pytest.param(
            ["/data/attributes/email"],
            {"location": {"city": "P", "timezone": "UTC"}, "email": None},
            id="an identifier",
        ),
    ],
)
def test_what_a_400_points_at_is_left_out(pointers: list[str], left: Any) -> None:
    rehearsal = Rehearsal(PLUGIN, PLUGIN.settings.model_validate(MINIMAL))
    event = make_event(
        "identify", userId="u-17", traits={"email": EMAIL, "address": {"city": "P"}}, context={"timezone": "UTC"}
    )
    [(_, endpoint, payload)] = rehearsal.payloads(event)

    talk = rehearsal.talk(endpoint, payload, {0: refusal(*pointers)})

    expected = {"external_id": "u-17", "email": EMAIL, **left}
    sent = talk.requests[1].json["data"]["attributes"]
    assert sent == {name: value for name, value in expected.items() if value is not None}
    assert isinstance(talk.end, Delivered)
    assert len(talk.end.warnings) == len(set(pointers))


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        pytest.param([refusal("/data")], Dead, id="400 for no attribute"),
        pytest.param(
            [refusal("/data/attributes/email", "/data/attributes/nope")], Dead, id="400 for what was not sent"
        ),
        pytest.param([refusal()], Dead, id="400 without errors"),
        pytest.param([refusal("/data/attributes/email", "/data/attributes/external_id")], Dead, id="400, nobody left"),
        pytest.param([Response(409), Response(409)], Dead, id="409 again"),
        pytest.param([Response(401)], Blocked, id="401"),
        pytest.param([Response(410)], Blocked, id="410"),
        pytest.param([Response(413)], Dead, id="413 of one profile"),
        pytest.param([Response(429)], Later, id="429"),
        pytest.param([Response(503)], Later, id="503"),
    ],
)
def test_what_ends_the_conversation(answers: list[Response], word: type) -> None:
    rehearsal = Rehearsal(PLUGIN, PLUGIN.settings.model_validate(MINIMAL))
    [(_, endpoint, payload)] = rehearsal.payloads(identify(email=EMAIL))

    assert isinstance(rehearsal.talk(endpoint, payload, dict(enumerate(answers))).end, word)


def test_a_profile_of_which_ever_more_is_refused_is_given_up() -> None:
    rehearsal = Rehearsal(PLUGIN, PLUGIN.settings.model_validate(MINIMAL))
    names = [f"p{number}" for number in range(9)]
    [(_, endpoint, payload)] = rehearsal.payloads(identify(email=EMAIL, **dict.fromkeys(names, 1)))
    answers = {number: refusal(f"/data/attributes/properties/{name}") for number, name in enumerate(names)}

    assert isinstance(rehearsal.talk(endpoint, payload, answers).end, Dead)


async def test_a_profile_that_is_gone_since_its_import_is_imported_again(account: StandIn) -> None:
    """Somebody merged or deleted it: that holds up nobody else."""
    rehearsal = account.rehearsal
    [(_, endpoint, payload)] = rehearsal.payloads(identify(email=EMAIL))
    detail = "A profile with id assumed-profile does not exist."
    gone = Response(404, orjson.dumps({"errors": [{"code": "not_found", "detail": detail}]}))

    assert rehearsal.talk(endpoint, payload, {1: gone}).end == Later(f"404 not_found: {detail}", None, 10)


async def test_a_list_that_is_not_there_blocks_and_loses_nothing(account: StandIn) -> None:
    """The list comes from the settings: it would fail for everybody."""
    account.sandbox.lists.clear()

    verdict = await deliver(account, identify(email=EMAIL))

    assert isinstance(verdict, Blocked)
    assert "list" in verdict.reason
