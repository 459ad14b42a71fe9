"""Keeps web pages out of what listens on loopback, where the programs of this machine need no password.

A page may have the name it came from stand for 127.0.0.1 from now on ("DNS rebinding"). To the browser what listens there is
then the page's own server, and the page may read every answer. It can't change the name, which the browser sends as ``Host``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable

from aiohttp import web

_PORT = re.compile(r":[0-9]*$")
_ADVICE = (
    "This port is for programs of this machine and answers to no name but localhost. "
    "Ask for it by its address; a proxy before it must send that as Host."
)


def keep_pages_out(app: web.Application) -> None:
    """Have *app* answer 421 to those who ask for it by a name that a page can have."""

    @web.middleware
    async def refuse(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        host = request.headers.get("Host", "")  # no browser leaves it out
        if host and _is_domain(host):
            return web.Response(status=421, text=_ADVICE)
        return await handler(request)

    app.middlewares.insert(0, refuse)


def _is_domain(host: str) -> bool:
    """Whether *host*, which may have a port, is a name whose owner chooses its address.

    Source: RFC 6761 section 6.3: localhost and the names below it are always loopback.
    """
    name = _PORT.sub("", host).strip("[]").rstrip(".").lower()  # a name may end with the root's dot
    if name == "localhost" or name.endswith(".localhost"):
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return True
    return False
