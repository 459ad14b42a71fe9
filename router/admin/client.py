"""The client of the admin socket, through which the ``router`` command speaks to a running daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import orjson

from router.admin.server import SOCKET_NAME
from router.errors import OperatorError


class NotRunning(Exception):
    """No daemon listens on the socket of this data directory."""


class BrokenOff(NotRunning):
    """A daemon listens, but the connection ended without an answer. Nobody knows whether it carried the call out."""


class Client:
    """Calls operations by name. Use as an async context manager."""

    def __init__(self, data: Path, socket: str = SOCKET_NAME) -> None:
        """*data* is the data directory of the daemon, *socket* the name of its socket there."""
        self._path = str(data / socket)
        connector = aiohttp.UnixConnector(self._path)
        self._session = aiohttp.ClientSession("http://router", connector=connector, raise_for_status=False)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._session.close()

    async def call(self, operation: str, **arguments: Any) -> Any:
        """Run an operation of the daemon.

        Raises:
            NotRunning: there is no daemon.
            BrokenOff: it ended before it answered, or so many wait for it already that it takes no more.
            OperatorError: the daemon refuses the call, with its reason, or failed to carry it out.
            PermissionError: its socket belongs to another user.
        """
        if self._session.closed:  # closed during the call, by a caller that knows that the daemon is gone
            raise NotRunning
        try:
            async with self._session.post(f"/{operation}", data=orjson.dumps(arguments)) as response:
                body = await response.read()
                if response.status == 500:  # the server's own answer, which is not JSON
                    raise OperatorError(f"the router failed at {operation!r}: a bug in the router, its log says more")
                answer = orjson.loads(body)
                if response.status == 200:
                    return answer
                raise OperatorError(str(answer.get("message") or answer))
        except (aiohttp.ClientConnectorError, FileNotFoundError) as error:
            if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, PermissionError):
                raise PermissionError(error.os_error.errno, error.os_error.strerror, self._path) from error
            raise NotRunning from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            raise BrokenOff from error
