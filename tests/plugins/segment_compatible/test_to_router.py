"""To another router of ours: its own gateway, and no stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from plugins.segment_compatible import PLUGIN
from router.clock import SystemClock
from router.delivery.sending.http_send import HttpSend
from router.event import Event
from router.gateway.limits import Limits
from router.plugin import Again, BatchEndpoint, Blocked, Dead, Delivered, Judgement, Payload
from router.testing import Rehearsal, make_event
from router.testing.samples import RECEIVED_AT, SAMPLES
from tests.gateway.harness import KEY, Harness
from tests.plugins.segment_compatible.mapped import make_settings


class Line:
    """From this router to another one."""

    def __init__(self, other: Harness, send: HttpSend, rehearsal: Rehearsal) -> None:
        self.other = other
        self._send = send
        self._rehearsal = rehearsal

    async def forward(self, *events: Event) -> Judgement:
        payloads = [payload for event in events for _, _, payload in self._rehearsal.payloads(event)]
        return await self.post(payloads)

    async def post(self, payloads: list[Payload]) -> Judgement:
        [endpoint] = self._rehearsal.batch_endpoints
        assert isinstance(endpoint, BatchEndpoint)
        settings = self._rehearsal.settings
        request = endpoint.pack(payloads, settings)
        response = await self._send.send(request, endpoint.credentials(settings), payloads[0].key)
        return endpoint.judge(response, payloads, settings)


@asynccontextmanager
async def open_line(limits: Limits | None = None, **settings: Any) -> AsyncIterator[Line]:
    async with Harness(limits) as other:
        url = str(other.client.make_url("/")).rstrip("/")
        given = {"flavour": "trait_router", "url": url, "write_key": KEY, "router_name": "here", **settings}
        send = HttpSend((url,), 10.0, 1, SystemClock())
        try:
            yield Line(other, send, Rehearsal(PLUGIN, make_settings(**given)))
        finally:
            await send.close()


def renamed(event: Event, id: str) -> Event:
    return Event.of_document({**event.document, "messageId": id})


async def test_everything_that_one_router_takes_another_takes_as_well() -> None:
    events = [renamed(event, f"m-{number}") for number, event in enumerate(SAMPLES.values())]
    async with open_line(gzip=True) as line:
        line.other.now_s = RECEIVED_AT.timestamp() + 60
        assert await line.forward(*events) == [Delivered()] * len(events)

        for event, kept in zip(events, line.other.log.events, strict=True):
            for name in ("type", "messageId", "userId", "traits", "properties", "timestamp", "event", "groupId"):
                assert kept.get(name) == event.document.get(name), name


async def test_what_another_router_has_is_good_and_what_it_rejects_is_dead() -> None:
    async with open_line() as line:
        good = make_event("track", userId="u-17", event="E")
        assert await line.forward(good) == [Delivered()]

        judged = await line.post(
            [
                Payload({"type": "track", "userId": "u-17", "messageId": "m-1", "event": "E"}, key="m-1"),
                Payload({"type": "track", "userId": "u-17", "messageId": "m-2"}, key="m-2"),
                Payload({"type": "page", "userId": "u-17", "messageId": "m-3"}, key="m-3"),
            ]
        )

        assert isinstance(judged, list)
        assert [type(each) for each in judged] == [Delivered, Dead, Delivered]
        assert judged[1].reason.startswith("missing_event: event: expected")
        assert [event["messageId"] for event in line.other.log.events] == ["m-1", "m-3"]


async def test_what_another_router_has_no_room_for_in_one_batch_is_sent_again() -> None:
    """It may have a `server.max_events` of its own, which none of the events is at fault for."""
    events = [make_event("track", userId="u-17", event="E", messageId=f"m-{number}") for number in range(3)]
    async with open_line(limits=Limits(max_events=2)) as line:
        judged = await line.forward(*events)

        assert judged == [Delivered(), Delivered(), Again()]
        assert await line.forward(events[2]) == [Delivered()]
        assert [event["messageId"] for event in line.other.log.events] == ["m-0", "m-1", "m-2"]


async def test_a_wrong_key_blocks() -> None:
    async with open_line(write_key="another") as line:
        assert isinstance(await line.forward(make_event("page", userId="u-17")), Blocked)


async def test_two_routers_that_forward_to_each_other_stop() -> None:
    async with open_line() as line:
        await line.forward(make_event("track", userId="u-17", event="E"))
        [arrived] = line.other.log.events
        there, back = (Rehearsal(PLUGIN, make_settings(router_name=name)) for name in ("there", "here"))

        [sent_back] = there.map(Event.of_document(arrived))
        [refused] = back.map(make_event("track", **{**sent_back.payloads[0].body, "type": "track"}))

        assert sent_back.payloads[0].body["context"]["forwardedBy"] == ["here", "there"]
        assert "has been here before" in refused.skipped
