"""The sixteen points of facts/ingest-protocol.md section 1, by their numbers: what is easy to get wrong."""

from __future__ import annotations

import gzip
from typing import Any

import orjson
import pytest

from router.gateway import Limits, Source, Surroundings
from router.gateway.throttle import BURST
from router.log.interface import LogFull
from tests.gateway.harness import KEY, Harness, basic
from tests.gateway.recording import SOURCES, recorded

ORIGIN = {"Origin": "https://shop.example.com"}
CALL: dict[str, Any] = {"type": "track", "event": "Signed Up", "userId": "u1"}
SDKS = ["seg-py", "cio-py", "rud-py", "seg-node", "cio-node", "rud-node", "seg-web", "cio-web", "rud-web", "jitsu"]


@pytest.mark.parametrize("sdk", [*SDKS, "cio-web-batch", "rud-web-beacon"])
async def test_point_1_success_is_200_with_a_json_object(sdk: str) -> None:
    async with Harness(sources=SOURCES) as harness:
        answer = await harness.exchange(recorded(sdk))

    assert answer.status == 200
    assert answer.json["success"] is True


@pytest.mark.parametrize(
    ("path", "body", "key", "status"),
    [
        ("/v1/t", b"{", KEY, 400),
        ("/v1/t", b"{}", KEY, 400),
        ("/v1/batch", b"{}", KEY, 400),
        ("/v1/batch", b'{"batch":[]}', "unknown", 401),
        ("/v1/nowhere", b"{}", KEY, 404),
    ],
)
async def test_point_2_an_error_has_code_and_message_at_its_top(
    harness: Harness, path: str, body: bytes, key: str, status: int
) -> None:
    answer = await harness.post(path, data=body, key=key)

    assert answer.status == status
    assert {type(answer.json[name]) for name in ("code", "message")} == {str}


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/batch/", "/v1/t", "/v1/t/", "/api/s/track", "/beacon/v1/batch/"])
async def test_point_3_nothing_is_redirected_and_get_is_never_a_success(harness: Harness, path: str) -> None:
    document = {"batch": [CALL]} if "batch" in path else CALL
    taken = await harness.post(path, document, headers={"X-Forwarded-Proto": "http"})
    asked = await harness.ask("GET", path)

    assert (taken.status, asked.status) == (200, 405)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "text/html", ""])
@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "gzip"])
async def test_point_4_a_body_is_json_whatever_its_label_says(
    harness: Harness, content_type: str, is_packed: bool
) -> None:
    body = orjson.dumps(CALL | {"event": "a=b&c=%20"})
    headers = {"Content-Type": content_type} | ({"Content-Encoding": "gzip"} if is_packed else {})

    answer = await harness.post("/v1/t", data=gzip.compress(body) if is_packed else body, headers=headers)

    assert answer.status == 200
    assert harness.log.events[0]["event"] == "a=b&c=%20"


async def test_point_5_gzip_is_decoded_within_a_bound() -> None:
    async with Harness(Limits(max_body_bytes=100_000)) as harness:
        packed = {"Content-Encoding": "gzip"}
        good = await harness.post("/v1/t", data=gzip.compress(orjson.dumps(CALL)), headers=packed)
        bomb = await harness.post("/v1/t", data=gzip.compress(bytes(10_000_000)), headers=packed)

    assert (good.status, bomb.status) == (200, 413)
    assert harness.log.events[0]["event"] == "Signed Up"


@pytest.mark.parametrize(
    ("headers", "query", "top", "event"),
    [
        pytest.param({"Authorization": basic("id:secret:")}, "", {}, {}, id="Basic"),
        pytest.param({"Authorization": "Bearer id:secret"}, "", {}, {}, id="Bearer"),
        pytest.param({"X-Write-Key": "id:secret"}, "", {}, {}, id="X-Write-Key"),
        pytest.param({}, "?writeKey=id:secret", {}, {}, id="query"),
        pytest.param({}, "", {"writeKey": "id:secret"}, {}, id="top of the body"),
        pytest.param({}, "", {}, {"writeKey": "id:secret"}, id="events of the body"),
    ],
)
async def test_point_6_the_write_key_comes_in_six_forms(
    headers: dict[str, str], query: str, top: dict[str, str], event: dict[str, str]
) -> None:
    async with Harness(sources={"website": Source(["id:secret"])}) as harness:
        answer = await harness.post(f"/v1/batch{query}", {"batch": [CALL | event], **top}, key="", headers=headers)

    assert (answer.status, answer.json["accepted"]) == (200, 1)


async def test_point_7_cors_is_right_on_every_answer_and_retry_after_can_be_seen(harness: Harness) -> None:
    good = await harness.post("/v1/t", CALL, headers=ORIGIN)
    unreadable = await harness.post("/v1/t", data=b"{", headers=ORIGIN)
    unknown = await harness.post("/v1/t", CALL, key="unknown", headers=ORIGIN)
    harness.log.failure = LogFull()
    full = await harness.post("/v1/t", CALL, headers=ORIGIN)

    answers = [good, unreadable, unknown, full]
    assert [answer.status for answer in answers] == [200, 400, 401, 503]
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in answers} == {ORIGIN["Origin"]}
    assert {answer.headers["Access-Control-Expose-Headers"] for answer in answers} == {"Retry-After"}
    assert "Retry-After" in full.headers


async def test_point_8_what_an_sdk_sends_that_takes_any_answer_for_success_is_stored_the_first_time() -> None:
    """A burst within the limits of a source that may make hardly any requests: none of it is refused."""
    sources = {name: Source(source.write_keys, max_requests_per_s=0.001) for name, source in SOURCES.items()}
    request = recorded("cio-web")
    async with Harness(sources=sources) as harness:
        for number in range(BURST):
            changed = request.replace(b"a56dc60a6a3e", b"%012d" % number)
            assert (await harness.exchange(changed)).status == 200

    assert len(harness.log.entries) == BURST


@pytest.mark.parametrize(
    ("sdk", "entry"), [("segment", "Segment.io"), ("customerio", "Customer.io Data Pipelines")], ids=["seg", "cio"]
)
async def test_point_9_a_settings_document_has_the_sdks_own_entry_with_host_and_protocol(sdk: Any, entry: str) -> None:
    surroundings = Surroundings("https://router.example.com")
    async with Harness(sources={"website": Source([KEY], sdk=sdk)}, surroundings=surroundings) as harness:
        answer = await harness.ask("GET", f"/v1/projects/{KEY}/settings", key="")

    assert answer.json["integrations"][entry]["apiHost"] == "router.example.com/v1"
    assert answer.json["integrations"][entry]["protocol"] == "https"
    assert answer.json["metrics"] == {"sampleRate": 0}


async def test_point_9_the_third_family_finds_all_it_looks_for(harness: Harness) -> None:
    source = (await harness.ask("GET", "/sourceConfig/")).json["source"]

    assert source["id"]
    assert (source["config"], source["destinations"]) == ({}, [])


@pytest.mark.parametrize("sdk", [sdk for sdk in SDKS if sdk != "cio-py"])
async def test_point_10_an_event_that_comes_again_is_stored_once(sdk: str) -> None:
    async with Harness(sources=SOURCES) as harness:
        first = await harness.exchange(recorded(sdk))
        stored = len(harness.log.entries)
        second = await harness.exchange(recorded(sdk))

    assert (first.status, second.status) == (200, 200)
    assert len(harness.log.entries) == stored >= 1


@pytest.mark.parametrize("sdk", ["seg-py", "rud-py", "rud-web"])
async def test_point_11_traits_are_found_in_both_places(sdk: str) -> None:
    async with Harness(sources=SOURCES) as harness:
        await harness.exchange(recorded(sdk))

    assert harness.log.events[0]["traits"]["firstName"] == "Grace"


async def test_point_12_three_events_of_nearly_a_megabyte_in_one_batch_are_taken(harness: Harness) -> None:
    calls = [CALL | {"messageId": f"m{number}", "properties": {"a": "x" * 990_000}} for number in range(3)]

    answer = await harness.batch(*calls)

    assert (answer.status, answer.json["accepted"]) == (200, 3)


async def test_point_12_eight_mebibytes_before_compression_are_taken(harness: Harness) -> None:
    calls = [CALL | {"messageId": f"m{number}", "properties": {"a": "x" * 83_000}} for number in range(100)]
    body = orjson.dumps({"batch": calls})
    assert len(body) > 8_000_000

    answer = await harness.post("/v1/batch", data=gzip.compress(body, 1), headers={"Content-Encoding": "gzip"})

    assert (answer.status, answer.json["accepted"]) == (200, 100)


@pytest.mark.parametrize(
    "bad", [None, 7, [], {}, {"type": "nonsense"}, {"type": "track", "userId": "u"}, {"type": "page", "userId": {}}]
)
async def test_point_13_one_bad_event_does_not_cost_the_batch(harness: Harness, bad: Any) -> None:
    answer = await harness.batch(CALL | {"messageId": "m1"}, bad, CALL | {"messageId": "m2"})

    assert answer.status == 200
    assert (answer.json["accepted"], answer.json["rejected"]) == (2, 1)
    assert [entry.message_id for entry in harness.log.entries] == ["m1", "m2"]


@pytest.mark.parametrize(
    "value",
    ["NaN", "Infinity", "-Infinity", '"\\ud83d"', '"a\\u0000b"', "123456789012345678901234567890", "1e999"],
)
async def test_point_14_odd_json_costs_neither_the_batch_nor_the_event(harness: Harness, value: str) -> None:
    call = '{"type":"track","event":"e","userId":"u","properties":{"odd":%s,"kept":1}}'

    answer = await harness.post("/v1/batch", data=('{"batch":[' + call % value + "," + call % "2" + "]}").encode())

    assert (answer.status, answer.json["accepted"]) == (200, 2)
    assert [event["properties"]["kept"] for event in harness.log.events] == [1, 1]


@pytest.mark.parametrize(
    "integrations",
    [
        {"Segment.io": {"apiHost": "router.example.com/v1"}},
        {"Customer.io Data Pipelines": True},
        {"All": True, "Nobody Knows This": {"a": [1]}},
        {"": None},
    ],
)
async def test_point_15_unknown_names_in_integrations_do_not_matter(harness: Harness, integrations: Any) -> None:
    answer = await harness.post("/v1/t", CALL | {"integrations": integrations})

    assert answer.status == 200
    assert harness.log.events[0]["integrations"] == integrations


@pytest.mark.parametrize("nothing", ["", None], ids=["empty", "null"])
async def test_point_16_empty_and_null_ids_are_absent_and_a_group_without_anybody_does_not_fail_its_batch(
    harness: Harness, nothing: str | None
) -> None:
    nobody = {"type": "group", "groupId": "g1", "userId": nothing, "anonymousId": nothing}

    answer = await harness.batch(nobody, CALL | {"userId": nothing, "anonymousId": "a1"})

    assert (answer.status, answer.json["accepted"], answer.json["rejected"]) == (200, 1, 1)
    assert "userId" not in harness.log.events[0]
    assert harness.log.events[0]["anonymousId"] == "a1"
