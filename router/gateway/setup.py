"""The setup: all that a reload of the config changes in the gateway. A request keeps the one it began with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from router.gateway.authentication import Keyring
from router.gateway.limits import Limits
from router.gateway.refusal import RefusalCode, Refused
from router.gateway.source import Source
from router.gateway.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Setup:
    """Sources, limits and surroundings. Raises ValueError if two sources have the same write key."""

    sources: Mapping[str, Source]
    """By name."""
    limits: Limits
    surroundings: Surroundings
    keyring: Keyring = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keyring", Keyring(self.sources))

    def check_origin(self, request: web.Request, source: str) -> None:
        """Raises Refused (403) if the request comes from a page that *source* does not list. The page can read the answer,
        since every answer has CORS headers."""
        if not self.sources[source].takes_from(request.headers.get("Origin")):
            message = "events from pages of this origin are not taken; the source's origins say which are"
            raise Refused(403, RefusalCode.ORIGIN_NOT_ALLOWED, message)
