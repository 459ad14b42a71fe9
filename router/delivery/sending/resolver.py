"""The resolver: looks up vendors' host names, so that a name without an answer delays only the destination that asks for it."""

from __future__ import annotations

import socket
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from router.own_thread import in_own_thread

_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Resolver(AbstractResolver):
    """Each look-up has a thread of its own, for which a stop does not wait.

    An event loop has few threads for look-ups (uvloop two, for the whole process), and a dead name occupies one for half a
    minute, whatever time-out the request has. There are never many threads here: the client asks for a name only once at a time
    and caches the answer for a while.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of *host* of that *family*.

        Raises:
            OSError: there are none, or no server answers.
        """

        def look_up() -> list[Any]:
            try:
                return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
            except UnicodeError:  # "api..example.com": a typo in the config, and no event's fault
                raise socket.gaierror(socket.EAI_NONAME, "this can be no name of a host") from None

        return [
            ResolveResult(hostname=host, host=address[0], port=address[1], family=kind, proto=proto, flags=_NUMERIC)
            for kind, _, proto, _, address in await in_own_thread(look_up, f"look-up of {host}")
        ]

    async def close(self) -> None:
        """There is nothing to close."""
