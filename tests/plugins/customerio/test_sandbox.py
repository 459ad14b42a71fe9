"""The stand-in answers as the fact sheet says Customer.io does (sections 3, 6, 7 and 8)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.customerio import PLUGIN
from router.testing import StandIn, open_stand_in
from tests.plugins.customerio.samples import basic

SITE = basic("sandbox-site", "sandbox-key")
SOURCE = basic("sandbox-key")
STRICT = {"X-Strict-Mode": "1"}
ADA: dict[str, Any] = {
    "type": "person",
    "action": "identify",
    "identifiers": {"id": "u-17"},
    "attributes": {"plan": "pro"},
}
EVENT: dict[str, Any] = {"type": "person", "action": "event", "identifiers": {"id": "u-17"}, "name": "E"}
ACME: dict[str, Any] = {
    "type": "object",
    "action": "identify",
    "identifiers": {"object_type_id": "1", "object_id": "acme"},
}
MERGE: dict[str, Any] = {"type": "person", "action": "merge", "primary": {"id": "u-17"}, "secondary": {"id": "u-16"}}
DEVICE: dict[str, Any] = {"type": "person", "action": "add_device", "identifiers": {"id": "u-17"}}
TRACK: dict[str, Any] = {"type": "track", "userId": "u-17", "event": "E"}
ULID = "01KDX3V0M3J8Q3WZ4T1R2S5Y6Z"

Headers = dict[str, str]


@pytest.fixture
async def vendor() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        yield opened


async def send(vendor: StandIn, *items: Any, auth: Headers = SITE) -> tuple[int, Any]:
    response = await vendor.request("POST", "/api/v2/batch", {"batch": items}, auth)
    return response.status, response.json()


async def test_a_good_batch_gets_an_empty_object(vendor: StandIn) -> None:
    assert await send(vendor, ADA, EVENT, ACME) == (200, {})
    assert [entry["kind"] for entry in vendor.sandbox.accepted] == ["person", "event", "object"]


async def test_a_bad_item_is_named_by_its_index_and_the_others_are_taken(vendor: StandIn) -> None:
    status, body = await send(vendor, ADA, {**EVENT, "name": " "}, ACME)

    assert (status, body) == (
        207,
        {
            "errors": [
                {"batch_index": 1, "reason": "required", "field": "name", "message": "event name must not be blank"}
            ]
        },
    )
    assert [entry["kind"] for entry in vendor.sandbox.accepted] == ["person", "object"]


@pytest.mark.parametrize(
    ("item", "field"),
    [
        pytest.param("text", "", id="no object"),
        pytest.param({**ADA, "type": "robot"}, "type", id="unknown type"),
        pytest.param({**ADA, "action": "hug"}, "action", id="unknown action"),
        pytest.param({**ADA, "identifiers": {}}, "identifiers", id="nobody"),
        pytest.param({**ADA, "identifiers": {"id": "a", "email": "b"}}, "identifiers", id="two identifiers"),
        pytest.param({**ADA, "identifiers": {"id": 7}}, "identifiers.id", id="an id that is a number"),
        pytest.param({**ADA, "identifiers": {"id": ""}}, "identifiers.id", id="an empty id"),
        pytest.param({**ADA, "identifiers": {"id": "x" * 151}}, "identifiers.id", id="an id of 151 bytes"),
        pytest.param(
            {**ADA, "identifiers": {"anonymous_id": "a"}}, "identifiers.anonymous_id", id="an anonymous identify"
        ),
        pytest.param({**ADA, "timestamp": "2026-01-01"}, "timestamp", id="a time that is text"),
        pytest.param({**ADA, "attributes": []}, "attributes", id="attributes that are a list"),
        pytest.param({**ADA, "attributes": {"x" * 151: 1}}, "attributes", id="a name of 151 bytes"),
        pytest.param({**ADA, "attributes": {"bio": "x" * 1001}}, "attributes", id="a value of 1001 bytes"),
        pytest.param({**ADA, "attributes": {str(n): n for n in range(301)}}, "attributes", id="301 attributes"),
        pytest.param({**EVENT, "name": "x" * 101}, "name", id="an event name of 101 bytes"),
        pytest.param({**EVENT, "id": "m-1"}, "id", id="an event id that is no ULID"),
        pytest.param({**EVENT, "attributes": "data"}, "attributes", id="event data that is text"),
        pytest.param({**EVENT, "attributes": {"x": "x" * 32_768}}, "", id="an item over 32 KB"),
        pytest.param({**MERGE, "identifiers": {"id": "a"}}, "identifiers", id="a merge with identifiers"),
        pytest.param({**MERGE, "secondary": {}}, "secondary", id="a merge of nobody"),
        pytest.param({**MERGE, "primary": {"anonymous_id": "a"}}, "primary.anonymous_id", id="an anonymous merge"),
        pytest.param({**DEVICE, "device": {"platform": "ios"}}, "device.token", id="a device without a token"),
        pytest.param({**DEVICE, "device": {"token": "t"}}, "device.platform", id="a device without a platform"),
        pytest.param({**ACME, "identifiers": {"object_id": "a"}}, "identifiers", id="an object without a type"),
        pytest.param(
            {**ACME, "identifiers": {"object_type_id": "2", "object_id": "a"}},
            "identifiers.object_type_id",
            id="an object of an unknown type",
        ),
        pytest.param(
            {**ACME, "identifiers": {"object_type_id": "1", "object_id": "x" * 151}},
            "identifiers.object_id",
            id="an object id of 151 bytes",
        ),
        pytest.param(
            {**ACME, "attributes": {str(n): n for n in range(301)}}, "attributes", id="301 attributes of an object"
        ),
        pytest.param({**ACME, "attributes": {"bio": "x" * 1001}}, "attributes", id="a value of an object too long"),
        pytest.param(
            {**ACME, "cio_relationships": [{"identifiers": {"anonymous_id": "a"}}]},
            "cio_relationships.anonymous_id",
            id="an anonymous member of a plain identify",
        ),
    ],
)
async def test_what_the_vendor_refuses_is_refused_with_its_field(vendor: StandIn, item: Any, field: str) -> None:
    status, body = await send(vendor, item)

    assert (status, body["errors"][0]["batch_index"], body["errors"][0]["field"]) == (207, 0, field)
    assert not vendor.accepted()


async def test_a_single_entity_is_refused_with_400(vendor: StandIn) -> None:
    response = await vendor.request("POST", "/api/v2/entity", {**EVENT, "name": ""}, SITE)

    assert response.status == 400
    assert (response.json())["errors"] == [
        {"reason": "required", "field": "name", "message": "event name must not be blank"}
    ]


@pytest.mark.parametrize(
    ("path", "item", "status"),
    [
        pytest.param("/api/v2/entity", ADA, 200, id="a good entity"),
        pytest.param("/api/v2/entity", {**ADA, "attributes": {"x": "x" * 32_768}}, 413, id="an entity over 32 KB"),
        pytest.param("/api/v2/batch", {"batch": [], "x": "x" * 500_000}, 413, id="a batch over 500 KB"),
        pytest.param("/api/v2/batch", {"batch": []}, 400, id="an empty batch"),
        pytest.param("/api/v2/batch", {}, 400, id="no batch"),
        pytest.param("/api/v2/batch", [ADA], 400, id="a bare list"),
        pytest.param("/api/v2/unknown", {}, 404, id="an unknown route"),
    ],
)
async def test_a_whole_request_is_answered_by_its_status(vendor: StandIn, path: str, item: Any, status: int) -> None:
    assert (await vendor.request("POST", path, item, SITE)).status == status


@pytest.mark.parametrize("path", ["/api/v2/entity", "/api/v2/batch"])
async def test_a_body_that_is_no_json_is_refused_with_400(vendor: StandIn, path: str) -> None:
    assert (await vendor.request("POST", path, b"{", SITE)).status == 400


@pytest.mark.parametrize("auth", [basic("sandbox-site", "wrong"), SOURCE, {}], ids=["wrong", "source", "none"])
async def test_another_key_is_unauthorized(vendor: StandIn, auth: Headers) -> None:
    response = await vendor.request("POST", "/api/v2/batch", {"batch": [ADA]}, auth)

    assert (response.status, response.json()) == (401, {"meta": {"error": "Unauthorized request"}})
    assert not vendor.accepted()


@pytest.mark.parametrize(
    "item",
    [
        pytest.param({**ADA, "identifiers": {"id": "x" * 150}}, id="an id of 150 bytes"),
        pytest.param({**ADA, "attributes": {"x" * 150: "x" * 1000}}, id="a name of 150 and a value of 1000 bytes"),
        pytest.param({**ADA, "attributes": {str(n): n for n in range(300)}}, id="300 attributes"),
        pytest.param({**EVENT, "name": "x" * 100}, id="an event name of 100 bytes"),
        pytest.param({**EVENT, "id": ULID, "timestamp": 946_684_800}, id="an event of the year 2000"),
        pytest.param({**EVENT, "attributes": {"x": "x" * 30_000}}, id="event data of nearly 32 KB"),
    ],
)
async def test_an_item_at_a_limit_is_taken(vendor: StandIn, item: Any) -> None:
    assert await send(vendor, item) == (200, {})
    assert len(vendor.sandbox.accepted) == 1


async def test_somebody_who_is_suppressed_vanishes_without_a_word(vendor: StandIn) -> None:
    suppress = {"type": "person", "action": "suppress", "identifiers": {"id": "u-17"}}

    assert await send(vendor, suppress, ADA, EVENT) == (200, {})
    assert not vendor.accepted()

    await send(vendor, {**suppress, "action": "unsuppress"}, EVENT)
    assert [entry["kind"] for entry in vendor.sandbox.accepted] == ["unsuppress", "event"]


async def test_above_the_rate_a_429_comes_without_a_body_or_a_time_to_wait(vendor: StandIn) -> None:
    vendor.sandbox.requests_per_s = 1
    await send(vendor, ADA)

    response = await vendor.request("POST", "/api/v2/batch", {"batch": [ADA]}, SITE)

    assert (response.status, response.body, "Retry-After" in response.headers) == (429, b"", False)


async def test_the_region_is_told_to_who_has_the_key(vendor: StandIn) -> None:
    known = await vendor.request("GET", "/api/v1/accounts/region", headers=SITE)
    unknown = await vendor.request("GET", "/api/v1/accounts/region")

    assert (known.status, known.json()) == (200, {"region": "us"})
    assert unknown.status == 401


async def test_an_event_id_seen_before_is_ignored(vendor: StandIn) -> None:
    assert await send(vendor, {**EVENT, "id": ULID}) == (200, {})
    assert await send(vendor, {**EVENT, "id": ULID}) == (200, {})

    assert len(vendor.sandbox.accepted) == 1


async def test_null_and_the_empty_text_remove_an_attribute(vendor: StandIn) -> None:
    await send(vendor, {**ADA, "attributes": {"plan": "pro", "tier": 1, "seats": 2}})
    await send(vendor, {**ADA, "attributes": {"plan": None, "tier": ""}})

    assert vendor.sandbox.people["id:u-17"] == {"seats": 2}


async def test_a_person_is_found_again_by_email(vendor: StandIn) -> None:
    await send(vendor, {**ADA, "attributes": {"email": "ada@example.com"}})
    await send(vendor, {**ADA, "identifiers": {"email": "ada@example.com"}, "attributes": {"plan": "pro"}})

    assert vendor.sandbox.people["id:u-17"] == {"email": "ada@example.com", "plan": "pro"}


async def test_a_merge_into_nobody_does_nothing_and_says_nothing(vendor: StandIn) -> None:
    assert await send(vendor, MERGE) == (200, {})

    assert not vendor.accepted()


async def test_a_merge_keeps_the_primary_and_deletes_the_secondary(vendor: StandIn) -> None:
    old = {**ADA, "identifiers": {"id": "u-16"}, "attributes": {"plan": "free", "tier": 1}}

    await send(vendor, ADA, old, MERGE)

    assert vendor.sandbox.people == {"id:u-17": {"plan": "pro", "tier": 1}}


async def call(vendor: StandIn, path: str, body: Any, auth: Headers = SOURCE) -> int:
    return (await vendor.request("POST", f"/v1/{path}", body, {**auth, **STRICT})).status


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("track", TRACK, 200, id="a good call"),
        pytest.param("batch", {"batch": [TRACK]}, 200, id="a good batch"),
        pytest.param("alias", {"userId": "a", "previousId": "b"}, 200, id="an alias"),
        pytest.param("batch", {"batch": [{"type": "alias", "userId": "a", "previousId": "b"}]}, 400, id="in a batch"),
        pytest.param("identify", {"traits": {}}, 400, id="nobody"),
        pytest.param("track", {"userId": "a"}, 400, id="no event"),
        pytest.param("group", {"userId": "a"}, 400, id="no group"),
        pytest.param("alias", {"userId": "a"}, 400, id="no previous id"),
        pytest.param("identify", {"userId": "a", "traits": []}, 400, id="traits that are a list"),
        pytest.param("track", {**TRACK, "properties": {"x": "x" * 32_768}}, 400, id="a call over 32 KB"),
        pytest.param("batch", {"batch": [{**TRACK, "type": "hug"}]}, 400, id="unknown type"),
        pytest.param("batch", {"batch": [TRACK], "x": "x" * 500_000}, 400, id="a batch over 500 KB"),
        pytest.param("batch", {"batch": []}, 400, id="an empty batch"),
    ],
)
async def test_strict_pipelines_says_what_is_wrong(vendor: StandIn, path: str, body: Any, status: int) -> None:
    assert await call(vendor, path, body) == status


@pytest.mark.parametrize("path", ["track", "batch"])
@pytest.mark.parametrize(
    "auth",
    [basic("wrong"), SITE, {}, {"Authorization": "Basic !"}],
    ids=["wrong key", "the key of Track", "none", "odd"],
)
async def test_strict_pipelines_refuses_another_key(vendor: StandIn, auth: Headers, path: str) -> None:
    assert await call(vendor, path, {**TRACK, "batch": [TRACK]}, auth) == 401
    assert not vendor.accepted()


@pytest.mark.parametrize(
    ("path", "body", "auth"),
    [
        pytest.param("track", {"userId": "a"}, SOURCE, id="invalid"),
        pytest.param("batch", {"batch": [{**TRACK, "properties": {"x": "x" * 32_768}}]}, SOURCE, id="oversize"),
        pytest.param("track", TRACK, basic("wrong"), id="wrong key"),
    ],
)
async def test_without_strict_mode_pipelines_answers_200_and_throws_away(
    vendor: StandIn, path: str, body: Any, auth: Headers
) -> None:
    assert (await vendor.request("POST", f"/v1/{path}", body, auth)).status == 200
    assert not vendor.accepted()


async def test_pipelines_knows_one_context_a_batch_and_each_message_once(vendor: StandIn) -> None:
    first = {**TRACK, "messageId": "m-1"}

    await call(
        vendor, "batch", {"batch": [first, {**TRACK, "messageId": "m-2"}, first], "context": {"ip": "192.0.2.1"}}
    )

    assert [(entry["item"]["messageId"], entry["context"]) for entry in vendor.sandbox.accepted] == [
        ("m-1", {"ip": "192.0.2.1"}),
        ("m-2", {"ip": "192.0.2.1"}),
    ]


async def test_pipelines_above_its_rate_answers_429(vendor: StandIn) -> None:
    vendor.sandbox.requests_per_s = 1
    await call(vendor, "track", TRACK)

    assert [await call(vendor, path, {**TRACK, "batch": [TRACK]}) for path in ("track", "batch")] == [429, 429]
