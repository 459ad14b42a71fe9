"""A plugin's stand-in on loopback, and a client for it that sends raw requests, to test the vendor's rules, or sends as the
core does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from router.clock import SystemClock
from router.delivery.sending.http_send import HttpSend
from router.destination import write_payload
from router.event import Event
from router.plugin import (
    BatchEndpoint,
    Blocked,
    ConversationEndpoint,
    Endpoint,
    Judgement,
    Payload,
    Plugin,
    PluginSettings,
    Response,
    Step,
)
from router.plugin.sandbox import Sandbox
from router.testing.rehearsal import Rehearsal

_TIMEOUT_S = 10.0


class StandIn:
    """A running sandbox. Made by `open_stand_in`."""

    def __init__(
        self, sandbox: Sandbox, rehearsal: Rehearsal, url: str, send: HttpSend, session: aiohttp.ClientSession
    ) -> None:
        self.sandbox: Any = sandbox
        """The sandbox itself; `Any`, so that tests can use what its own class has."""
        self.rehearsal = rehearsal
        self.url = url
        self._send = send
        self._session = session

    @property
    def settings(self) -> PluginSettings:
        return self.rehearsal.settings

    def accepted(self, kind: str | None = None) -> list[Any]:
        """The items that it has accepted, oldest first: all, or those of one *kind*."""
        return [entry["item"] for entry in self.sandbox.accepted if kind in (None, entry["kind"])]

    async def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send one raw request, with nothing added. Bytes are sent as they are, any other *body* as JSON. *path* may hold a
        query."""
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        sent = {"Content-Type": "application/json", **(headers or {})}
        async with self._session.request(method, self.url + path, data=data, headers=sent) as answer:
            names = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status, await answer.read(), names)

    async def deliver(self, *events: Event) -> dict[str, list[Judgement]]:
        """Map *events*, and send and judge as the core does, with credentials. Returns the judgements of each answer, by
        action.

        Payloads of one action share a request where they may, up to the endpoint's ``max_events``.
        """
        waiting: dict[str, list[tuple[Endpoint, Payload]]] = {}
        for event in events:
            for action, endpoint, payload in self.rehearsal.payloads(event):
                waiting.setdefault(action, []).append((endpoint, payload))
        return {
            action: [await self._deliver(batch[0][0], [payload for _, payload in batch]) for batch in _batches(items)]
            for action, items in waiting.items()
        }

    async def send(self, endpoint: str, *payloads: Payload) -> Judgement:
        """Send *payloads* together to the endpoint of that name, as the core does, and judge the answer."""
        return await self._deliver(self.rehearsal.destination.endpoints[endpoint], payloads)

    async def check_credentials(self) -> Response | None:
        """Try the credentials as ``router check --live`` does. Returns the answer if it refuses them; None if it does not, or
        if they can't be tried."""
        destination = self.rehearsal.destination
        calls, check = destination.calls, destination.plugin.credential_check
        if check is None or not calls.can_check(check):
            return None
        credentials = calls.credentials(destination.endpoints[check.endpoint])
        answer = await self._send.send(calls.check_request(check), credentials, "")
        return None if calls.is_good(check, answer) else answer

    async def _deliver(self, endpoint: Endpoint, payloads: Sequence[Payload]) -> Judgement:
        calls = self.rehearsal.destination.calls
        credentials = calls.credentials(endpoint)
        if isinstance(endpoint, BatchEndpoint):
            payloads = [write_payload(payload, endpoint).payload for payload in payloads]
            request = calls.pack(endpoint, payloads)
            return calls.judge(endpoint, await self._send.send(request, credentials, payloads[0].key), payloads)
        assert isinstance(endpoint, ConversationEndpoint)
        [payload] = payloads
        talk = calls.converse(endpoint, payload)
        try:
            said = talk.next()
            while isinstance(said, Step):
                said = talk.next(await self._send.send(said.request, credentials, payload.key))
        finally:
            talk.close()
        return said if isinstance(said, Blocked) else [said]


def _batches(items: Sequence[tuple[Endpoint, Payload]]) -> list[list[tuple[Endpoint, Payload]]]:
    batches: list[list[tuple[Endpoint, Payload]]] = []
    for endpoint, payload in items:
        most = endpoint.max_events if isinstance(endpoint, BatchEndpoint) else 1
        if batches and len(batches[-1]) < most and batches[-1][0][1].group == payload.group:
            batches[-1].append((endpoint, payload))
        else:
            batches.append([(endpoint, payload)])
    return batches


def sandbox_class(plugin: Plugin) -> type[Sandbox]:
    assert plugin.sandbox, 'there is no stand-in: declare sandbox="package.module:Class"'
    module, _, name = plugin.sandbox.partition(":")
    found: type[Sandbox] = getattr(import_module(module), name)
    return found


@asynccontextmanager
async def open_stand_in(plugin: Plugin, **settings: Any) -> AsyncIterator[StandIn]:
    """Serve *plugin*'s stand-in for the length of a test. *settings* are laid over the plugin's ``sandbox_settings``."""
    given = {**plugin.sandbox_settings, **settings}
    sandbox = sandbox_class(plugin)(given)
    runner = web.AppRunner(sandbox.app(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        rehearsal = Rehearsal(plugin, plugin.settings.model_validate({**given, "base_url": url}))
        send = HttpSend((url,), _TIMEOUT_S, 2, SystemClock())
        try:
            async with aiohttp.ClientSession() as session:
                yield StandIn(sandbox, rehearsal, url, send, session)
        finally:
            await send.close()
    finally:
        await runner.cleanup()
