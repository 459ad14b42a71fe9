"""A proxy in front of the router that goes wrong as scripted, and then forwards."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from typing import Any, Final

import aiohttp
from aiohttp import web

from tests.sdks.router_process import until

_HOP_BY_HOP: Final = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive"})


@dataclass(frozen=True)
class Fault:
    """What happens to one POST instead of being forwarded."""

    status: int | None = None
    """None cuts the connection."""
    retry_after_s: int | None = None


CUT: Final = Fault()


class FaultyProxy:
    """Its *faults* meet the first POSTs, in their order; other methods, preflights among them, are always forwarded.

    It can also hold answers back (`hold_after`): the router has such an event, and its client does not know.

    A router that cannot be reached shows to the client as a cut connection. The ``Host`` header stays what the client sent, as
    with a proxy set up by the book: settings documents then name the proxy.
    """

    def __init__(self, target: Callable[[], str], faults: Iterable[Fault] = ()) -> None:
        """*target* is asked for the router's address at each request: after a restart it is another."""
        self.url = ""
        self.faults = deque(faults)
        self.statuses: list[int | None] = []
        """Of every POST so far, in the order of the answers; None is a cut connection."""
        self.forwarded_bodies: list[bytes] = []
        """Of every POST that went on to the router, as it came, from before it went."""
        self.answered_bodies: list[bytes] = []
        """Of every POST whose 200 went on to the client."""
        self.held_bodies: list[bytes] = []
        """Of every POST that the router answered with 200 and whose answer is held back, or was."""
        self._answers_let_through: float = inf
        self._released = asyncio.Event()
        self._target = target
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(auto_decompress=False, connector=aiohttp.TCPConnector(limit=0))
        app = web.Application(client_max_size=100_000_000)
        app.router.add_route("*", "/{path:.*}", self._take)
        # Bodies and their encodings go through as they are.
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        assert self._runner is not None
        assert self._session is not None
        await self._runner.cleanup()
        await self._session.close()

    def hold_after(self, answers: int) -> None:
        """Let so many more answers to POSTs through, and hold back those that follow, until `release`."""
        self._answers_let_through = answers
        self._released.clear()

    def release(self) -> None:
        """Send what is held back, to whoever is still there, and hold nothing back any longer."""
        self._answers_let_through = inf
        self._released.set()

    async def answered(self, status: int | None) -> None:
        """Wait until some POST was answered so."""
        await self.shows(lambda: status in self.statuses)

    async def shows(self, condition: Callable[[], bool]) -> None:
        """Wait until *condition* holds, which looks at what is recorded here."""

        async def is_so() -> bool:
            return condition()

        await until(is_so, self._describe)

    async def _describe(self) -> dict[str, Any]:
        return {"statuses": self.statuses, "held": len(self.held_bodies), "answered": len(self.answered_bodies)}

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.method == "POST" and self.faults:
            return self._spoil(request, self.faults.popleft())
        assert self._session is not None
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP]
        url = self._target() + request.raw_path
        if request.method == "POST":
            self.forwarded_bodies.append(body)
        try:
            async with self._session.request(
                request.method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                answer = web.Response(status=response.status, body=await response.read())
                for name, value in response.headers.items():
                    if name.lower() not in _HOP_BY_HOP:
                        answer.headers[name] = value
        except aiohttp.ClientError:
            return self._spoil(request, CUT)
        if request.method == "POST":
            await self._let_through(request, body, answer.status)
        return answer

    async def _let_through(self, request: web.Request, body: bytes, status: int) -> None:
        self._answers_let_through -= 1
        if self._answers_let_through < 0:
            if status == 200:
                self.held_bodies.append(body)
            await self._released.wait()
        if status == 200 and request.transport is not None:  # somebody is still there
            self.answered_bodies.append(body)
        self.statuses.append(status)

    def _spoil(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        self.statuses.append(fault.status)
        if fault.status is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        response = web.json_response({"code": "scripted", "message": "scripted"}, status=fault.status)
        if fault.retry_after_s is not None:
            response.headers["Retry-After"] = str(fault.retry_after_s)
        # As the router answers a browser, errors included: facts/ingest-protocol.md, section 5.
        if "Origin" in request.headers:
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Allow-Credentials"] = "true"
            response.headers["Access-Control-Expose-Headers"] = "Retry-After"
            response.headers["Vary"] = "Origin"
        return response
