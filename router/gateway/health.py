"""Health: the answers to a supervisor (alive?) and a load balancer (ready?). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from aiohttp import web

from router.gateway.answer import Answer, json_response
from router.gateway.refusal import RefusalCode, Refused


class Health(Answer):
    """All is well."""

    status: Literal["alive", "ready"]


def health_response(stuck: Sequence[str]) -> web.Response:
    """The answer to ``GET /health``: 200, or 503 naming what is stuck inside, so that a restart may help. *stuck* names no
    vendor."""
    if stuck:
        return Refused(503, RefusalCode.STUCK, f"stuck: {', '.join(stuck)}", stuck=list(stuck)).response()
    return json_response(Health(status="alive"))


def ready_response(obstacles: Sequence[str]) -> web.Response:
    """The answer to ``GET /ready``: 200, or 503 naming what keeps events from being taken."""
    if obstacles:
        message = f"not ready: {', '.join(obstacles)}"
        return Refused(503, RefusalCode.NOT_READY, message, obstacles=list(obstacles)).response()
    return json_response(Health(status="ready"))
