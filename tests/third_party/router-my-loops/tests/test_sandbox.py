"""The stand-in draws the answers of the documentation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from router.plugin import Blocked, Dead, Delivered
from router.testing import StandIn, make_event, open_stand_in

from router_my_loops import PLUGIN

KEY = {"Authorization": "Bearer sandbox-key"}
ADA = {"email": "ada@example.test", "userId": "u1"}


@pytest.fixture
async def loops() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        yield opened


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        pytest.param({}, ADA, 401, id="no key"),
        pytest.param({"Authorization": "Bearer wrong"}, ADA, 401, id="a wrong key"),
        pytest.param(KEY, b"not JSON", 400, id="no JSON"),
        pytest.param(KEY, {"firstName": "Ada"}, 400, id="nobody"),
        pytest.param(KEY, {"userId": "u9"}, 400, id="a new contact without an email"),
        pytest.param(KEY, {**ADA, "teamId": "x"}, 400, id="a reserved name"),
        pytest.param(KEY, {**ADA, "tags": ["a"]}, 400, id="a list"),
        pytest.param(KEY, {**ADA, "bio": "x" * 499}, 400, id="a value that is too long"),
    ],
)
async def test_what_loops_refuses_is_refused(loops: StandIn, headers: dict[str, str], body: Any, status: int) -> None:
    response = await loops.request("PUT", "/v1/contacts/update", body, headers)

    assert response.status == status
    assert loops.accepted() == []


async def test_a_contact_is_found_by_either_and_the_other_is_written(loops: StandIn) -> None:
    first = await loops.request("PUT", "/v1/contacts/update", ADA, KEY)
    second = await loops.request("PUT", "/v1/contacts/update", {"userId": "u1", "email": "new@example.test"}, KEY)

    assert first.json()["id"] == second.json()["id"]
    assert loops.sandbox.contacts == [{"userId": "u1", "email": "new@example.test"}]


async def test_a_used_key_is_409_and_read_as_delivered(loops: StandIn) -> None:
    event = make_event("track", event="Signed Up", context={"traits": {"email": "ada@example.test"}}, anonymousId="a")

    assert await loops.deliver(event) == {"send event": [[Delivered()]]}
    assert await loops.deliver(event) == {"send event": [[Delivered()]]}
    assert len(loops.accepted("event")) == 1


async def test_an_event_of_somebody_unknown_is_404_and_dead(loops: StandIn) -> None:
    [[verdict]] = (await loops.deliver(make_event("track", userId="u9", event="Signed Up")))["send event"]

    assert isinstance(verdict, Dead)
    assert verdict.reason.startswith("404")


async def test_a_wrong_key_blocks_the_destination() -> None:
    async with open_stand_in(PLUGIN) as loops:
        loops.sandbox.settings["api_key"] = "another"

        assert isinstance((await loops.deliver(make_event("identify", userId="u1")))["update contact"][0], Blocked)


async def test_a_custom_trait_that_loops_reserves_is_left_out_and_the_rest_goes_on(loops: StandIn) -> None:
    person = make_event("identify", userId="u1", traits={"email": "ada@example.test", "teamId": "x", "plan": "gold"})

    assert await loops.deliver(person) == {"update contact": [[Delivered()]]}
    assert loops.accepted("contact") == [{"plan": "gold", "userId": "u1", "email": "ada@example.test"}]


async def test_the_key_check_tells_a_right_key_from_a_wrong_one(loops: StandIn) -> None:
    assert (await loops.request("GET", "/v1/api-key", headers=KEY)).status == 200
    assert (await loops.request("GET", "/v1/api-key")).status == 401
