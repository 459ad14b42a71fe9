"""From a call to the stand-in and back: what the mapper makes, the vendor takes."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.mixpanel import PLUGIN
from plugins.mixpanel.sandbox import apply_update
from plugins.mixpanel.sandbox_rules import check_event, check_update
from plugins.mixpanel.settings import Settings
from router.destination import Destination
from router.event import Event
from router.plugin import Dead, Delivered, Payload, Split
from tests.plugins.mixpanel.samples import DEVICE, EVERY_CALL, make_event, make_settings
from tests.plugins.mixpanel.test_mapping import json_values, trait_names
from tests.plugins.mixpanel.vendor import NOW_S, open_vendor

IDS = {
    "user": {"userId": "u-17"},
    "anonymous": {"anonymousId": DEVICE},
    "both": {"userId": "u-17", "anonymousId": DEVICE},
}
YEAR_S = 365 * 24 * 3_600.0
ACCOUNT = {"service_account_username": "router", "service_account_secret": "word", "project_id": "17"}


def payloads_of(event: Event, given: Settings) -> dict[str, list[Payload]]:
    """By endpoint."""
    made: dict[str, list[Payload]] = {}
    for part in Destination("mixpanel", PLUGIN, given).map(event):
        if part.payloads:
            made.setdefault(part.action.endpoint, []).extend(part.payloads)
    return made


@pytest.mark.parametrize("id_merge", ["simplified", "original"])
@pytest.mark.parametrize("account", [{}, ACCOUNT], ids=["token", "service account"])
@pytest.mark.parametrize("who", IDS)
@pytest.mark.parametrize("call", EVERY_CALL, ids=lambda call: call["type"])
async def test_what_a_call_becomes_is_taken_by_mixpanel(
    call: dict[str, Any], who: str, account: dict[str, str], id_merge: str
) -> None:
    ids = IDS[who] if call["type"] != "alias" else {"userId": "u-17"}
    fields = {key: value for key, value in call.items() if key != "type"}
    event = make_event(call["type"], **ids, **fields)

    async with open_vendor(id_merge=id_merge, **account) as vendor:
        judgements = await vendor.deliver(event)
        taken = len(vendor.sandbox.accepted) - len(vendor.accepted("link"))
        made = {mapped.action.name: len(mapped.payloads) for mapped in vendor.rehearsal.map(event) if mapped.payloads}

    assert judgements == {action: [[Delivered()] * count] for action, count in made.items()}
    assert taken == sum(made.values())
    assert vendor.sandbox.lost_updates == 0
    assert "request" not in {entry.get("placed_by") for entry in vendor.sandbox.accepted}


@pytest.mark.parametrize("id_merge", ["simplified", "original"])
@pytest.mark.parametrize(
    "call", [{"call": "identify"}, {"call": "alias", "previousId": DEVICE}], ids=["identify", "alias"]
)
async def test_identify_and_alias_join_the_ids(call: dict[str, str], id_merge: str) -> None:
    event = make_event(**call, userId="u-17", anonymousId=DEVICE)

    async with open_vendor(id_merge=id_merge) as vendor:
        await vendor.deliver(event)

    assert {DEVICE, "u-17"} == set(itertools.chain(*vendor.sandbox.links.items()))


async def test_the_same_event_twice_is_one_event_and_one_profile() -> None:
    event = make_event("identify", userId="u-17", anonymousId=DEVICE, traits={"plan": "gold", "colour": None})
    async with open_vendor() as vendor:
        for _ in range(2):
            await vendor.deliver(event)

    assert len(vendor.accepted("event")) == 1
    assert vendor.sandbox.profiles == {"u-17": {"plan": "gold", "$last_seen": NOW_S}}


@pytest.mark.parametrize(
    "call", [{"call": "identify", "traits": {"plan": "gold"}}, {"call": "group", "groupId": "g-1"}]
)
async def test_what_is_replayed_of_a_user_does_not_say_that_they_were_there(call: dict[str, Any]) -> None:
    """`$last_seen` would be the hour of the replay, for everybody in it."""
    async with open_vendor() as vendor:
        for _, endpoint, payload in vendor.rehearsal.payloads(make_event(userId="u-17", **call), YEAR_S):
            await vendor.send(endpoint.name, payload)

    assert vendor.sandbox.profiles["u-17"]
    assert "$last_seen" not in vendor.sandbox.profiles["u-17"]


async def test_a_bad_event_among_good_ones_dies_alone() -> None:
    times = ["2026-01-01T00:00:00Z", "1970-06-01T00:00:00Z", "2026-01-01T00:00:01Z"]
    events = [make_event("track", event="E", userId="u-17", timestamp=time) for time in times]

    async with open_vendor() as vendor:
        [judgement] = (await vendor.deliver(*events))["track event"]

    assert isinstance(judgement, list)
    assert [type(verdict) for verdict in judgement] == [Delivered, Dead, Delivered]
    assert "properties.time" in judgement[1].reason


async def test_a_bad_update_among_good_ones_splits_the_batch() -> None:
    batch = [Payload({"$distinct_id": "u-17", "$set": {"a": 1}}), Payload({"$distinct_id": "u-18", "$set": []})]

    async with open_vendor() as vendor:
        judgement = await vendor.send("profiles", *batch)

    assert isinstance(judgement, Split)


async def test_a_full_batch_is_taken_in_one_request() -> None:
    event = make_event("track", event="E", userId="u-17")
    [payload] = payloads_of(event, make_settings())["events"]
    batch = [
        Payload({**payload.body, "properties": {**payload.body["properties"], "$insert_id": f"m-{number}"}})
        for number in range(2_000)
    ]

    async with open_vendor() as vendor:
        judgement = await vendor.send("events", *batch)

    assert judgement == [Delivered()] * 2_000
    assert len(vendor.accepted("event")) == 2_000


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(EVERY_CALL),
    st.dictionaries(trait_names, json_values, max_size=5),
    st.dictionaries(st.sampled_from(["ip", "page", "os", "campaign", "groupId", "active", "timezone"]), json_values),
    st.text(min_size=1, max_size=40).filter(str.strip),
    st.sampled_from(["simplified", "original"]),
)
def test_whatever_the_traits_are_mixpanel_finds_nothing_wrong(
    call: dict[str, Any], extra: dict[str, Any], context: dict[str, Any], id_: str, id_merge: str
) -> None:
    """Depth and size of custom values aside, which are the caller's and answered by the vendor."""
    bag = "traits" if call["type"] in ("identify", "group") else "properties"
    fields = {**call, bag: {**call.get(bag, {}), **extra}}
    event = make_event(fields.pop("type"), userId=id_, messageId=id_, context=context, **fields)
    payloads = payloads_of(event, make_settings(id_merge=id_merge))

    found = [check_event(payload.body, NOW_S) for payload in payloads.get("events", [])]

    assert [fault for fault in found if fault and "nested" not in fault[1]] == []
    assert "".join(check_update(payload.body, ("$distinct_id",)) for payload in payloads.get("profiles", [])) == ""
    assert "".join(check_update(payload.body, ("$group_id",)) for payload in payloads.get("groups", [])) == ""


@given(st.dictionaries(trait_names, json_values, min_size=1, max_size=5))
def test_a_profile_update_done_twice_is_as_done_once(traits: dict[str, Any]) -> None:
    event = make_event("identify", userId="u-17", traits=traits)
    updates = [payload.body for payload in payloads_of(event, make_settings()).get("profiles", [])]
    once: dict[str, Any] = {}
    twice: dict[str, Any] = {}

    for update in updates:
        apply_update(once, update)
    for update in updates * 2:
        apply_update(twice, update)

    assert once == twice


async def test_an_identify_with_a_company_leaves_the_user_in_the_groups_of_before() -> None:
    calls = [
        make_event("group", userId="u-17", groupId="acme-1"),
        make_event("group", userId="u-17", groupId="acme-2"),
        make_event("identify", userId="u-17", traits={"company": {"id": "acme-1"}}),
    ]

    async with open_vendor(group_keys=["company_id"]) as vendor:
        for call in calls:
            await vendor.deliver(call)

        assert vendor.sandbox.profiles["u-17"]["company_id"] == ["acme-1", "acme-2"]
