"""The gateway's routes, and the order in which a request is taken: key, body, calls, log, receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from traceback import format_exc

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry

from router.event import EVENT_TYPES, Document, EventType
from router.gateway.admission import Admitted, Calls, admit, read_batch, read_single
from router.gateway.authentication import Keyring, Presented, SourceKeys, presented_keys
from router.gateway.body import HeldBytes, read_body
from router.gateway.document import parse_document
from router.gateway.health import health_response, ready_response
from router.gateway.limits import Limits
from router.gateway.metrics import GatewayMetrics
from router.gateway.receipt import accepted_receipt, batch_receipt, rejected_receipt
from router.gateway.refusal import RefusalCode, Refused, json_response
from router.gateway.server import make_runner
from router.log.interface import Log, LogFull
from router.log.record import Appended, Entry

LOG_FULL_RETRY_AFTER_S = 10
"""Room comes when a segment is given up; SDKs that honour the header wait up to 300 s."""
STOPPING_RETRY_AFTER_S = 2
"""About what a restart takes."""

_LARGE_BODY_BYTES = 256_000
_CODES = {404: RefusalCode.NOT_FOUND, 405: RefusalCode.METHOD_NOT_ALLOWED}

Read = Callable[[Document], Calls]


@dataclass(frozen=True, slots=True)
class _Setup:
    """What a reload changes. A request keeps the one it began with."""

    keyring: Keyring
    limits: Limits


class Gateway:
    """The public port: takes calls into *log*. It owns neither the log nor the port."""

    def __init__(
        self,
        log: Log,
        sources: Mapping[str, SourceKeys],
        limits: Limits,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        *,
        metrics: CollectorRegistry,
        stuck: Callable[[], Sequence[str]] = tuple,
        obstacles: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """
        Args:
            sources: by name.
            clock: gives Unix seconds.
            new_id: makes a ``messageId``, at most 100 characters.
            metrics: where the counters live; one gateway a registry.
            stuck: names what inside the router is stuck, for ``/health``. Cheap; called at each request.
            obstacles: names what, besides this gateway and its log, keeps events from being taken, for ``/ready``.

        Raises:
            ValueError: two sources have the same write key.
        """
        self._log = log
        self._clock = clock
        self._new_id = new_id
        self._stuck = stuck
        self._obstacles = obstacles
        self._metrics = GatewayMetrics(metrics)
        self._logger = structlog.get_logger()
        self._held = HeldBytes()
        self._large_body = asyncio.Lock()
        self._under_way = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._is_closing = False
        self._log_full_at_s: float | None = None
        self.configure(sources, limits)

    def configure(self, sources: Mapping[str, SourceKeys], limits: Limits) -> None:
        """Use these from the next request on; those under way keep what they began with.

        Raises:
            ValueError: two sources have the same write key; nothing was changed.
        """
        self._setup = _Setup(Keyring(sources), limits)
        self._metrics.show_sources(sources)

    def app(self) -> web.Application:
        """The routes. Serve them with `runner`: they read compressed bodies themselves."""
        app = web.Application(middlewares=[self._answer])
        app.router.add_get("/health", self._health)
        app.router.add_get("/ready", self._ready)
        for kind in EVENT_TYPES:
            self._add_ingest(app, f"/v1/{kind}", partial(self._take_single, kind=kind))
        self._add_ingest(app, "/v1/batch", self._take_batch)
        return app

    def _add_ingest(self, app: web.Application, path: str, handler: Handler) -> None:
        """With and without a slash at its end, never by a redirect: SDKs follow one without the body.

        Source: facts/ingest-protocol.md section 1, point 3.
        """
        app.router.add_post(path, handler)
        app.router.add_post(path + "/", handler)

    def runner(self, shutdown_timeout_s: float = 10.0) -> web.AppRunner:
        """A server for `app`; see `make_runner`. Clean it up after `close`."""
        return make_runner(self.app(), shutdown_timeout_s)

    async def close(self) -> None:
        """Refuse new requests, and return when those under way have their answer. The log can be closed then."""
        self._is_closing = True
        await self._is_idle.wait()

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Give every request an answer of ours, errors included."""
        try:
            response = await handler(request)
        except Refused as refused:
            response = self._refuse(refused)
        except web.HTTPException as error:
            code = _CODES.get(error.status, f"http_{error.status}")
            response = self._refuse(Refused(error.status, code, error.reason.lower()))
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        except Exception:
            # The route and not the path: an address can have a write key in it.
            resource = request.match_info.route.resource
            route = resource.canonical if resource else ""
            # As text: some renderers show the local variables of each frame, and the request's headers are among them.
            self._logger.error("A request failed by a fault of the router.", route=route, traceback=format_exc())
            message = "a fault of the router, which has a record of it; try again later"
            response = self._refuse(Refused(500, RefusalCode.INTERNAL, message, is_last=True))
        if self._is_closing:
            response.force_close()
        return response

    def _refuse(self, refused: Refused) -> web.StreamResponse:
        self._metrics.count_refusal(refused.code)
        return refused.response()

    async def _health(self, request: web.Request) -> web.StreamResponse:
        return health_response(self._stuck())

    async def _ready(self, request: web.Request) -> web.StreamResponse:
        obstacles = list(self._obstacles())
        if self._is_closing:
            obstacles.append("stopping")
        # Not for ever: if nothing were sent here any more, nobody would find out that there is room again.
        if self._log_full_at_s is not None and self._clock() - self._log_full_at_s < LOG_FULL_RETRY_AFTER_S:
            obstacles.append("the log is full")
        return ready_response(obstacles)

    async def _take_single(self, request: web.Request, kind: EventType) -> web.StreamResponse:
        sent_at = request.headers.get("SentAt")
        admitted, appended = await self._take(request, lambda document: read_single(document, kind, sent_at))
        if admitted.rejections:
            return json_response(rejected_receipt(admitted.rejections[0]), 400)
        return json_response(accepted_receipt(admitted.entries[0].message_id, appended[0]))

    async def _take_batch(self, request: web.Request) -> web.StreamResponse:
        sent_at = request.headers.get("SentAt")
        admitted, appended = await self._take(request, lambda document: read_batch(document, sent_at))
        return json_response(batch_receipt(appended, admitted.rejections))

    async def _take(self, request: web.Request, read: Read) -> tuple[Admitted, Sequence[Appended]]:
        """Take a request into the log; it is durable when this returns.

        Raises:
            Refused: nothing was taken.
        """
        if self._is_closing:
            message = "the router is stopping; try again soon"
            raise Refused(503, RefusalCode.STOPPING, message, retry_after_s=STOPPING_RETRY_AFTER_S, is_last=True)
        setup = self._setup
        self._under_way += 1
        self._is_idle.clear()
        try:
            source = setup.keyring.find(presented_keys(Presented(request.headers)))
            received_at_s = self._clock()  # before the body, whose way takes time: it is compared with sentAt
            with self._held.lease(setup.limits.max_held_bytes) as lease:
                body = await read_body(request, setup.limits, lease)
                # Read, a body takes many times its size: of the large ones only one at a time is.
                async with self._large_body if len(body) > _LARGE_BODY_BYTES else nullcontext():
                    calls = read(parse_document(body))
                    size = len(body)
                    del body
                    admitted = await admit(calls, size, source, received_at_s, self._new_id, setup.limits)
                    del calls
                appended = await self._append(admitted.entries)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._is_idle.set()
        self._metrics.count_receipt(source, appended, admitted.rejections, admitted.mended)
        return admitted, appended

    async def _append(self, entries: Sequence[Entry]) -> Sequence[Appended]:
        if not entries:
            return ()
        try:
            appended = await self._log.append(entries)
        except LogFull:
            if self._log_full_at_s is None:
                self._logger.error("The log is full; sources are answered 503 until there is room.")
            self._log_full_at_s = self._clock()
            message = "there is no room to store events; try again later"
            raise Refused(503, RefusalCode.LOG_FULL, message, retry_after_s=LOG_FULL_RETRY_AFTER_S) from None
        if self._log_full_at_s is not None:
            self._log_full_at_s = None
            self._logger.info("The log has room again.")
        return appended
