"""A TCP proxy that can fall silent: nothing gets through, and nobody is told."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Proxy:
    """Stands before one address; `cut` and `mend` it, `close` it at the end."""

    def __init__(self, port: int) -> None:
        """*port* of loopback is what it stands before."""
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open = threading.Event()
        self._open.set()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def cut(self) -> None:
        self._open.clear()

    def mend(self) -> None:
        """What fell silent is torn down: whoever is at its ends begins anew."""
        sockets, self._sockets = self._sockets, []
        self._open.set()
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.mend()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.wait()
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:  # nobody is there just now
                    client.close()
                    continue
                self._sockets += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not self._open.is_set():
                    return  # and what it carried is gone
                target.sendall(data)
        for each in (source, target):
            if self._open.is_set():
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
