"""The gateway as its callers see it: promises 1, 4, 6 and 7 of design.md, and the paths."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from router.event import EVENT_TYPES
from router.gateway import Limits, Source
from router.gateway.admission import Admitted, admit
from router.log.interface import LogFull
from router.suppressed import NOBODY, Person, Suppressed
from tests.gateway.harness import IDENTIFY, KEY, Harness

CALLS: dict[str, dict[str, Any]] = {
    "identify": {"userId": "u1", "traits": {"firstName": "Ada"}},
    "track": {"userId": "u1", "event": "Order Completed"},
    "page": {"anonymousId": "a1", "name": "Pricing"},
    "screen": {"userId": "u1", "name": "Home"},
    "group": {"userId": "u1", "groupId": "g1"},
    "alias": {"userId": "u1", "previousId": "a1"},
}
PATHS = [f"/v1/{kind}" for kind in EVENT_TYPES] + ["/v1/batch"]


async def is_waiting(task: asyncio.Task[Any]) -> bool:
    """True if nothing comes of *task* for some turns of the loop, and some real time on top."""
    done, _ = await asyncio.wait({task}, timeout=0.05)
    return not done


# --- suppressed people ---


async def test_row_53_nothing_of_suppressed_people_is_stored_and_the_caller_is_told(harness: Harness) -> None:
    harness.gateway.suppress(Suppressed.of([Person("userId", "u1")]))
    other = {"type": "track", "userId": "u2", "messageId": "m2", "event": "Done"}

    single = await harness.post("/v1/identify", IDENTIFY)
    batch = await harness.post("/v1/batch", {"batch": [IDENTIFY | {"type": "identify"}, other, {"type": "track"}]})

    assert (single.status, single.json) == (200, {"success": True, "messageId": "m1", "suppressed": True})
    counts = {name: batch.json[name] for name in ("accepted", "duplicate", "suppressed", "rejected")}
    assert counts == {"accepted": 1, "duplicate": 0, "suppressed": 1, "rejected": 1}
    assert [each.message_id for each in harness.log.entries] == ["m2"]
    assert harness.count("events_suppressed", source="website") == 2

    harness.gateway.suppress(NOBODY)
    assert (await harness.post("/v1/identify", IDENTIFY)).json == {"success": True, "messageId": "m1"}


@pytest.mark.parametrize(
    ("id", "call"),
    [
        (Person("userId", "u1"), IDENTIFY | {"type": "identify"}),
        (Person("anonymousId", "a1"), {"type": "page", "messageId": "m1", "userId": "u2", "anonymousId": "a1"}),
        (Person("userId", "u1"), {"type": "alias", "messageId": "m1", "userId": "u2", "previousId": "u1"}),
    ],
    ids=["userId", "anonymousId", "alias"],
)
async def test_row_53_what_was_judged_before_somebody_was_suppressed_is_not_stored_after_it(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, id: Person, call: dict[str, Any]
) -> None:
    """By then the log may have been searched for what is to be erased."""

    async def admit_and_suppress(*arguments: Any, **options: Any) -> Admitted:
        admitted = await admit(*arguments, **options)
        harness.gateway.suppress(Suppressed.of([id]))
        return admitted

    monkeypatch.setattr("router.gateway.intake.admit", admit_and_suppress)

    answer = await harness.post("/v1/batch", {"batch": [call]})

    assert (answer.json["accepted"], answer.json["suppressed"], harness.log.entries) == (0, 1, [])


# --- promise 1: nothing accepted is lost ---


@pytest.mark.parametrize("path", ["/v1/identify", "/v1/batch"])
async def test_promise_1_success_is_answered_only_after_the_append_returned(harness: Harness, path: str) -> None:
    harness.log.gate.clear()
    document = {"batch": [IDENTIFY | {"type": "identify"}]} if path == "/v1/batch" else IDENTIFY
    answer = asyncio.create_task(harness.post(path, document))
    await harness.log.is_asked.wait()
    assert await is_waiting(answer)

    harness.log.gate.set()

    assert (await answer).status == 200
    assert len(harness.log.entries) == 1


async def test_promise_1_a_full_log_is_answered_503_with_retry_after(harness: Harness) -> None:
    harness.log.failure = LogFull()

    answer = await harness.post("/v1/identify", IDENTIFY)

    assert answer.status == 503
    assert answer.json["code"] == "log_full"
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("path", ["/v1/identify", "/v1/batch"])
async def test_promise_1_a_fault_of_the_log_is_never_answered_with_success(harness: Harness, path: str) -> None:
    harness.log.failure = OSError("input/output error")
    document = {"batch": [IDENTIFY | {"type": "identify"}]} if path == "/v1/batch" else IDENTIFY

    with capture_logs() as logs:
        answer = await harness.post(path, document)

    assert answer.status == 500
    assert answer.json["code"] == "internal"
    assert isinstance(answer.json["message"], str)
    assert "input/output error" in logs[0]["traceback"]
    assert "input/output" not in answer.body.decode()


async def test_promise_1_a_batch_is_one_append_in_the_order_it_came(harness: Harness) -> None:
    calls = [{"type": "track", "event": f"e{number}", "userId": "u"} for number in range(300)]

    answer = await harness.batch(*calls)

    assert answer.json["accepted"] == 300
    assert len(harness.log.appends) == 1
    assert [event["event"] for event in harness.log.events] == [f"e{number}" for number in range(300)]


async def test_promise_1_closing_refuses_new_requests_and_lets_those_under_way_finish(harness: Harness) -> None:
    harness.log.gate.clear()
    under_way = asyncio.create_task(harness.post("/v1/identify", IDENTIFY))
    await harness.log.is_asked.wait()
    closed = asyncio.create_task(harness.gateway.close())
    assert await is_waiting(closed)

    refused = await harness.post("/v1/identify", IDENTIFY)
    ready = await harness.ask("GET", "/ready")
    harness.log.gate.set()

    assert (refused.status, refused.json["code"]) == (503, "stopping")
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.headers["Connection"] == "close"
    assert ready.status == 503
    assert (await under_way).status == 200
    await closed


# --- promise 4: at least once, harmlessly ---


async def test_promise_4_a_message_id_seen_before_is_answered_as_duplicate(harness: Harness) -> None:
    first = await harness.post("/v1/identify", IDENTIFY)
    second = await harness.post("/v1/identify", IDENTIFY)

    assert (first.status, first.json) == (200, {"success": True, "messageId": "m1"})
    assert (second.status, second.json) == (200, {"success": True, "messageId": "m1", "duplicate": True})


async def test_promise_4_a_batch_counts_duplicates_also_within_itself(harness: Harness) -> None:
    call = IDENTIFY | {"type": "identify"}
    await harness.batch(call)

    answer = await harness.batch(call, call | {"messageId": "m2"}, call | {"messageId": "m2"})

    assert answer.json == {"success": True, "accepted": 1, "duplicate": 2, "rejected": 0, "rejections": []}


# --- promise 6: bad input is answered, never dropped in silence ---

BAD_CALLS = [
    pytest.param("track", {"userId": "u"}, "missing_event", "event", id="track without event"),
    pytest.param("identify", {"traits": {}}, "missing_id", "userId", id="nobody"),
    pytest.param("identify", {"userId": "", "anonymousId": None}, "missing_id", "userId", id="empty ids"),
    pytest.param("identify", {"userId": {"a": 1}}, "invalid_id", "userId", id="id is an object"),
    pytest.param("identify", {"userId": True}, "invalid_id", "userId", id="id is a boolean"),
    pytest.param("identify", {"userId": "u", "traits": "Ada"}, "invalid_field", "traits", id="traits are text"),
    pytest.param("group", {"userId": "u"}, "missing_group_id", "groupId", id="group without groupId"),
    pytest.param("alias", {"userId": "u"}, "missing_previous_id", "previousId", id="alias without previousId"),
    pytest.param(
        "identify", {"userId": "u", "messageId": "m" * 101}, "message_id_too_long", "messageId", id="long messageId"
    ),
]


@pytest.mark.parametrize(("kind", "call", "code", "field"), BAD_CALLS)
async def test_promise_6_an_invalid_single_event_is_answered_400(
    harness: Harness, kind: str, call: dict[str, Any], code: str, field: str
) -> None:
    answer = await harness.post(f"/v1/{kind}", {"messageId": "m1"} | call)

    assert answer.status == 400
    assert (answer.json["code"], answer.json["field"]) == (code, field)
    assert answer.json["expected"]
    assert answer.json["expected"] in answer.json["message"]
    assert answer.json["messageId"] == call.get("messageId", "m1")[:100]
    assert harness.log.appends == []


@pytest.mark.parametrize(("kind", "call", "code", "field"), BAD_CALLS)
async def test_promise_6_a_bad_event_does_not_cost_its_batch(
    harness: Harness, kind: str, call: dict[str, Any], code: str, field: str
) -> None:
    good = IDENTIFY | {"type": "identify"}
    bad = {"messageId": "m9", "type": kind} | call

    answer = await harness.batch(good, bad, good | {"messageId": "m2"})

    assert answer.status == 200
    assert {key: answer.json[key] for key in ("success", "accepted", "duplicate", "rejected")} == {
        "success": True,
        "accepted": 2,
        "duplicate": 0,
        "rejected": 1,
    }
    [rejection] = answer.json["rejections"]
    assert rejection["index"] == 1
    assert (rejection["code"], rejection["field"]) == (code, field)
    assert rejection["messageId"] == bad["messageId"][:100]
    assert rejection["expected"]


async def test_promise_6_a_batch_of_bad_events_only_is_answered_200_with_all_of_them_listed(harness: Harness) -> None:
    answer = await harness.batch(1, None, [], "x", {"type": "nonsense"})

    assert answer.status == 200
    assert (answer.json["accepted"], answer.json["rejected"]) == (0, 5)
    assert [rejection["index"] for rejection in answer.json["rejections"]] == [0, 1, 2, 3, 4]
    assert [rejection["code"] for rejection in answer.json["rejections"]] == ["not_an_object"] * 4 + ["unknown_type"]
    assert harness.log.appends == []


async def test_promise_6_an_empty_batch_is_success(harness: Harness) -> None:
    answer = await harness.batch()

    assert (answer.status, answer.json["accepted"], answer.json["rejected"]) == (200, 0, 0)


BAD_BODIES = [
    pytest.param("/v1/identify", b"", "empty_body", id="empty"),
    pytest.param("/v1/identify", b"  \n", "invalid_json", id="blanks"),
    pytest.param("/v1/identify", b"{", "invalid_json", id="cut"),
    pytest.param("/v1/identify", b"userId=u1&event=x", "invalid_json", id="a form"),
    pytest.param("/v1/identify", b"{} {}", "invalid_json", id="two documents"),
    pytest.param("/v1/identify", '{"userId":"u"}'.encode("utf-16"), "invalid_json", id="UTF-16"),
    pytest.param("/v1/identify", b"[]", "not_an_object", id="a list"),
    pytest.param("/v1/identify", b"null", "not_an_object", id="null"),
    pytest.param("/v1/batch", b'[{"userId":"u"}]', "not_an_object", id="a batch that is a list"),
    pytest.param("/v1/batch", b"{}", "invalid_batch", id="no batch"),
    pytest.param("/v1/batch", b'{"batch":{"0":{}}}', "invalid_batch", id="batch is an object"),
    pytest.param("/v1/batch", b'{"batch":null}', "invalid_batch", id="batch is null"),
]


@pytest.mark.parametrize(("path", "body", "code"), BAD_BODIES)
async def test_promise_6_an_unreadable_body_is_answered_400(
    harness: Harness, path: str, body: bytes, code: str
) -> None:
    answer = await harness.post(path, data=body)

    assert answer.status == 400
    assert answer.json["code"] == code
    assert isinstance(answer.json["message"], str)
    assert answer.headers["Content-Type"] == "application/json"
    assert harness.log.appends == []


@pytest.mark.parametrize(
    ("path", "code"),
    [("/v1/track", "missing_event"), ("/v1/identify", "missing_id"), ("/v1/alias", "missing_id")],
)
async def test_promise_6_a_batch_at_the_path_of_one_event_is_told_where_it_belongs(
    harness: Harness, path: str, code: str
) -> None:
    """Whoever sent it read that the name of what happened is missing, which stood in every one of its events."""
    batch = {"batch": [{"type": "track", "userId": "u1", "event": "Paid"}]}

    answer = await harness.post(path, batch)

    assert (answer.status, answer.json["code"]) == (400, code)
    assert answer.json["found"] == "a batch, which is for /v1/batch"
    assert harness.log.appends == []


# --- promise 7: secrets stay secret ---


async def test_promise_7_a_fault_is_logged_without_the_write_key(harness: Harness) -> None:
    harness.log.failure = RuntimeError("a bug")

    with capture_logs() as logs:
        answer = await harness.post(f"/v1/identify?writeKey={KEY}", IDENTIFY | {"writeKey": KEY})

    assert [entry["route"] for entry in logs] == ["/v1/identify"]
    assert KEY not in repr(logs)
    assert KEY not in answer.body.decode()


async def test_promise_7_an_unknown_write_key_is_not_sent_back(harness: Harness) -> None:
    answer = await harness.post("/v1/identify", IDENTIFY, key="not-a-key-of-ours")

    assert answer.status == 401
    assert "not-a-key" not in answer.body.decode()


async def test_promise_7_the_write_key_in_an_event_is_not_stored(harness: Harness) -> None:
    await harness.post("/v1/identify", IDENTIFY | {"writeKey": KEY})

    assert KEY.encode() not in harness.log.entries[0].event


async def test_promise_7_bytes_that_are_no_http_are_not_logged(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    """The server's error quotes the line it can't read, and that line may be the one with the key."""
    answer = await harness.send_raw(["POST /v1/identify HTTP/1.1", f"X-Write-Key: {KEY}\0", "Content-Length: 0"])

    assert answer is not None
    assert answer.status == 400
    assert KEY not in caplog.text


# --- what is taken, and how ---


@pytest.mark.parametrize("kind", EVENT_TYPES)
async def test_each_call_has_its_path(harness: Harness, kind: str) -> None:
    """Callers that write HTTP by hand leave the type out: the path may be all that says it."""
    answer = await harness.post(f"/v1/{kind}", CALLS[kind])

    assert answer.status == 200
    [entry] = harness.log.entries
    [event] = harness.log.events
    assert (entry.type, event["type"]) == (kind, kind)
    assert answer.json["messageId"] == entry.message_id == event["messageId"] == "made-1"


@pytest.mark.parametrize("path", PATHS)
async def test_a_trailing_slash_is_the_same_endpoint_without_a_redirect(harness: Harness, path: str) -> None:
    kind = path.removeprefix("/v1/")
    document = {"batch": []} if kind == "batch" else CALLS[kind]

    assert (await harness.post(path + "/", document)).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE"])
@pytest.mark.parametrize("path", [PATHS[0], PATHS[-1], PATHS[-1] + "/"])
async def test_only_post_is_taken_on_ingest_paths(harness: Harness, method: str, path: str) -> None:
    """SDKs follow a redirect as a GET and take its 200 for success."""
    answer = await harness.ask(method, path)

    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"
    assert method == "HEAD" or answer.json["code"] == "method_not_allowed"


async def test_an_unknown_path_is_answered_404_in_json(harness: Harness) -> None:
    answer = await harness.post("/v1/unknown", IDENTIFY)

    message = "not found; GET /openapi.json says what there is"
    assert (answer.status, answer.json) == (404, {"code": "not_found", "message": message})
    assert (await harness.ask("GET", "/openapi.json")).status == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_json_is_read_whatever_the_content_type_says(harness: Harness, content_type: str) -> None:
    answer = await harness.post("/v1/identify", IDENTIFY, headers={"Content-Type": content_type})

    assert answer.status == 200


async def test_an_entry_has_the_keys_of_the_person_beside_the_event(harness: Harness) -> None:
    call = {"userId": 7, "anonymousId": "a1", "messageId": "m1", "traits": {"email": "ada@example.com"}}

    await harness.post("/v1/identify", call)

    [entry] = harness.log.entries
    assert (entry.source, entry.message_id, entry.user_key, entry.user_id) == ("website", "m1", "7", "7")
    assert (entry.anonymous_id, entry.email, entry.type) == ("a1", "ada@example.com", "identify")
    assert entry.received_at_s == harness.now_s
    assert orjson.loads(entry.event)["receivedAt"] == "2023-11-14T22:13:20.000Z"


@pytest.mark.parametrize(
    ("path", "document", "headers"),
    [
        pytest.param("/v1/batch", {"sentAt": "2023-11-14T23:13:20Z"}, {}, id="of the batch"),
        pytest.param("/v1/batch", {}, {"SentAt": "2023-11-14T23:13:20Z"}, id="of the header, for a batch"),
        pytest.param("/v1/identify", {}, {"SentAt": "2023-11-14T23:13:20Z"}, id="of the header, for one event"),
    ],
)
async def test_the_time_of_sending_corrects_a_clock_that_is_an_hour_fast(
    harness: Harness, path: str, document: dict[str, Any], headers: dict[str, str]
) -> None:
    call = IDENTIFY | {"type": "identify", "timestamp": "2023-11-14T23:13:15Z"}

    await harness.post(path, document | (call if path == "/v1/identify" else {"batch": [call]}), headers=headers)

    assert harness.log.events[0]["timestamp"] == "2023-11-14T22:13:15.000Z"


async def test_context_and_integrations_of_the_batch_are_merged_into_its_events(harness: Harness) -> None:
    call = IDENTIFY | {"type": "identify", "context": {"ip": "203.0.113.7"}, "integrations": {"Mixpanel": True}}

    await harness.batch(call, context={"ip": "203.0.113.8", "locale": "en-GB"}, integrations={"All": False})

    [event] = harness.log.events
    assert event["context"] == {"ip": "203.0.113.7", "locale": "en-GB"}
    assert event["integrations"] == {"All": False, "Mixpanel": True}


# --- reloads and counts ---


async def test_a_reload_changes_keys_and_limits_for_the_next_request(harness: Harness) -> None:
    harness.gateway.configure({"website": Source(["new-key"])}, Limits(max_body_bytes=40))

    assert (await harness.post("/v1/identify", {"userId": "u"}, key="new-key")).status == 200
    assert (await harness.post("/v1/identify", IDENTIFY, key="new-key")).status == 413
    assert (await harness.post("/v1/identify", IDENTIFY, key=KEY)).status == 401


async def test_a_reload_with_a_clash_of_keys_changes_nothing(harness: Harness) -> None:
    with pytest.raises(ValueError, match="app and website"):
        harness.gateway.configure({"app": Source(["k"]), "website": Source(["k"])}, Limits())

    assert (await harness.post("/v1/identify", IDENTIFY)).status == 200


async def test_a_reload_does_not_touch_a_request_under_way(harness: Harness) -> None:
    harness.log.gate.clear()
    answer = asyncio.create_task(harness.post("/v1/identify", IDENTIFY))
    await harness.log.is_asked.wait()

    harness.gateway.configure({}, Limits())
    harness.log.gate.set()

    assert (await answer).status == 200


async def test_events_are_counted_by_source_and_what_became_of_them(harness: Harness) -> None:
    assert harness.count("events_accepted", source="website") == 0
    call = IDENTIFY | {"type": "identify"}

    await harness.batch(call, call, {"type": "track", "userId": "u"}, {"type": "nonsense"})

    assert harness.count("events_accepted", source="website") == 1
    assert harness.count("events_duplicate", source="website") == 1
    assert harness.count("events_rejected", source="website", code="missing_event") == 1
    assert harness.count("events_rejected", source="website", code="unknown_type") == 1


async def test_a_refused_request_is_counted_as_one_and_none_of_its_events(harness: Harness) -> None:
    """It will come again, and its events would be counted twice."""
    harness.log.failure = LogFull()

    await harness.batch(IDENTIFY | {"type": "identify"}, {"type": "nonsense"})

    assert harness.count("requests_refused", code="log_full") == 1
    assert harness.count("events_accepted", source="website") == 0
    assert harness.count("events_rejected", source="website", code="unknown_type") == -1


async def test_a_single_event_that_is_odd_is_taken_and_counted_as_mended(harness: Harness) -> None:
    answer = await harness.post("/v1/identify", data=b'{"userId":"u","traits":{"age":NaN,"name":"\\ud83d"}}')

    assert answer.status == 200
    assert harness.log.events[0]["traits"]["name"] == "\ufffd"
    assert harness.count("events_mended", source="website") == 1
