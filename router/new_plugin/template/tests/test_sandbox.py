"""The stand-in draws the answers of the documentation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from router.plugin import Delivered, Later
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in

from router_acme import PLUGIN

KEY = {"Authorization": "Bearer sandbox-key"}


@pytest.fixture
async def acme() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        yield opened


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        pytest.param({}, {"people": []}, 401, id="no key"),
        pytest.param({"Authorization": "Bearer wrong"}, {"people": []}, 401, id="a wrong key"),
        pytest.param(KEY, b"not JSON", 400, id="no JSON"),
        pytest.param(KEY, {"persons": []}, 400, id="a wrong name"),
        pytest.param(KEY, {"people": [{"id": "u1"}] * 101}, 413, id="too many"),
    ],
)
async def test_what_acme_refuses_is_refused(acme: StandIn, headers: dict[str, str], body: Any, status: int) -> None:
    response = await acme.request("POST", "/v1/people", body, headers)

    assert response.status == status
    assert acme.accepted() == []


async def test_one_bad_person_costs_no_other(acme: StandIn) -> None:
    response = await acme.request("POST", "/v1/people", {"people": [{"id": "u1"}, {}]}, KEY)

    assert response.json() == {"refused": [{"index": 1, "reason": "id is missing"}]}
    assert acme.accepted("person") == [{"id": "u1"}]


async def test_an_event_arrives_at_its_time(acme: StandIn) -> None:
    event = make_event("track", userId="u1", event="Signed Up", timestamp="2026-03-04T10:20:30Z")

    read = await acme.deliver(event)

    assert read == {"track event": [[Delivered()]]}
    assert acme.accepted("event") == [
        {"name": "Signed Up", "person_id": "u1", "at": 1772619630, "idempotency_key": event.message_id}
    ]


async def test_an_event_whose_answer_was_lost_comes_again_and_is_kept_once(acme: StandIn) -> None:
    event = make_event("track", userId="u1", event="Signed Up")
    acme.sandbox.fail(Fault(status=503, after=True, times=1))

    lost, again = await acme.deliver(event), await acme.deliver(event)

    assert isinstance(lost["track event"][0][0], Later)
    assert again == {"track event": [[Delivered()]]}
    assert len(acme.accepted("event")) == 1
