"""The resolver: looks up vendors' host names, so that a name without an answer delays only the destination that asks for it."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import Future
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

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
        found: Future[list[Any]] = Future()
        found.set_running_or_notify_cancel()

        def look_up() -> None:
            try:
                found.set_result(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG))
            except UnicodeError:  # "api..example.com": a typo in the config, and no event's fault
                found.set_exception(socket.gaierror(socket.EAI_NONAME, "this can be no name of a host"))
            except Exception as error:
                found.set_exception(error)

        threading.Thread(target=look_up, name=f"look-up of {host}", daemon=True).start()
        return [
            ResolveResult(hostname=host, host=address[0], port=address[1], family=kind, proto=proto, flags=_NUMERIC)
            for kind, _, proto, _, address in await asyncio.wrap_future(found)
        ]

    async def close(self) -> None:
        """There is nothing to close."""
