"""Looking up the names of vendors: a name that no server answers for keeps nobody waiting but who asked for it."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import Future
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Resolver(AbstractResolver):
    """Each look-up has a thread of its own, which a stop does not wait for.

    An event loop has few threads for look-ups (uvloop two at a time, for the whole process), and each stays with a dead name
    for half a minute, whatever time-out its request has. There are never many here: who uses this asks for a name once at a
    time, and keeps the answer for a while.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of *host*, of that *family*.

        Raises:
            OSError: there are none, or nobody says.
        """
        found: Future[list[Any]] = Future()
        found.set_running_or_notify_cancel()

        def look_up() -> None:
            try:
                found.set_result(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG))
            except UnicodeError:  # "api..example.com": a slip in the config, for which no event is to blame
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
