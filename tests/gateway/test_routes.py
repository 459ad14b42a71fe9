"""Every path that an SDK knows, with what may come by it (facts/ingest-protocol.md section 3)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from router.gateway import routes
from tests.gateway.harness import KEY, Harness

CALL: dict[str, Any] = {
    "userId": "u1",
    "groupId": "g1",
    "previousId": "a1",
    "event": "Order Completed",
    "context": {"library": {"name": "by hand"}},
}
GETS = [f"/v1/projects/{KEY}/settings", "/sourceConfig"]


def test_the_sheet_and_the_table_agree() -> None:
    assert set(routes.INGEST) == {
        *(f"/v1/{kind}" for kind in ("identify", "track", "page", "screen", "group", "alias")),
        *(f"/v1/{letter}" for letter in "itpsga"),
        *(f"/api/s/{kind}" for kind in ("identify", "track", "page", "screen", "group", "alias")),
        *(f"/api/s/s2s/{kind}" for kind in ("identify", "track", "page", "screen", "group", "alias")),
        *("/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch", "/v1/m", "/rsaMetrics"),
    }


@pytest.mark.parametrize("slash", ["", "/"], ids=["", "with a slash"])
async def test_the_path_says_what_a_single_event_is(harness: Harness, slash: str) -> None:
    for path in routes.SINGLES:
        answer = await harness.post(path + slash, CALL)

        assert (answer.status, answer.json["success"]) == (200, True), path
    assert [event["type"] for event in harness.log.events] == list(routes.SINGLES.values())


@pytest.mark.parametrize("path", ["/v1/%74rack", "/v1/track?sdk=1"], ids=["a letter spelled otherwise", "a query"])
async def test_a_path_is_known_however_it_is_written(harness: Harness, path: str) -> None:
    body = orjson.dumps(CALL)
    answer = await harness.send_raw([f"POST {path} HTTP/1.1", f"Content-Length: {len(body)}"], body)

    assert answer is not None
    assert (answer.status, answer.json["success"]) == (200, True)
    assert [event["type"] for event in harness.log.events] == ["track"]


async def test_who_waits_for_leave_to_send_a_body_gets_it(harness: Harness) -> None:
    answer = await harness.post("/v1/track", CALL, headers={"Expect": "100-continue"})

    assert (answer.status, answer.json["success"]) == (200, True)


@pytest.mark.parametrize("slash", ["", "/"], ids=["", "with a slash"])
async def test_a_batch_may_come_by_each_of_its_paths(harness: Harness, slash: str) -> None:
    for path in routes.BATCHES:
        answer = await harness.post(path + slash, {"batch": [CALL | {"type": "page"}, CALL | {"type": "group"}]})

        assert (answer.status, answer.json["accepted"]) == (200, 2), path
    assert [event["type"] for event in harness.log.events] == ["page", "group"] * len(routes.BATCHES)


@pytest.mark.parametrize("body", [b"", b"{", b"{}" * 1_000], ids=["none", "no JSON", "some"])
@pytest.mark.parametrize("path", [path + slash for path in routes.TELEMETRY for slash in ("", "/")])
async def test_what_an_sdk_tells_of_itself_is_answered_without_a_key_and_forgotten(
    harness: Harness, path: str, body: bytes
) -> None:
    answer = await harness.post(path, data=body, key="")

    assert (answer.status, answer.json) == (200, {"success": True})
    assert harness.log.appends == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_nothing_but_post_is_taken_on_an_ingest_path_and_nothing_is_redirected(
    harness: Harness, method: str
) -> None:
    """SDKs follow a redirect as a GET and take its 200 for success: the events would be gone."""
    for path in (path + slash for path in routes.INGEST for slash in ("", "/")):
        answer = await harness.ask(method, path)

        assert (answer.status, answer.headers["Allow"]) == (405, "POST"), path
        assert "Location" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_there_is_no_page_that_answers_for_all_others(harness: Harness, method: str) -> None:
    for path in ("/", "/v1", "/v1/", "/v1/x", "/v1/trackk", "/v2/track", "/api/s", "/api/s/event", "//"):
        answer = await harness.ask(method, path, data=b"{}" if method == "POST" else None)

        assert (answer.status, answer.json["code"]) == (404, "not_found"), path


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", GETS)
async def test_settings_are_read_only(harness: Harness, method: str, path: str) -> None:
    assert (await harness.ask(method, path)).status == 405
