"""The visitor of a page: what a request says about them that the event itself does not. Pure.

Source: facts/ingest-protocol.md section 7, "context.ip", and section 2, rud-web and jitsu, "Headers"; facts/event-spec.md
section 5, on ``direct``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final

from router.event import Document, Event

_MAX_USER_AGENT: Final = 1_000
"""Characters. Real browsers send some 100 to 300."""
_MAX_ANONYMOUS_ID: Final = 1_000


@dataclass(slots=True)
class Visitor:
    """The visitor of one request. A field is None if the request doesn't say, or asks not to keep it. Treat it as immutable."""

    ip: str | None = None
    user_agent: str | None = None
    anonymous_id: str | None = None
    has_page: bool = False
    """Whether the request comes from a page: only browsers send ``Origin``."""

    @classmethod
    def of_headers(cls, headers: Mapping[str, str], ip: str | None) -> Visitor:
        """*headers*: names in any case. *ip*: the caller's address."""
        user_agent = headers.get("User-Agent")
        return cls(
            ip=_by_policy(ip, headers.get("X-IP-Policy")),
            user_agent=_readable(user_agent)[:_MAX_USER_AGENT] if user_agent else None,
            anonymous_id=_decoded(headers.get("AnonymousId")),
            has_page="Origin" in headers,
        )

    def sign(self, call: Any) -> Any:
        """*call* or, if it has no anonymous id of its own, a copy with the request's."""
        if self.anonymous_id is None or not isinstance(call, dict):
            return call
        if any(call.get(name) not in (None, "") for name in ("anonymousId", "anonymous_id")):
            return call
        signed = copy(call)  # including what it knows about doubled keys
        signed["anonymousId"] = self.anonymous_id
        return signed

    def complete(self, event: Event) -> Event:
        """*event*, if it comes from a browser, with the address and the user agent that its context lacks.

        A server's events are left alone, since the address would be the server's. So is an ``ip`` in the context, even null:
        with null a page says that it wants none kept. With ``direct`` in its context an app that is no browser says that the
        address is its user's.
        """
        document = event.document
        context: Document = document.get("context", {})
        channel = document.get("channel")
        if channel != "browser" and not (channel is None and self.has_page):
            if self.ip is None or context.get("direct") is not True or "ip" in context:
                return event
            return Event.of_normalised({**document, "context": {**context, "ip": self.ip}})
        added: Document = {}
        if self.ip is not None and "ip" not in context:
            added["ip"] = self.ip
        if self.user_agent is not None and not context.get("userAgent"):
            added["userAgent"] = self.user_agent
        if not added and channel is not None:
            return event
        return Event.of_normalised({**document, "context": {**context, **added}, "channel": "browser"})


def _by_policy(ip: str | None, policy: str | None) -> str | None:
    """What may be kept of *ip*. In one SDK a page can ask to keep only a part or none; any other wish is read as none."""
    if ip is None or policy is None or policy.strip().lower() == "keep":
        return ip
    if policy.strip().lower() != "striplastoctet":
        return None
    if ip_address(ip).version == 4:
        return str(IPv4Network(f"{ip}/24", strict=False).network_address)
    return str(IPv6Network(f"{ip}/48", strict=False).network_address)


def _decoded(header: str | None) -> str | None:
    if not header:
        return None
    try:
        text = base64.b64decode(header, validate=True).decode()
    except ValueError:
        return None
    return text if text.strip() and "\0" not in text and len(text) <= _MAX_ANONYMOUS_ID else None


def _readable(text: str) -> str:
    """*text* without lone surrogates, which stand for header bytes that are not UTF-8 and which no log takes."""
    return text.encode("utf-8", "replace").decode()
