"""Listening: on a port of the config, or on the sockets that a supervisor holds in its place."""

from __future__ import annotations

import errno
from collections.abc import Collection
from socket import socket

from aiohttp import web

from router.errors import OperatorError

BACKLOG = 1_024
"""Connections that may wait to be accepted. Every open page may make one for each of a burst of calls."""
INHERITED_BACKLOG = 4_096
"""The same for a supervisor's socket, where connections wait during a restart."""


async def listen(runner: web.AppRunner, sockets: Collection[socket], host: str, port: int, section: str) -> str:
    """Have *runner*, which is set up, take connections on *sockets* or, if there are none, on *host* and *port*.

    Args:
        section: of the config that *host* and *port* are from.

    Returns:
        The address, with the port that was found if *port* is 0.

    Raises:
        OperatorError: nobody can listen there.
    """
    for inherited in sockets:
        await web.SockSite(runner, inherited, backlog=INHERITED_BACKLOG).start()
    if not sockets:
        try:
            await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
        except OSError as error:
            key, advice = "host", "Name an address of this machine in the config; 0.0.0.0 stands for all of them."
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                key, advice = "port", "Is another router running? Stop it, or choose another port in the config."
            raise OperatorError(
                f"{section}.{key}: can't listen on {host}:{port} ({error.strerror or error}). {advice}"
            ) from error
    address = runner.addresses[0]
    if isinstance(address, str):
        return f"unix:{address}"
    host = address[0] if sockets else host
    return f"http://{f'[{host}]' if ':' in host else host}:{address[1]}"
