"""The stand-in: each answer a receiver may give, drawn; and what the plugin makes is accepted, over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer

from plugins.webhook import PLUGIN
from plugins.webhook.sandbox import TOLERANCE_S, WebhookSandbox
from plugins.webhook.settings import Settings
from router.clock import SystemClock
from router.delivery.sending.credentials import add_credentials
from router.delivery.sending.http_send import HttpSend
from router.delivery.sending.send import SendFailed
from router.event import Event
from router.plugin import Blocked, Dead, Delivered, Judgement, Later, Split
from router.plugin.sandbox import Fault
from router.testing.samples import SAMPLES
from tests.plugins.webhook.samples import (
    BODY,
    ENDPOINT,
    NOW_S,
    OTHER_STANDARD_SECRET,
    SECRET,
    STANDARD_SECRET,
    payload_of,
    track,
)

GIVEN = {"url": "https://hooks.example.test/in"}
SIGNING: dict[str, dict[str, Any]] = {
    "none": {},
    "standard": {"signing_secret": STANDARD_SECRET},
    "standard, two secrets": {"signing_secret": OTHER_STANDARD_SECRET, "previous_signing_secret": STANDARD_SECRET},
    "segment": {"signing": "segment", "signing_secret": SECRET},
    "customerio": {"signing": "customerio", "signing_secret": SECRET},
    "timestamped": {"signing": "timestamped", "signing_secret": SECRET, "signature_header": "Acme-Signature"},
}
AUTH: dict[str, dict[str, Any]] = {
    "none": {},
    "basic": {"auth": "basic", "username": "ada", "password": "p:w"},
    "bearer": {"auth": "bearer", "token": "t-1"},
    "api_key": {"auth": "api_key", "api_key": "k-1", "api_key_header": "X-Acme"},
    "oauth2": {
        "auth": "oauth2",
        "token_url": "https://login.example.test/oauth/token",
        "client_id": "client",
        "client_secret": "s-1",
        "scope": "events:write",
    },
}
WRONG = {"basic": "password", "bearer": "token", "api_key": "api_key", "oauth2": "client_secret"}


class Receiver:
    """One stand-in behind a socket."""

    def __init__(self, sandbox: WebhookSandbox, client: TestClient[Any, Any], url: str) -> None:
        self.sandbox = sandbox
        self.client = client
        self.url = url

    def accepts(self, **given: Any) -> Settings:
        """Settings that are right: the stand-in is told the same."""
        self.sandbox.settings = {**GIVEN, **given}
        return Settings.model_validate({**GIVEN, **given, "base_url": self.url})

    async def deliver(self, settings: Settings, *events: Event) -> Judgement:
        """As the core does it: pack, credentials, send, judge."""
        payloads = [payload_of(event, settings) for event in events]
        send = HttpSend((self.url,), 5.0, 1, SystemClock())
        try:
            request = ENDPOINT.pack(payloads, settings)
            response = await send.send(request, ENDPOINT.credentials(settings), payloads[0].key)
        finally:
            await send.close()
        return ENDPOINT.judge(response, payloads, settings)

    async def post(
        self, body: bytes = BODY, path: str = "/in", method: str = "POST", **headers: str
    ) -> tuple[int, Any]:
        """A request as any sender might make it."""
        sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.request(method, path, data=body, headers=sent) as response:
            return response.status, response.headers

    def signed(self, settings: Settings, now_s: int = NOW_S) -> dict[str, str]:
        """The headers of a signature over the one event of `BODY`."""
        request = ENDPOINT.pack([payload_of(track())], settings)
        headers = add_credentials(request, ENDPOINT.credentials(settings), {}, "m-1", now_s)[1]
        return {name: value for name, value in headers.items() if name != "Content-Type"}

    @property
    def events(self) -> list[Any]:
        return [entry["item"] for entry in self.sandbox.accepted]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    sandbox = WebhookSandbox(GIVEN)
    server = TestServer(sandbox.app())
    async with TestClient(server) as client:
        yield Receiver(sandbox, client, str(server.make_url("")).rstrip("/"))


# --- what the plugin makes is accepted ---


@pytest.mark.parametrize("batch_size", [1, 10])
@pytest.mark.parametrize("signing", SIGNING)
@pytest.mark.parametrize("auth", AUTH)
async def test_what_is_sent_is_accepted(receiver: Receiver, auth: str, signing: str, batch_size: int) -> None:
    settings = receiver.accepts(**AUTH[auth], **SIGNING[signing], batch_size=batch_size)
    events = [track(f"m-{number}", properties={"é": 1.0, "]": '"'}) for number in range(batch_size)]

    verdicts = await receiver.deliver(settings, *events)

    assert verdicts == [Delivered()] * batch_size
    assert receiver.events == [event.document for event in events]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_every_method_is_accepted(receiver: Receiver, method: str) -> None:
    assert await receiver.deliver(receiver.accepts(method=method), track()) == [Delivered()]


async def test_every_sample_event_is_accepted_unchanged(receiver: Receiver) -> None:
    settings = receiver.accepts(**SIGNING["standard"])
    events = [
        Event.of_document({**event.document, "messageId": f"m-{number}"})
        for number, event in enumerate(SAMPLES.values())
    ]

    verdicts = [await receiver.deliver(settings, event) for event in events]

    assert verdicts == [[Delivered()]] * len(events)
    assert receiver.events == [event.document for event in events]


@pytest.mark.parametrize("signing", ["none", "standard"])
async def test_a_second_attempt_is_answered_as_good_and_kept_once(receiver: Receiver, signing: str) -> None:
    """Promise 4: its id is the same, although time and signature are new."""
    settings = receiver.accepts(**SIGNING[signing])
    receiver.sandbox.fail(Fault(status=503, after=True, times=1))

    verdicts = [await receiver.deliver(settings, track()) for _ in range(2)]

    assert verdicts == [[Later("503")], [Delivered()]]
    assert receiver.events == [track().document]
    assert receiver.sandbox.repeats == 1


async def test_a_batch_put_together_anew_loses_nothing(receiver: Receiver) -> None:
    """After a restart more events may travel with those whose answer was lost; their request is another one."""
    settings = receiver.accepts(**SIGNING["standard"], batch_size=10)

    await receiver.deliver(settings, track("a"), track("b"))
    await receiver.deliver(settings, track("a"), track("b"), track("c"))

    assert [event["messageId"] for event in receiver.events] == ["a", "b", "c"]


# --- who is it? ---


@pytest.mark.parametrize("auth", WRONG)
async def test_a_changed_credential_blocks_the_destination(receiver: Receiver, auth: str) -> None:
    settings = receiver.accepts(**AUTH[auth])
    receiver.sandbox.settings[WRONG[auth]] = "changed"
    is_blocked = await blocks(receiver, settings)

    assert is_blocked
    assert receiver.events == []


async def blocks(receiver: Receiver, settings: Settings) -> bool:
    """Whether an event is refused in a way that stops the destination: by a 401, or by a token that is not given out."""
    try:
        return isinstance(await receiver.deliver(settings, track()), Blocked)
    except SendFailed as error:
        return "answered 401" in str(error)


@pytest.mark.parametrize("auth", ["basic", "bearer", "api_key", "oauth2"])
@pytest.mark.parametrize("header", ["", "nonsense", "Basic !!!", "Bearer ", "Basic YWRh"])
async def test_missing_and_odd_credentials_get_401(receiver: Receiver, auth: str, header: str) -> None:
    receiver.accepts(**AUTH[auth])

    status, _ = await receiver.post(Authorization=header)

    assert status == 401


@pytest.mark.parametrize(
    ("form", "status"),
    [
        (b"grant_type=client_credentials&scope=events%3Awrite", 200),
        (b"grant_type=password&scope=events%3Awrite", 400),
        (b"grant_type=client_credentials&scope=all", 400),
        (b"", 400),
    ],
    ids=["right", "another grant", "another scope", "nothing"],
)
async def test_a_token_is_given_for_client_credentials_only(receiver: Receiver, form: bytes, status: int) -> None:
    receiver.accepts(**AUTH["oauth2"])

    found, _ = await receiver.post(form, "/oauth/token", Authorization="Basic Y2xpZW50OnMtMQ==")

    assert found == status


# --- is it what was sent? ---


@pytest.mark.parametrize("signing", [name for name in SIGNING if name != "none"])
async def test_another_secret_blocks_the_destination(receiver: Receiver, signing: str) -> None:
    settings = receiver.accepts(**SIGNING[signing])
    is_standard = signing.startswith("standard")
    receiver.sandbox.settings["signing_secret"] = "whsec_" + "QUJD" * 8 if is_standard else "changed"

    assert isinstance(await receiver.deliver(settings, track()), Blocked)
    assert receiver.events == []


async def test_the_previous_secret_is_still_understood(receiver: Receiver) -> None:
    """While a secret is being changed, a receiver that only knows the old one goes on."""
    settings = receiver.accepts(**SIGNING["standard, two secrets"])
    receiver.sandbox.settings = {**GIVEN, **SIGNING["standard"]}

    assert await receiver.deliver(settings, track()) == [Delivered()]


@pytest.mark.parametrize("signing", [name for name in SIGNING if name != "none"])
async def test_a_body_that_was_changed_on_its_way_gets_401(receiver: Receiver, signing: str) -> None:
    """One blank is enough: the raw bytes count."""
    settings = receiver.accepts(**SIGNING[signing])
    receiver.sandbox.now_s = lambda: NOW_S
    body = orjson.dumps(track().document)
    right, _ = await receiver.post(body, **receiver.signed(settings))
    changed, _ = await receiver.post(body.replace(b"{", b"{ ", 1), **receiver.signed(settings))

    assert (right, changed) == (200, 401)


@pytest.mark.parametrize(("late_s", "status"), [(0, 200), (TOLERANCE_S, 200), (-TOLERANCE_S, 200)])
@pytest.mark.parametrize("signing", ["standard", "customerio", "timestamped"])
async def test_a_signature_is_good_for_a_while(receiver: Receiver, signing: str, late_s: int, status: int) -> None:
    assert await _status_of_a_stamp(receiver, signing, late_s) == status


@pytest.mark.parametrize("late_s", [TOLERANCE_S + 1, -TOLERANCE_S - 1, 86_400])
@pytest.mark.parametrize("signing", ["standard", "customerio", "timestamped"])
async def test_a_signature_of_another_time_gets_401(receiver: Receiver, signing: str, late_s: int) -> None:
    assert await _status_of_a_stamp(receiver, signing, late_s) == 401


async def _status_of_a_stamp(receiver: Receiver, signing: str, late_s: int) -> int:
    settings = receiver.accepts(**SIGNING[signing])
    receiver.sandbox.now_s = lambda: NOW_S + late_s
    status, _ = await receiver.post(orjson.dumps(track().document), **receiver.signed(settings))
    return status


@pytest.mark.parametrize("signing", [name for name in SIGNING if name != "none"])
async def test_a_request_without_a_signature_gets_401(receiver: Receiver, signing: str) -> None:
    receiver.accepts(**SIGNING[signing])

    assert (await receiver.post())[0] == 401


@pytest.mark.parametrize("stamp", ["", "now", "-1", "1e9", "9" * 400, "١٢٣"], ids=ascii)
async def test_an_odd_time_gets_401(receiver: Receiver, stamp: str) -> None:
    receiver.accepts(**SIGNING["timestamped"])

    assert (await receiver.post(Acme_Signature=f"t={stamp},v1=00"))[0] == 401


# --- where, how and how much ---


async def test_another_path_gets_404_and_is_permanent(receiver: Receiver) -> None:
    settings = receiver.accepts().model_copy(update={"url": "https://hooks.example.test/elsewhere"})

    [verdict] = verdicts(await receiver.deliver(settings, track()))

    assert verdict == Dead('404 {"error": "there is nothing here"}')


async def test_another_method_gets_405_and_blocks(receiver: Receiver) -> None:
    """No event is at fault for the setting ``method``."""
    settings = receiver.accepts().model_copy(update={"method": "PUT"})

    assert isinstance(await receiver.deliver(settings, track()), Blocked)


async def test_another_content_type_gets_415(receiver: Receiver) -> None:
    assert (await receiver.post(Content_Type="text/plain"))[0] == 415


async def test_a_large_batch_gets_413_and_is_halved(receiver: Receiver) -> None:
    settings = receiver.accepts(batch_size=10)
    receiver.sandbox.max_request_bytes = 500

    judgement = await receiver.deliver(settings, *(track(f"m-{number}") for number in range(5)))

    assert isinstance(judgement, Split)


async def test_too_many_requests_get_429_with_a_time_to_wait(receiver: Receiver) -> None:
    receiver.sandbox.requests_per_s = 1
    receiver.sandbox.now_s = lambda: NOW_S
    receiver.sandbox.retry_after_s = 7

    (first, _), (second, headers) = [await receiver.post(Idempotency_Key=key) for key in ("a", "b")]

    assert (first, second) == (200, 429)
    assert headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"7", b"[]", b"[7]", b"{}", b'{"type":"track"}', b'{"type":"sing","messageId":"m"}', b"\xff"],
    ids=ascii,
)
async def test_what_is_no_event_gets_400(receiver: Receiver, body: bytes) -> None:
    assert (await receiver.post(body))[0] == 400


async def test_an_id_with_a_dot_gets_400(receiver: Receiver) -> None:
    assert (await receiver.post(Idempotency_Key="a.b"))[0] == 400


async def test_an_event_known_from_another_request_is_kept_once(receiver: Receiver) -> None:
    statuses = [(await receiver.post(Idempotency_Key=key))[0] for key in ("a", "b")]

    assert statuses == [200, 200]
    assert len(receiver.events) == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, Delivered) for status in (200, 201, 202, 204, 299)),
        *((status, Blocked) for status in (301, 302, 307, 308, 401, 403, 405, 410, 415)),
        *((status, Dead) for status in (400, 404, 409, 422, 501)),
        *((status, Later) for status in (408, 425, 429, 500, 502, 503, 504)),
        (413, Split),
    ],
)
async def test_an_answer_the_operator_asks_for_is_read_rightly(receiver: Receiver, status: int, expected: type) -> None:
    """Through the faults that every stand-in has, for what this one has no reason to answer by itself."""
    receiver.sandbox.fail(Fault(status=status, body="<html>", headers={"Location": "https://elsewhere.example.test/"}))

    judgement = await receiver.deliver(receiver.accepts(), track())

    assert isinstance(judgement[0] if isinstance(judgement, Sequence) else judgement, expected)


async def test_memory_is_bounded(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.webhook.sandbox._KEPT_IDS", 2)

    await asyncio.gather(*(receiver.deliver(receiver.accepts(), track(f"m-{number}")) for number in range(4)))

    assert len(receiver.sandbox._message_ids) == 2


def verdicts(judgement: Judgement) -> Sequence[Any]:
    assert isinstance(judgement, Sequence)
    return judgement


def test_its_own_settings_are_right() -> None:
    assert Settings.model_validate(dict(PLUGIN.sandbox_settings)).is_signed
