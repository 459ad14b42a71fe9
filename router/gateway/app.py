"""The gateway: its routes, and what each answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from traceback import format_exc
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry

from router.event import EventType
from router.gateway import openapi, routes
from router.gateway.answer import json_response
from router.gateway.authentication import keys_in_head, presented
from router.gateway.calls import read_batch, read_single
from router.gateway.cors import preflight_headers
from router.gateway.crowd import Crowd
from router.gateway.health import health_response, ready_response
from router.gateway.intake import Intake
from router.gateway.limits import Limits
from router.gateway.metrics import GatewayMetrics
from router.gateway.receipt import Forgotten, accepted_json, batch_receipt, rejected_receipt, suppressed_receipt
from router.gateway.refusal import RefusalCode, Refused
from router.gateway.server import make_runner
from router.gateway.settings_document import cache_control, project_settings, source_config
from router.gateway.setup import Setup
from router.gateway.source import Source
from router.gateway.surroundings import PublicAddress, Surroundings
from router.log.interface import Log
from router.rejected import RejectedCall
from router.suppressed import Suppressed

_CODES = {404: RefusalCode.NOT_FOUND, 405: RefusalCode.METHOD_NOT_ALLOWED}
_BARE: Final = Surroundings()


class Gateway:
    """The public port: takes calls into the log. It owns neither the log nor the port."""

    def __init__(
        self,
        log: Log,
        sources: Mapping[str, Source],
        limits: Limits,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        *,
        metrics: CollectorRegistry,
        surroundings: Surroundings = _BARE,
        keep_rejected: Callable[[Sequence[RejectedCall]], None] = lambda calls: None,
        stuck: Callable[[], Sequence[str]] = tuple,
        obstacles: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """
        Args:
            sources: by name.
            clock: returns Unix seconds.
            new_id: makes a ``messageId`` of at most 100 characters.
            metrics: the registry for the counters. One gateway per registry.
            surroundings: the proxies in front, and the address under which browsers know the gateway.
            keep_rejected: receives the calls that are not events, for an operator to see. It neither waits nor raises.
            stuck: names what is stuck inside the router, for ``/health``. Cheap; called for each request.
            obstacles: names what keeps events from being taken, besides this gateway and its log, for ``/ready``.

        Raises:
            ValueError: two sources have the same write key.
        """
        self._stuck = stuck
        self._obstacles = obstacles
        self._metrics = GatewayMetrics(metrics)
        self._logger = structlog.get_logger()
        self._intake = Intake(log, clock, new_id, self._metrics, keep_rejected)
        self._has_warned_of_host = False
        self._is_draining = False
        self._takers = self._make_takers()
        self.configure(sources, limits, surroundings)
        self._crowd = Crowd(
            lambda: self._setup.limits,
            self._metrics.count_lost_connection,
            self._metrics.count_refusal,
        )
        self._metrics.watch_connections(self._crowd.__len__)

    def configure(self, sources: Mapping[str, Source], limits: Limits, surroundings: Surroundings = _BARE) -> None:
        """Use these from the next request on. Requests under way keep what they began with.

        Raises:
            ValueError: two sources have the same write key. Nothing was changed.
        """
        self._setup = Setup(dict(sources), limits, surroundings)
        self._intake.configure(sources)
        self._metrics.show_sources(sources)

    def suppress(self, suppressed: Suppressed) -> None:
        """Store nothing of *suppressed* from now on."""
        self._intake.suppressed = suppressed

    def app(self) -> web.Application:
        """The routes. Serve them with `runner`: they read compressed bodies themselves, and it answers what they raise."""
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_get("/ready", self._ready)
        app.router.add_get(routes.OPENAPI, self._openapi)
        for path, taker in self._takers.items():
            app.router.add_post(path, taker)
        for path, handler in (
            # The key with any slash or brace in it: SDKs put it there as it is.
            (routes.PROJECT_SETTINGS.replace("{write_key}", "{write_key:.+}"), self._project_settings),
            (routes.SOURCE_CONFIG, self._source_config),
        ):
            for each in _with_and_without_slash(path):
                app.router.add_get(each, handler)  # and HEAD
        return app

    def _make_takers(self) -> Mapping[str, Handler]:
        """By path: the handler of what is posted there."""
        takers: dict[str, Handler] = {
            path: partial(self._take_single, kind=kind) for path, kind in routes.SINGLES.items()
        }
        takers |= dict.fromkeys(routes.BATCHES, self._take_batch) | dict.fromkeys(routes.TELEMETRY, self._forget)
        return {each: taker for path, taker in takers.items() for each in _with_and_without_slash(path)}

    def runner(self, shutdown_timeout_s: float = 10.0) -> web.AppRunner:
        """A server for `app`; see `make_runner`. Clean it up after `close`."""
        return make_runner(self.app(), self._answer, self._crowd, shutdown_timeout_s)

    async def drain(self, seconds: float) -> None:
        """End each connection with its next answer. Return when there is none left, or after *seconds*.

        Once nobody listens any more, callers learn in this way that they need a new connection, and none of them is refused.
        """
        self._is_draining = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._crowd.empty(), seconds)

    async def close(self) -> None:
        """Refuse new requests, and return when those under way have their answers. Then the log can be closed."""
        await self._intake.close()

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer every request ourselves, errors included. The server adds the CORS headers to each answer."""
        if request.method == "OPTIONS":
            # On any path: a page gets to see the 404 that follows only if this is a success. A preflight carries no key.
            asked_for = request.headers.get("Access-Control-Request-Headers")
            return web.Response(status=204, headers=preflight_headers(asked_for))
        # Finding one of these through the application takes as long as reading the event. It knows any spelling of them.
        path = request.rel_url.raw_path
        taker = self._takers.get(path) if request.method == "POST" and "Expect" not in request.headers else None
        try:
            response = await (taker or handler)(request)
        except Refused as refused:
            response = self._refuse(refused)
        except web.HTTPException as error:
            code = _CODES.get(error.status, RefusalCode.BAD_HTTP)
            hint = "; GET /openapi.json says what there is" if code is RefusalCode.NOT_FOUND else ""
            response = self._refuse(Refused(error.status, code, error.reason.lower() + hint))
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        except Exception:
            route = path if taker else _route_of(request)
            # As text: some renderers show the local variables of each frame, among them the request's headers.
            self._logger.error("A request failed by a fault of the router.", route=route, traceback=format_exc())
            message = "a fault of the router, which has a record of it; try again later"
            response = self._refuse(Refused(500, RefusalCode.INTERNAL, message, is_last=True))
        if self._intake.is_closing or self._is_draining:
            response.force_close()
        return response

    def _refuse(self, refused: Refused) -> web.StreamResponse:
        self._metrics.count_refusal(refused.code)
        return refused.response()

    async def _health(self, request: web.Request) -> web.StreamResponse:
        return health_response(self._stuck())

    async def _ready(self, request: web.Request) -> web.StreamResponse:
        return ready_response([*self._obstacles(), *self._intake.obstacles])

    async def _openapi(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=openapi.description_json(), content_type="application/json")

    async def _take_single(self, request: web.Request, kind: EventType) -> web.StreamResponse:
        sent_at = request.headers.get("SentAt")
        admitted, appended = await self._intake.take(
            request, self._setup, lambda document, is_plain: read_single(document, kind, sent_at, is_plain)
        )
        if admitted.rejections:
            return json_response(rejected_receipt(admitted.rejections[0]), 400)
        if admitted.suppressed:
            return json_response(suppressed_receipt(admitted.suppressed[0]))
        warnings = admitted.mended[0].warnings if admitted.mended else ()
        return json_response(accepted_json(admitted.entries[0].message_id, appended[0], warnings))

    async def _take_batch(self, request: web.Request) -> web.StreamResponse:
        sent_at = request.headers.get("SentAt")
        admitted, appended = await self._intake.take(
            request, self._setup, lambda document, is_plain: read_batch(document, sent_at, is_plain)
        )
        return json_response(batch_receipt(appended, admitted))

    async def _forget(self, request: web.Request) -> web.StreamResponse:
        return json_response(Forgotten())

    async def _project_settings(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["write_key"]
        setup = self._setup
        name = setup.keyring.find([key], unknown_status=404)
        setup.check_origin(request, name)
        address = self._public_address(request, setup)
        response = json_response(project_settings(key, setup.sources[name].sdk, address))
        response.headers["Cache-Control"] = cache_control(address)
        return response

    async def _source_config(self, request: web.Request) -> web.StreamResponse:
        keys = keys_in_head(presented(request))
        if request.method == "HEAD" and not keys:
            # It only tests whether something in the browser blocks the address.
            return web.Response(content_type="application/json")
        setup = self._setup
        name = setup.keyring.find(keys, unknown_status=404, is_disabled_found=True)
        setup.check_origin(request, name)
        return json_response(source_config(name, setup.sources[name].is_enabled))

    def _public_address(self, request: web.Request, setup: Setup) -> PublicAddress:
        """The address that pages are told to send to.

        Raises:
            Refused: 400, it can't be told.
        """
        protocols = request.headers.getall("X-Forwarded-Proto", [""])
        address = setup.surroundings.address(request.remote, request.headers.get("Host", ""), protocols[-1])
        if not address.is_configured and not self._has_warned_of_host:
            self._has_warned_of_host = True
            self._logger.warning("Pages are told to send to the host they asked; server.public_url says it for sure.")
        return address


def _with_and_without_slash(path: str) -> tuple[str, str]:
    """*path* without and with a slash at its end. A redirect would not do: SDKs follow it without the body.

    Source: facts/ingest-protocol.md section 1, point 3.
    """
    return path, path + "/"


def _route_of(request: web.Request) -> str:
    """The route of a request, for the log. Its path would not do: an address can hold a write key."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""
