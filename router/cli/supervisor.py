"""A supervisor such as systemd: it gives the service listening sockets, and hears from it how it is.

A socket held by the supervisor goes on listening while one router ends and the next one starts. Connections wait in its
backlog, and nobody is refused.

Source: sd_listen_fds(3) and sd_notify(3); the protocol is a few environment variables and a datagram.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, MutableMapping
from contextlib import suppress
from typing import Final

from router.config import is_loopback
from router.errors import OperatorError

FIRST_DESCRIPTOR: Final = 3

Sockets = dict[str, list[socket.socket]]
"""Sockets by name. Several with one name are several addresses of one port."""


def inherited_sockets(environ: MutableMapping[str, str], pid: int, known: Collection[str]) -> Sockets:
    """The sockets that were handed to process *pid*, by their names; empty if there are none.

    The variables about them are removed from *environ*, so that no process of ours takes them for its own.

    Raises:
        OperatorError: one has a name that is not *known*, or does not listen.
    """
    values = [environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")]
    if values[0] != str(pid) or not values[1].isdigit():
        return {}
    count = int(values[1])
    names = values[2].split(":") if values[2] else ["server"][:count]
    sockets: Sockets = {}
    for descriptor in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + count):
        os.set_inheritable(descriptor, False)
        index = descriptor - FIRST_DESCRIPTOR
        name = names[index] if index < len(names) else ""
        if name not in known:
            raise OperatorError(
                f'socket unit: a socket is called "{name}", expected {" or ".join(known)}. Set FileDescriptorName= in it.'
            )
        sockets.setdefault(name, []).append(_listening(descriptor, name))
    return sockets


def _listening(descriptor: int, name: str) -> socket.socket:
    try:
        found = socket.socket(fileno=descriptor)
        if found.type == socket.SOCK_STREAM and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return found
    except OSError:
        pass
    raise OperatorError(
        f'socket unit: the socket called "{name}" does not listen. Use ListenStream= and Accept=no in it.'
    )


def is_public(sockets: Collection[socket.socket]) -> bool:
    """Whether another machine can reach one of them."""
    return any(
        found.family in (socket.AF_INET, socket.AF_INET6) and not is_loopback(found.getsockname()[0])
        for found in sockets
    )


def is_on_loopback(sockets: Collection[socket.socket], host: str) -> bool:
    """Whether all of them, or *host* if there are none, are loopback addresses."""
    if not sockets:
        return is_loopback(host)
    return all(found.family != socket.AF_UNIX for found in sockets) and not is_public(sockets)


class Supervisor:
    """Tells the supervisor how the service is. Does nothing if there is none."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        """Removes the variables that it needs from *environ*."""
        self._address = environ.pop("NOTIFY_SOCKET", "")
        limit_us = environ.pop("WATCHDOG_USEC", "")
        environ.pop("WATCHDOG_PID", None)
        self.alive_every_s: float | None = int(limit_us) / 2e6 if limit_us.isdigit() and int(limit_us) else None
        """How often the supervisor wants to hear that the service is alive; None if it does not ask."""

    def ready(self, status: str) -> None:
        """Tell it that the service has started."""
        self._tell(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        """Tell it that the service is still alive. A supervisor that asks for this kills and restarts a service that is
        silent."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        self._tell("STOPPING=1\nSTATUS=stopping")

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.setblocking(False)  # don't wait for a supervisor that does not listen
            connection.sendto(message.encode(), address)
