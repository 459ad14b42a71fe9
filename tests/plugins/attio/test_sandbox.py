"""The stand-in keeps Attio's rules; and the plugin and the stand-in together.

Source: facts/vendors/attio.md; what each rule is about stands beside it there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from plugins.attio import PLUGIN
from router.plugin import Delivered, Response
from router.testing import StandIn, make_event, open_stand_in
from router.testing.samples import SAMPLES

AUTH = {"Authorization": "Bearer sandbox-token"}
LOCATION: dict[str, Any] = dict.fromkeys(
    ("line_1", "line_2", "line_3", "line_4", "locality", "region", "postcode", "country_code", "latitude", "longitude")
)


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        opened.sandbox.now_s = lambda: 1_000.0
        yield opened


async def put(vendor: StandIn, kind: str, key: str, **values: Any) -> Response:
    path = f"/v2/objects/{kind}/records?matching_attribute={key}"
    return await vendor.request("PUT", path, {"data": {"values": values}}, AUTH)


async def put_person(vendor: StandIn, **values: Any) -> Response:
    return await put(vendor, "people", "email_addresses", **{"email_addresses": ["ada@a.example"], **values})


async def put_user(vendor: StandIn, id: str, **values: Any) -> Response:
    return await put(vendor, "users", "user_id", user_id=id, **values)


def told(response: Response) -> tuple[int, str]:
    return response.status, str(response.json_object().get("code"))


# --- credentials, objects, rate ---


async def test_a_token_that_is_not_known_writes_nothing_and_is_told_apart(vendor: StandIn) -> None:
    wrong = {"Authorization": "Bearer other"}

    written = await vendor.request("PUT", "/v2/objects/people/records?matching_attribute=email_addresses", {}, wrong)

    assert told(written) == (401, "unauthorized")
    answers = [(await vendor.request("GET", "/v2/self", headers=each)).json()["active"] for each in (wrong, AUTH)]
    assert answers == [False, True]


async def test_a_token_without_its_scope_is_403(vendor: StandIn) -> None:
    vendor.sandbox.can_write = False

    assert told(await put_person(vendor)) == (403, "unauthorized")


async def test_an_object_that_is_not_enabled_is_404() -> None:
    async with open_stand_in(PLUGIN, use_users_object=False) as vendor:
        assert told(await put_user(vendor, "u-1")) == (404, "not_found")


async def test_writes_have_a_rate_and_the_wait_is_a_date(vendor: StandIn) -> None:
    assert vendor.sandbox.writes_per_s == 25
    vendor.sandbox.writes_per_s = 1

    answers = [await put_person(vendor) for _ in range(2)]

    assert [told(each)[0] for each in answers] == [200, 429]
    assert parsedate_to_datetime(answers[1].headers["retry-after"]).timestamp() == 1_001


# --- matching ---


async def test_a_record_is_found_by_its_key_or_made(vendor: StandIn) -> None:
    ids = [
        (await put_person(vendor, email_addresses=emails)).json()["data"]["id"]["record_id"]
        for emails in (["ada@a.example"], ["Ada@a.example", "ada@b.example"], ["eve@a.example"])
    ]

    assert (ids[0] == ids[1], ids[0] == ids[2]) == (True, False)
    assert vendor.sandbox.records["people"][ids[0]]["email_addresses"] == ["ada@a.example", "ada@b.example"]


async def test_a_key_that_several_have_is_400(vendor: StandIn) -> None:
    for email in ("ada@a.example", "eve@a.example"):
        await put_person(vendor, email_addresses=[email])

    response = await put_person(vendor, email_addresses=["ada@a.example", "eve@a.example"])

    assert told(response) == (400, "multiple_match_results")


@pytest.mark.parametrize("key", ["name", "domains", ""])
async def test_a_key_is_a_unique_attribute_that_has_a_value(vendor: StandIn, key: str) -> None:
    assert told(await put(vendor, "people", key, name="Lovelace, Ada"))[0] == 400


async def test_other_values_of_several_give_way_and_an_update_adds_to_them(vendor: StandIn) -> None:
    record_id = (await put_person(vendor, phone_numbers=["+442079460000"])).json()["data"]["id"]["record_id"]
    await put_person(vendor, phone_numbers=["+442079460001"])

    path = f"/v2/objects/people/records/{record_id}"
    body = {"data": {"values": {"phone_numbers": ["+442079460002"]}}}
    answers = [await vendor.request("PATCH", path, body, AUTH) for _ in range(2)]

    numbers = [each["normalized_phone_number"] for each in answers[1].json()["data"]["values"]["phone_numbers"]]
    assert numbers == ["+442079460002", "+442079460001"]
    assert (await vendor.request("PATCH", f"{path}x", body, AUTH)).status == 404


async def test_a_new_user_needs_an_email_and_no_two_have_the_same(vendor: StandIn) -> None:
    assert told(await put_user(vendor, "u-1")) == (400, "missing_value")
    assert told(await put_user(vendor, "u-1", primary_email_address="a@a.example"))[0] == 200
    assert told(await put_user(vendor, "u-1")) == (200, "None")
    assert told(await put_user(vendor, "u-2", primary_email_address="a@a.example")) == (400, "uniqueness_conflict")


# --- values ---


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"email_addresses": "ada@a.example"}, id="several values that are no list"),
        pytest.param({"email_addresses": ["ada"]}, id="no email"),
        pytest.param({"job_title": 7}, id="text"),
        pytest.param({"job_title": ["a", "b"]}, id="two values where one may be"),
        pytest.param({"name": {"first_name": "Ada", "last_name": "Lovelace"}}, id="a name without its whole"),
        pytest.param({"name": "Ada"}, id="a name in text that is no Last, First"),
        pytest.param({"phone_numbers": ["020 7946 0000"]}, id="a phone without a country"),
        pytest.param(
            {"phone_numbers": [{"original_phone_number": "+442079460000"}]}, id="a phone without its country code"
        ),
        pytest.param({"primary_location": {"locality": "London"}}, id="a part of a location"),
        pytest.param({"primary_location": {**LOCATION, "country_code": "Britain"}}, id="a country's name"),
        pytest.param({"company": [{"target_object": "people", "target_record_id": "people-1"}]}, id="another object"),
        pytest.param({"company": [{"target_object": "companies", "target_record_id": "x"}]}, id="no such record"),
        pytest.param(
            {"company": [{"target_object": "companies", "domains": [{"domain": "a.example"}]}]}, id="no such domain"
        ),
        pytest.param({"avatar_url": "https://a.example/a.png"}, id="not writable"),
        pytest.param({"created_at": "2024-08-24T14:15:22Z"}, id="of the system"),
        pytest.param({"plan": "gold"}, id="unknown"),
    ],
)
async def test_a_value_that_is_refused_costs_the_record(vendor: StandIn, values: dict[str, Any]) -> None:
    response = await put_person(vendor, **values)

    assert response.status == 400
    assert (next(iter(values)) in response.json()["message"], vendor.accepted()) == (True, [])


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("number", 4, "4"),
        ("checkbox", True, "true"),
        ("date", "2024-08-24", "2024-08-24T14:15:22Z"),
        ("timestamp", "2024-08-24T14:15:22.000Z", "2024-08-24"),
        ("text", "4", 4),
    ],
)
async def test_an_attribute_takes_values_of_its_type(type_: str, good: Any, bad: Any) -> None:
    async with open_stand_in(PLUGIN, person_attributes={"own": f"own:{type_}"}) as vendor:
        assert [(await put_person(vendor, own=value)).status for value in (good, bad)] == [200, 400]


@pytest.mark.parametrize("body", [b"{", b"[]", {}, {"data": []}, {"data": {"values": 7}}], ids=repr)
async def test_what_is_no_record_is_400(vendor: StandIn, body: Any) -> None:
    path = "/v2/objects/people/records?matching_attribute=email_addresses"

    assert (await vendor.request("PUT", path, body, AUTH)).status == 400


# --- the plugin and the stand-in together ---


async def test_nothing_of_real_traffic_dies() -> None:
    """Each of an email of its own: a user of whom none is told has to be there already."""
    async with open_stand_in(PLUGIN) as vendor:
        vendor.sandbox.writes_per_s = 10_000
        for number, event in enumerate(SAMPLES.values()):
            told = {"traits": {**event.traits, "email": f"{number}@a.example"}} if event.type == "identify" else {}
            fields = {**event.document, "messageId": f"m-{number}", **told}
            sent = make_event(event.type, **{name: value for name, value in fields.items() if name != "type"})
            for judgements in (await vendor.deliver(sent)).values():
                assert [type(verdict) for [verdict] in judgements] == [Delivered] * len(judgements)  # type: ignore[misc]
