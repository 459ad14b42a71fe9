"""Payloads to a request, answers to verdicts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.customerio.wire import MAX_BATCH_BYTES, judge, pack
from router.plugin import (
    Blocked,
    Dead,
    Delivered,
    Judgement,
    Later,
    Payload,
    Request,
    Response,
    Split,
    UnreadableAnswer,
)
from tests.plugins.customerio.samples import make_event, make_settings, the_payload

TRACK = make_settings(base_url="https://track.example.test")
PIPELINES = make_settings(api="pipelines", base_url="https://cdp.example.test")
THREE = [Payload({"n": number}) for number in range(3)]
ONE = THREE[:1]
ERROR = {"reason": "invalid", "field": "attributes", "message": "must be an object"}
HTML = b"<html><body>Bad gateway</body></html>"


def answer(status: int, body: Any = b"") -> Response:
    return Response(status, body if isinstance(body, bytes) else orjson.dumps(body))


def test_a_batch_of_track_keeps_the_order_and_holds_no_secret() -> None:
    assert pack(THREE, TRACK) == Request(
        "POST", "https://track.example.test/api/v2/batch", {"batch": [{"n": 0}, {"n": 1}, {"n": 2}]}
    )


@pytest.mark.parametrize("settings", [TRACK, PIPELINES], ids=["track", "pipelines"])
def test_a_full_batch_is_within_500_kilobytes(settings: Any) -> None:
    """The payloads are counted with a comma each, and something stands around them."""
    rest = len(',{"type":"track","x":""}')
    payloads = [Payload({"type": "track", "x": "x" * (MAX_BATCH_BYTES // 100 - rest)})] * 100

    assert sum(len(orjson.dumps(each.body)) + 1 for each in payloads) == MAX_BATCH_BYTES
    assert len(orjson.dumps(pack(payloads, settings).json)) <= 500_000


def test_a_batch_of_pipelines_is_strict_and_has_one_context() -> None:
    events = [make_event("track", userId="u", event=name, context={"ip": "192.0.2.1"}) for name in ("A", "B")]

    request = pack([the_payload(event, PIPELINES) for event in events], PIPELINES)

    assert (request.url, request.headers) == ("https://cdp.example.test/v1/batch", {"X-Strict-Mode": "1"})
    assert [item["event"] for item in request.json["batch"]] == ["A", "B"]
    assert request.json["context"] == {"ip": "192.0.2.1"}
    assert not any("context" in item for item in request.json["batch"])


def test_an_alias_of_pipelines_has_its_own_path() -> None:
    payload = the_payload(make_event("alias", userId="u", previousId="v"), PIPELINES)

    request = pack([payload], PIPELINES)

    assert request == Request("POST", "https://cdp.example.test/v1/alias", payload.body, {"X-Strict-Mode": "1"})


DEAD = Dead("207 invalid: attributes: must be an object")


@pytest.mark.parametrize("settings", [TRACK, PIPELINES], ids=["track_v2", "pipelines"])
@pytest.mark.parametrize(
    ("response", "judgement"),
    [
        pytest.param(answer(200, {}), [Delivered()] * 3, id="200"),
        pytest.param(answer(200, {"success": True}), [Delivered()] * 3, id="200 of Pipelines"),
        pytest.param(answer(200), [Delivered()] * 3, id="200 without a body"),
        pytest.param(answer(200, {"errors": None}), [Delivered()] * 3, id="200 with no errors"),
        pytest.param(
            answer(207, {"errors": [{"batch_index": 1, **ERROR}]}),
            [Delivered(), DEAD, Delivered()],
            id="207, the second refused",
        ),
        pytest.param(
            answer(207, {"errors": [{"batch_index": 2, **ERROR}, {"batch_index": 0, **ERROR}]}),
            [DEAD, Delivered(), DEAD],
            id="207 out of order",
        ),
        pytest.param(
            answer(207, {"errors": [{"batch_index": 0}]}),
            [Dead("207 refused without a reason"), Delivered(), Delivered()],
            id="207 without a reason",
        ),
        pytest.param(
            answer(207, {"errors": [ERROR]}),
            Split("207 invalid: attributes: must be an object, without saying which item"),
            id="207 without an index",
        ),
        pytest.param(
            answer(207, {"errors": [{"batch_index": 3, **ERROR}]}),
            Split("207 invalid: attributes: must be an object, without saying which item"),
            id="207 with an index past the end",
        ),
        pytest.param(
            answer(207, {"errors": [{"batch_index": True}]}),
            Split("207 refused without a reason, without saying which item"),
            id="207 with an index that is none",
        ),
        pytest.param(
            answer(207, {"errors": ["bad"]}), Split("207 bad, without saying which item"), id="207 with texts"
        ),
        pytest.param(
            answer(400, {"errors": [ERROR]}), Split("400 invalid: attributes: must be an object"), id="400 of v2"
        ),
        pytest.param(
            answer(400, {"meta": {"error": "name cannot be blank"}}), Split("400 name cannot be blank"), id="400 of v1"
        ),
        pytest.param(answer(400, {"meta": {"errors": ["a", "b"]}}), Split("400 a; b"), id="400 of v1, several"),
        pytest.param(answer(400, HTML), Split(f"400 {HTML.decode()}"), id="400 in HTML"),
        pytest.param(answer(400, [1]), Split("400 [1]"), id="400 of another shape"),
        pytest.param(
            answer(401, {"meta": {"error": "Unauthorized request"}}),
            Blocked('401 {"meta":{"error":"Unauthorized request"}}'),
            id="401",
        ),
        pytest.param(answer(403), Blocked("403"), id="403"),
        pytest.param(answer(301, HTML), Blocked(f"301 {HTML.decode()} (wrong region or base_url?)"), id="301"),
        pytest.param(answer(404, b"not found"), Blocked("404 not found (wrong region or base_url?)"), id="404"),
        pytest.param(answer(405), Blocked("405 (wrong region or base_url?)"), id="405"),
        pytest.param(answer(413), Split("413"), id="413"),
        pytest.param(answer(408), [Later("408")] * 3, id="408"),
        pytest.param(answer(429), [Later("429")] * 3, id="429"),
        pytest.param(answer(500, HTML), [Later(f"500 {HTML.decode()}")] * 3, id="500 in HTML"),
        pytest.param(answer(503), [Later("503")] * 3, id="503"),
        pytest.param(answer(422, b"no"), Split("422 no"), id="422"),
    ],
)
def test_each_answer_has_its_verdict(response: Response, judgement: Judgement, settings: Any) -> None:
    assert judge(response, THREE, settings) == judgement


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        pytest.param(answer(400, {"errors": [ERROR]}), "400 invalid: attributes: must be an object", id="400"),
        pytest.param(answer(207, {"errors": [ERROR]}), "207 invalid: attributes: must be an object", id="no index"),
        pytest.param(answer(207, {"errors": [{"batch_index": 9}]}), "207 refused without a reason", id="odd index"),
    ],
)
def test_a_refusal_of_one_payload_is_its_own(response: Response, reason: str) -> None:
    assert judge(response, ONE, TRACK) == [Dead(reason)]


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(answer(200, HTML), id="a proxy's page"),
        pytest.param(answer(207, b'{"errors":[{"batch_in'), id="a cut body"),
        pytest.param(answer(207), id="a 207 that lists nothing"),
        pytest.param(answer(200, [1]), id="a list"),
        pytest.param(answer(207, {"errors": "many"}), id="errors that are no list"),
    ],
)
def test_a_success_that_cannot_be_read_is_tried_again(response: Response) -> None:
    with pytest.raises(UnreadableAnswer):
        judge(response, THREE, TRACK)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["errors", "meta", "error", "batch_index"]), inner, max_size=3)
    ),
)


@given(status=st.integers(200, 599), body=st.binary(max_size=20) | JSON.map(orjson.dumps))
def test_no_answer_is_misread(status: int, body: bytes) -> None:
    """A verdict for each payload, or one word for all, or `UnreadableAnswer`; and nothing but a 2xx delivers."""
    try:
        judgement = judge(Response(status, body), THREE, TRACK)
    except UnreadableAnswer:
        judgement = Split("unreadable")

    verdicts = [] if isinstance(judgement, Split | Blocked) else list(judgement)
    assert len(verdicts) in (0, 3)
    assert 200 <= status <= 299 or Delivered() not in verdicts
