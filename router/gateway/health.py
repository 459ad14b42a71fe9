"""Health: what a supervisor (alive?) and a load balancer (ready?) are told. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from router.gateway.refusal import Refused, json_response


def health_response(stuck: Sequence[str]) -> web.Response:
    """Of ``GET /health``: 200, or 503 naming what inside is stuck, for which a restart may help. No vendor is in *stuck*."""
    if stuck:
        return Refused(503, "stuck", f"stuck: {', '.join(stuck)}", stuck=list(stuck)).response()
    return json_response({"status": "alive"})


def ready_response(obstacles: Sequence[str]) -> web.Response:
    """Of ``GET /ready``: 200, or 503 naming what keeps events from being taken."""
    if obstacles:
        return Refused(503, "not_ready", f"not ready: {', '.join(obstacles)}", obstacles=list(obstacles)).response()
    return json_response({"status": "ready"})
