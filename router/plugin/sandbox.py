"""The kit for sandboxes: stand-ins for vendors on loopback that enforce the vendor's rules and remember what they took.

A plugin's ``sandbox.py`` subclasses `Sandbox`, lists its routes, checks what the vendor checks and calls `accept` for each
item that the vendor would keep. All sandboxes share faults, recording and the control paths under ``/_sandbox/``:

    GET    /_sandbox/accepted?kind=contact   what was taken, oldest first
    GET    /_sandbox/requests                the last requests as they came in, with the status each got
    POST   /_sandbox/faults                  one `Fault` as JSON
    DELETE /_sandbox/faults                  healthy again
    PUT    /_sandbox/settings                which settings (credentials) are right from now on
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_KEPT_REQUESTS = 1_000
_KEPT_ITEMS = 200_000


class Fault(BaseModel):
    """One thing that goes wrong before the vendor's own logic runs or, with *after*, once it has run.

    Exactly one of *status*, *hang_s* and *reset* says what happens. Faults are tried in the order they were added; the first
    that fits a request is applied.
    """

    model_config = ConfigDict(extra="forbid")

    status: int | None = None
    """Answer this status with *body* and *headers*."""
    body: str = ""
    headers: dict[str, str] = {}
    hang_s: float | None = None
    """Wait this long, then go on as if nothing had happened."""
    reset: bool = False
    """Close the connection without an answer."""
    after: bool = False
    """Let the vendor's logic run first: the request is accepted, and the fault hits the answer."""
    path: str = ""
    """Only requests whose path contains this text."""
    contains: str = ""
    """Only requests whose body contains this text."""
    times: int | None = None
    """How often it is applied; None: always."""
    probability: float = 1.0
    seed: int = 0

    def fits(self, request: web.Request, body: str, chance: random.Random) -> bool:
        if self.times == 0 or self.path not in request.path or self.contains not in body:
            return False
        return self.probability >= 1 or chance.random() < self.probability


class RateWindow:
    """Counts how much came in the last *length_s* seconds. A sandbox keeps one for each of the vendor's limits."""

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._passed: deque[float] = deque()

    def used(self, now_s: float) -> int:
        while self._passed and self._passed[0] <= now_s - self._length_s:
            self._passed.popleft()
        return len(self._passed)

    def has_room(self, now_s: float, most: float) -> bool:
        """Whether one more fits into at most *most*. If so, it is counted."""
        if self.used(now_s) >= most:
            return False
        self._passed.append(now_s)
        return True

    def wait_s(self, now_s: float) -> float:
        """Seconds until the oldest no longer counts; the whole window if there is none."""
        return self._passed[0] + self._length_s - now_s if self._passed else self._length_s


class Sandbox:
    """The base of every stand-in. One instance is one vendor account. It keeps everything in memory, within bounds."""

    max_body_bytes: ClassVar[int] = 20_000_000

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        """*settings* are the correct ones (the plugin's ``sandbox_settings``). With *record*, each accepted item is also
        appended to that file as one line of JSON, flushed before the answer."""
        self.settings = dict(settings)
        self.accepted: deque[dict[str, Any]] = deque(maxlen=_KEPT_ITEMS)
        self.requests: deque[dict[str, Any]] = deque(maxlen=_KEPT_REQUESTS)
        self.faults: list[tuple[Fault, random.Random]] = []
        self._record = record.open("ab", buffering=0) if record else None

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """The vendor's routes: ``[web.post("/import", self.import_events), …]``.

        The stand-in's address takes the place of all that ``vendor_url`` returns, so a path in that is no part of a route.
        """
        raise NotImplementedError

    def accept(self, kind: str, item: Any, **facts: Any) -> None:
        """Remember *item* as accepted. *kind* is the vendor's word for it ("contact", "event"); *facts* are for tests."""
        entry = {"kind": kind, "item": item, **facts}
        self.accepted.append(entry)
        if self._record is not None:
            self._record.write(orjson.dumps({"at": time.time(), **entry}) + b"\n")

    def fail(self, fault: Fault) -> None:
        """Make the stand-in misbehave; see `Fault`."""
        self.faults.append((fault, random.Random(fault.seed)))

    def heal(self) -> None:
        self.faults.clear()

    def app(self) -> web.Application:
        """The application, to be served on loopback."""
        app = web.Application(middlewares=[self._middleware()], client_max_size=self.max_body_bytes)
        app.add_routes(
            [
                web.get("/_sandbox/accepted", self._get_accepted),
                web.get("/_sandbox/requests", self._get_requests),
                web.post("/_sandbox/faults", self._post_fault),
                web.delete("/_sandbox/faults", self._delete_faults),
                web.put("/_sandbox/settings", self._put_settings),
                *self.routes(),
            ]
        )
        return app

    def _middleware(self) -> Any:
        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith("/_sandbox/"):
                if "Origin" in request.headers:
                    return web.Response(status=403, text="a web page has no business here")
                return await handler(request)
            text = (await request.read()).decode("utf-8", "replace")
            fault = self._next_fault(request, text)
            response = None
            if fault is None or fault.after:
                response = await self._run(request, handler)
            if fault is not None:
                response = await self._apply(fault, request, handler, response)
            assert response is not None
            self.requests.append(
                {"method": request.method, "path": request.path_qs, "body": text[:10_000], "status": response.status}
            )
            return response

        return middleware

    async def _run(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error is request.match_info.http_exception:
                return web.Response(
                    status=error.status, text=f"this stand-in has no route for {request.method} {request.path}"
                )
            return web.Response(status=error.status, text=error.text, headers={"Content-Type": error.content_type})

    def _next_fault(self, request: web.Request, body: str) -> Fault | None:
        for fault, chance in self.faults:
            if fault.fits(request, body, chance):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    async def _apply(
        self, fault: Fault, request: web.Request, handler: Handler, response: web.StreamResponse | None
    ) -> web.StreamResponse:
        if fault.hang_s is not None:
            await asyncio.sleep(fault.hang_s)
            return response or await self._run(request, handler)
        if fault.reset and request.transport is not None:
            request.transport.abort()
        return web.Response(status=fault.status or 500, text=fault.body, headers=fault.headers)

    async def _get_accepted(self, request: web.Request) -> web.Response:
        kind = request.query.get("kind")
        return json_response([entry for entry in self.accepted if kind in (None, entry["kind"])])

    async def _get_requests(self, request: web.Request) -> web.Response:
        return json_response(list(self.requests))

    async def _post_fault(self, request: web.Request) -> web.Response:
        self.fail(Fault.model_validate_json(await request.read()))
        return json_response({"faults": len(self.faults)})

    async def _delete_faults(self, request: web.Request) -> web.Response:
        self.heal()
        return json_response({"faults": 0})

    async def _put_settings(self, request: web.Request) -> web.Response:
        self.settings.update(orjson.loads(await request.read()))
        return json_response({"settings": sorted(self.settings)})


def json_response(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")
