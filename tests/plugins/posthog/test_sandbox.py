"""The stand-in answers as PostHog does: each row of the fact sheet's limits and answers, drawn over a socket."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from plugins.posthog import PLUGIN
from router.plugin import Blocked, Dead, Delivered, Later, Response, Split
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in

KEY = "phc_sandbox"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
UUID_7 = "0195c1a2-7b3c-7e11-8f00-1234567890ab"


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        opened.sandbox.now_s = NOW.timestamp
        yield opened


def event(name: str = "E", /, *, distinct_id: Any = "u-17", properties: Any = None, **fields: Any) -> dict[str, Any]:
    return {"event": name, "distinct_id": distinct_id, "properties": {} if properties is None else properties, **fields}


async def post(vendor: StandIn, *events: Any, key: Any = KEY, **more: Any) -> Response:
    return await vendor.request("POST", "/batch/", {"api_key": key, "batch": list(events), **more})


def warnings(vendor: StandIn) -> list[str]:
    return [warning["type"] for warning in vendor.accepted("warning")]


# --- answers ---


async def test_a_batch_is_taken(vendor: StandIn) -> None:
    response = await post(vendor, event("A"), event("B"))

    assert (response.status, response.json()) == (200, {"status": "Ok"})
    assert [kept["event"] for kept in vendor.accepted("event")] == ["A", "B"]


async def test_a_batch_may_be_gzipped_and_name_its_token_otherwise(vendor: StandIn) -> None:
    data = gzip.compress(orjson.dumps({"token": KEY, "batch": [event()]}))

    response = await vendor.request("POST", "/batch/", data, {"Content-Encoding": "gzip"})

    assert response.status == 200
    assert len(vendor.accepted("event")) == 1


@pytest.mark.parametrize("key", ["another", None, ""])
async def test_a_wrong_token_is_refused(vendor: StandIn, key: Any) -> None:
    response = await post(vendor, event(), key=key)

    assert response.status == 401
    assert "API key is not valid" in response.text
    assert vendor.accepted() == []


@pytest.mark.parametrize(
    "body", [b"{", [], {}, {"api_key": KEY, "batch": {}}], ids=["cut", "a list", "empty", "no list"]
)
async def test_a_body_that_holds_no_batch_is_refused(vendor: StandIn, body: Any) -> None:
    assert (await vendor.request("POST", "/batch/", body)).status == 400


BAD = [
    pytest.param("x", id="no object"),
    pytest.param({"distinct_id": "u-17"}, id="no name"),
    pytest.param(event(" "), id="a blank name"),
    pytest.param({"event": "E"}, id="no distinct_id"),
    pytest.param(event(distinct_id=" "), id="a blank distinct_id"),
    pytest.param(event(distinct_id=["u"]), id="a distinct_id that is a list"),
]


@pytest.mark.parametrize("bad", BAD)
async def test_one_bad_event_costs_its_batch(vendor: StandIn, bad: Any) -> None:
    response = await post(vendor, event(), bad)

    assert response.status == 400
    assert vendor.accepted() == []


@pytest.mark.parametrize("bad", BAD)
async def test_older_servers_drop_a_bad_event_without_a_word(vendor: StandIn, bad: Any) -> None:
    vendor.sandbox.is_strict = False

    response = await post(vendor, event(), bad)

    assert (response.status, len(vendor.accepted("event")), len(warnings(vendor))) == (200, 1, 1)


async def test_over_the_quota_events_are_dropped_with_a_200(vendor: StandIn) -> None:
    vendor.sandbox.is_over_quota = True

    response = await post(vendor, event())

    assert (response.status, response.json()) == (200, {"status": "Ok", "quota_limited": ["events"]})
    assert vendor.accepted() == []


async def test_a_body_has_a_largest_size(vendor: StandIn) -> None:
    assert vendor.sandbox.max_bytes == 20_000_000
    vendor.sandbox.max_bytes = 50

    assert (await post(vendor, event())).status == 413


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param(Fault(status=429, headers={"Retry-After": "7"}, times=1), Later("429"), id="429"),
        *(
            pytest.param(Fault(status=status, times=1), Later(str(status)), id=str(status))
            for status in (408, 500, 503)
        ),
        pytest.param(Fault(status=422, times=1), Dead("422"), id="any other 4xx"),
    ],
)
async def test_what_is_read_by_its_status(vendor: StandIn, fault: Fault, expected: Any) -> None:
    vendor.sandbox.fail(fault)

    assert await vendor.deliver(make_event("track", userId="u-17", event="E")) == {"track event": [[expected]]}


# --- what is kept ---


@pytest.mark.parametrize(
    ("bad", "warning"),
    [
        pytest.param(event(properties={"x": "x" * 1_000_000}), "message_size_too_large", id="more than 1 MB"),
        pytest.param(event(uuid="m-1"), "invalid_uuid", id="a uuid that is none"),
        pytest.param(event(properties=[]), "invalid_properties", id="properties in a list"),
        pytest.param(
            event("$groupidentify", properties={"$group_set": []}), "invalid_group_set", id="group_set in a list"
        ),
    ],
)
async def test_some_events_are_dropped_with_a_200(vendor: StandIn, bad: Any, warning: str) -> None:
    response = await post(vendor, bad)

    assert (response.status, vendor.accepted("event"), warnings(vendor)) == (200, [], [warning])


async def test_a_distinct_id_is_cut_to_200_characters(vendor: StandIn) -> None:
    await post(vendor, event(distinct_id="u" * 201))

    assert vendor.accepted("event")[0]["distinct_id"] == "u" * 200


@pytest.mark.parametrize(
    ("timestamp", "kept", "is_hidden"),
    [
        pytest.param("2012-12-02T00:00:00Z", "2012-12-02T00:00:00+00:00", False, id="any past"),
        pytest.param("2026-01-01T22:59:59Z", "2026-01-01T22:59:59+00:00", False, id="within 23 hours"),
        pytest.param("2026-01-01T23:00:01Z", "2026-01-01T23:00:01+00:00", True, id="further ahead"),
        pytest.param("yesterday", "2026-01-01T00:00:00+00:00", False, id="unreadable"),
        pytest.param(None, "2026-01-01T00:00:00+00:00", False, id="none"),
    ],
)
async def test_the_time_of_an_event(vendor: StandIn, timestamp: Any, kept: str, is_hidden: bool) -> None:
    await post(vendor, event(timestamp=timestamp))

    [entry] = vendor.sandbox.accepted
    assert (entry["item"]["timestamp"], entry["is_hidden"]) == (kept, is_hidden)


@pytest.mark.parametrize(
    ("other", "kept"),
    [
        pytest.param({}, 1, id="the same"),
        pytest.param({"distinct_id": "u-18"}, 2, id="of another user"),
        pytest.param({"timestamp": "2026-01-01T00:00:01Z"}, 2, id="at another time"),
        pytest.param({"uuid": "0195c1a2-7b3c-7e11-8f00-1234567890ac"}, 2, id="with another uuid"),
    ],
)
async def test_an_event_sent_again_is_kept_once(vendor: StandIn, other: dict[str, Any], kept: int) -> None:
    first = event(uuid=UUID_7, timestamp="2026-01-01T00:00:00Z")

    await post(vendor, first, {**first, **other})

    assert len(vendor.accepted("event")) == kept


async def test_an_import_is_marked(vendor: StandIn) -> None:
    await post(vendor, event(), historical_migration=True)

    assert vendor.sandbox.accepted[0]["is_import"] is True


# --- people and groups ---


async def test_an_identify_gives_the_anonymous_past_to_the_user(vendor: StandIn) -> None:
    await post(vendor, event("$set", distinct_id="a-1", properties={"$set": {"plan": "free", "seen": 1}}))
    await post(vendor, event("$identify", properties={"$anon_distinct_id": "a-1", "$set": {"plan": "gold"}}))

    assert vendor.accepted("merge") == [{"kept": "u-17", "other": "a-1"}]
    assert vendor.sandbox.person_of("a-1") == "u-17"
    assert vendor.sandbox.people == {"u-17": {"plan": "gold", "seen": 1}}


@pytest.mark.parametrize(
    ("other", "warning"),
    [
        pytest.param("u-18", "cannot_merge_already_identified", id="a user already"),
        pytest.param("Anonymous", "cannot_merge_with_illegal_distinct_id", id="nobody, in any case"),
        pytest.param("null", "cannot_merge_with_illegal_distinct_id", id="nobody, as it is written"),
    ],
)
@pytest.mark.parametrize("name", ["$identify", "$create_alias"])
async def test_a_merge_is_refused_without_a_word(vendor: StandIn, name: str, other: str, warning: str) -> None:
    await post(vendor, event("$identify", distinct_id="u-18"))

    response = await post(vendor, event(name, properties={"$anon_distinct_id": other, "alias": other}))

    assert (response.status, vendor.accepted("merge"), warnings(vendor)) == (200, [], [warning])


async def test_a_device_of_one_user_makes_no_two_users_one(vendor: StandIn) -> None:
    """Somebody else signs in on it, and nobody has reset the anonymous id: its person is identified, as those merged are."""
    for user in ("u-17", "u-18"):
        await post(vendor, event("$identify", distinct_id=user, properties={"$anon_distinct_id": "a-1"}))

    assert vendor.accepted("merge") == [{"kept": "u-17", "other": "a-1"}]
    assert (vendor.sandbox.person_of("a-1"), vendor.sandbox.person_of("u-18")) == ("u-17", "u-18")
    assert warnings(vendor) == ["cannot_merge_already_identified"]


async def test_properties_are_set_once_set_and_unset(vendor: StandIn) -> None:
    await post(vendor, event("$identify", properties={"$set": {"a": 1, "b": 1}, "$set_once": {"c": 1}}))
    await post(vendor, event("$identify", properties={"$set": {"a": 2}, "$set_once": {"c": 2}, "$unset": ["b"]}))

    assert vendor.sandbox.people == {"u-17": {"a": 2, "c": 1}}


async def test_an_event_without_a_profile_makes_nobody_and_may_set_nothing(vendor: StandIn) -> None:
    await post(vendor, event(properties={"$process_person_profile": False}))
    await post(vendor, event(properties={"$process_person_profile": False, "$set": {"a": 1}}))

    assert vendor.sandbox.people == {}
    assert warnings(vendor) == ["invalid_event_when_process_person_profile_is_false"]


async def test_a_project_has_five_group_types(vendor: StandIn) -> None:
    kinds = [f"kind-{number}" for number in range(6)]

    await post(
        vendor, *(event("$groupidentify", properties={"$group_type": kind, "$group_key": "a"}) for kind in kinds)
    )

    assert list(vendor.sandbox.groups) == [(kind, "a") for kind in kinds[:5]]
    assert warnings(vendor) == ["too_many_group_types"]


# --- the plugin and the stand-in together ---


async def test_a_person_s_past_traits_and_group_arrive(vendor: StandIn) -> None:
    judged = [
        await vendor.deliver(sent)
        for sent in (
            make_event("page", anonymousId="a-1", messageId="m-1", name="Home"),
            make_event("identify", userId="u-17", anonymousId="a-1", messageId="m-2", traits={"first_name": "Ada"}),
            make_event("group", userId="u-17", groupId="acme-1", messageId="m-3", traits={"name": "Acme", "tier": 1}),
            make_event("alias", userId="u-17", previousId="old-1", messageId="m-4"),
        )
    ]

    assert all(judgement == [[Delivered()]] for by_action in judged for judgement in by_action.values())
    assert vendor.sandbox.people == {"u-17": {"firstName": "Ada"}}
    assert vendor.sandbox.groups == {("company", "acme-1"): {"name": "Acme", "tier": 1}}
    assert [merge["other"] for merge in vendor.accepted("merge")] == ["a-1", "old-1"]
    assert warnings(vendor) == []


async def test_an_event_sent_again_counts_once(vendor: StandIn) -> None:
    sent = make_event("track", userId="u-17", event="Paid", properties={"revenue": 5})
    vendor.sandbox.fail(Fault(status=502, after=True, times=1))

    await vendor.deliver(sent)
    await vendor.deliver(sent)

    assert len(vendor.accepted("event")) == 1


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        pytest.param({"is_over_quota": True}, Blocked, id="over the quota"),
        pytest.param({"settings": {"api_key": "another"}}, Blocked, id="wrong token"),
        pytest.param({"max_bytes": 9}, Split, id="too large"),
    ],
)
async def test_refusals_are_read_rightly(vendor: StandIn, prepare: dict[str, Any], expected: Any) -> None:
    for name, value in prepare.items():
        setattr(vendor.sandbox, name, value)

    made = await vendor.deliver(
        make_event("screen", userId="u-1", messageId="m-1"), make_event("screen", userId="u-2", messageId="m-2")
    )

    [judgement] = made["track screen"]
    assert isinstance(judgement, expected)
