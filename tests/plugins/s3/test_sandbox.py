"""The stand-in: it draws each documented answer, and takes what the plugin makes, over a socket."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from plugins.s3 import PLUGIN
from plugins.s3.sandbox import TOLERANCE_S, S3Sandbox
from router.clock import SystemClock
from router.delivery.sending.http_send import HttpSend
from router.explain import explain
from router.plugin import Blocked, Dead, Delivered, Judgement, Split, UnreadableAnswer
from router.plugin.sandbox import Fault
from router.testing import Rehearsal, StandIn, open_stand_in
from router.testing.samples import SAMPLES
from tests.plugins.s3.samples import ENDPOINT, payload_of, track


class Bucket:
    """One stand-in behind a socket."""

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in
        assert isinstance(stand_in.sandbox, S3Sandbox)
        self.sandbox = stand_in.sandbox

    async def put(self, *events: Any, **changed: Any) -> Judgement:
        """As the core does it, with settings that may not be right any more."""
        settings = self.stand_in.settings.model_copy(update=changed)
        payloads = [payload_of(event, settings) for event in events or [track()]]  # type: ignore[arg-type]
        send = HttpSend((settings.api_url,), 5.0, 1, SystemClock())
        try:
            request = ENDPOINT.pack(payloads, settings)
            response = await send.send(request, ENDPOINT.credentials(settings), payloads[0].key)
        finally:
            await send.close()
        return ENDPOINT.judge(response, payloads, settings)

    @property
    def ids(self) -> list[str]:
        return [entry["item"]["messageId"] for entry in self.sandbox.accepted]


@pytest.fixture
async def bucket() -> AsyncIterator[Bucket]:
    async with open_stand_in(PLUGIN) as stand_in:
        yield Bucket(stand_in)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="as it comes"),
        pytest.param({"gzip": False}, id="not packed, so that its hash is looked at too"),
        pytest.param({"path_style": True, "prefix": ""}, id="the bucket in the path"),
        pytest.param({"session_token": "a-session-token/of+the=test"}, id="temporary credentials"),
        pytest.param({"sse": "aws:kms", "sse_kms_key_id": "k", "storage_class": "STANDARD_IA"}, id="all headers"),
    ],
)
async def test_what_is_sent_is_taken(given: dict[str, Any]) -> None:
    async with open_stand_in(PLUGIN, **given) as stand_in:
        bucket = Bucket(stand_in)
        stand_in.sandbox.settings.update(given)
        events = list(SAMPLES.values())

        assert await bucket.put(*events) == [Delivered()] * len(events)

        assert [entry["item"] for entry in stand_in.sandbox.accepted] == [event.document for event in events]


async def test_an_object_whose_answer_was_lost_is_replaced(bucket: Bucket) -> None:
    """Promise 4."""
    bucket.sandbox.fail(Fault(status=503, after=True, times=1))
    events = [track("m-1"), track("m-2")]

    await bucket.put(*events)

    assert await bucket.put(*events) == [Delivered()] * 2
    assert (len(bucket.sandbox.keys), bucket.ids) == (1, ["m-1", "m-2"])


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param({"access_key_id": SecretStr("AKIAANOTHER")}, "403 InvalidAccessKeyId", id="the id"),
        pytest.param({"secret_access_key": SecretStr("another")}, "403 SignatureDoesNotMatch", id="the secret"),
        pytest.param({"session_token": SecretStr("another")}, "400 InvalidToken", id="the token"),
        pytest.param({"region": "mars-1"}, "400 AuthorizationHeaderMalformed", id="the region"),
        pytest.param({"bucket": "another", "path_style": True}, "404 NoSuchBucket", id="the bucket"),
        pytest.param({"storage_class": "SHELF"}, "400 InvalidStorageClass", id="the class"),
        pytest.param({"prefix": "x" * 1_024}, "400 KeyTooLongError", id="a key that is too long"),
    ],
)
async def test_what_is_wrong_in_the_settings_blocks(bucket: Bucket, changed: dict[str, Any], code: str) -> None:
    if "path_style" in changed:
        bucket.sandbox.settings["path_style"] = True

    judgement = await bucket.put(**changed)

    assert isinstance(judgement, Blocked)
    assert judgement.reason.startswith(code)
    assert bucket.ids == []


@pytest.mark.parametrize("late_s", [TOLERANCE_S + 60, -TOLERANCE_S - 60])
async def test_a_clock_that_is_wrong_blocks(bucket: Bucket, late_s: int) -> None:
    clock = bucket.sandbox.now_s
    bucket.sandbox.now_s = lambda: clock() + late_s

    judgement = await bucket.put()

    assert isinstance(judgement, Blocked)
    assert "RequestTimeTooSkewed" in judgement.reason


async def test_a_large_object_is_refused(bucket: Bucket) -> None:
    bucket.sandbox.max_object_bytes = 600

    assert isinstance(await bucket.put(track("m-1"), track("m-2"), track("m-3"), gzip=False), Split)
    [verdict] = await bucket.put(track(properties={"long": "x" * 600}), gzip=False)  # type: ignore[misc]
    assert isinstance(verdict, Dead)


async def test_what_is_put_can_be_read_by_its_name() -> None:
    """By somebody who unpacks what is named so, and knows the object's bytes alone."""
    seen: list[bytes] = []

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        [length] = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        seen.extend([head, await reader.readexactly(length)])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with open_stand_in(PLUGIN) as stand_in, await asyncio.start_server(server, "127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        with pytest.raises(UnreadableAnswer):
            await Bucket(stand_in).put(base_url=url)

    head, body = seen
    assert b".ndjson.gz HTTP/1.1" in head
    assert b"content-encoding" not in head.lower()
    lines = gzip.decompress(body).splitlines(keepends=True)
    assert [orjson.loads(line) for line in lines] == [track().document]
    assert lines[0].endswith(b"\n")


def test_explain_says_that_it_is_signed_and_shows_no_key() -> None:
    rehearsal = Rehearsal(PLUGIN, PLUGIN.settings.model_validate(dict(PLUGIN.sandbox_settings)))
    [entry] = explain(track(), [rehearsal.destination])["destinations"]

    assert entry["requests"][0]["headers"]["Authorization"] == "AWS4-HMAC-SHA256 ********"
    assert "sandbox-secret" not in str(entry)
