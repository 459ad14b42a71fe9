"""Speaking with the cluster: requests of the JetStream API, with its errors as ours.

The API is JSON over request and reply; its subjects and fields: https://docs.nats.io/reference/reference-protocols/nats_api_reference
(read 2026-11-26), direct reads: the server's ADR-31.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from binascii import a2b_base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import nats
import nats.errors
import orjson
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from router.errors import OperatorError
from router.log.jetstream.access import OPEN, Access

REQUEST_S = 2.0
CONNECT_S = 5.0
CANCEL_S = 1.0
CLOSE_S = 2.0
RECONNECT_S = 0.2
PING_S = 2
"""A server that stands still is left after two of these without an answer."""

SILENCE_S = 4.0
"""A server that answers pings and nothing else for so long is cut off from its cluster, perhaps: another one is tried."""

OLDEST_SERVER = (2, 11)
"""The first that answers a direct read of many messages (ADR-31)."""

UNAVAILABLE = 503
"""The class of refusals that pass: no leader, a node that catches up."""
_UNAVAILABLE_ANSWER = b'"code":503'
UNDER_WAY = 10164
"""Of a write that must follow a named message: another one that must is not stored by all nodes yet. Where there is one node
alone, nothing ever is."""
WRONG_LAST_SEQUENCE = frozenset({10071, UNDER_WAY})
"""What a server answers to a write that must follow a message which is not the last one, or may not be for long."""
NO_MESSAGE = 10037
NO_STREAM = 10059
STREAM_EXISTS = 10058
FULL = frozenset({10077, 10047, 10023, 10028, 10002})
"""What a server answers where there is no room: maximum bytes, insufficient storage or resources, an account's limits."""

_INBOX = re.compile(r'"_inbox\.[^"]*"', re.IGNORECASE)
"""Where answers go: it has another name each time."""


class ClusterAway(Exception):
    """No answer: the cluster can't be reached, has no leader just now, or takes too long. What was asked may have been done."""


class Denied(ClusterAway):
    """No answer, for the user of this connection may not ask, or may not hear."""


class ApiError(Exception):
    """The cluster refused; *code* is JetStream's own."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} ({code})")
        self.code = code


@dataclass(frozen=True, slots=True)
class Stored:
    """One message of a stream."""

    sequence: int
    headers: Mapping[str, str]
    data: bytes


class Connection:
    """A connection that reconnects for as long as it is open."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.on_reconnected: Callable[[], Awaitable[None]] | None = None
        """Called when the connection is there again: what was told meanwhile was not heard."""
        self._silent_since: float | None = None
        """When the first request was made in vain since the last one that was not."""
        self._denials: list[str] = []
        """What this user may not do, in the server's words: that it was asked for is not answered otherwise."""

    @classmethod
    async def open(cls, urls: Sequence[str], name: str = "trait-router", access: Access = OPEN) -> Self:
        """Connect to one of *urls*.

        Raises:
            OperatorError: none of them answers, they refuse the credentials, or a file of *access* can't be read.
        """
        client = Client()
        connection = cls(client)
        shown = ", ".join(hide_credentials(url) for url in urls)
        last: list[BaseException] = []
        refused = asyncio.Event()

        async def note(error: Exception) -> None:
            connection._note_denial(str(error))
            if refused.is_set():  # why the connection was closed has been said
                return
            last[:] = [error]
            if isinstance(error, ssl.SSLError) or "authorization" in str(error).lower():
                refused.set()

        async def reconnected() -> None:
            if connection.on_reconnected is not None:
                await connection.on_reconnected()

        options = access.options(urls)
        options["reconnect_time_wait"] = RECONNECT_S  # typed as whole seconds, and takes fractions
        connecting = asyncio.ensure_future(
            client.connect(
                servers=list(urls),
                name=name,
                error_cb=note,
                reconnected_cb=reconnected,
                max_reconnect_attempts=-1,  # on the first connection as well, so that it takes CONNECT_S to give up
                connect_timeout=2,
                ping_interval=PING_S,
                max_outstanding_pings=2,
                pending_size=0,  # nothing is kept for later: whoever publishes knows at once that it can't be
                **options,
            )
        )
        refusal = asyncio.ensure_future(refused.wait())
        try:
            await asyncio.wait({connecting, refusal}, timeout=CONNECT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            refusal.cancel()
            while not connecting.done():  # again and again: a library may let one slip
                connecting.cancel()
                await asyncio.wait({connecting}, timeout=CANCEL_S)
        failure = TimeoutError() if connecting.cancelled() else connecting.exception()
        if failure is not None:
            with suppress(Exception):
                await client.close()
            if not isinstance(failure, TimeoutError | OSError | nats.errors.Error):
                raise failure
            raise OperatorError(
                f"log: can't connect to {shown} ({_describe(last[0] if last else failure)}). Is the cluster running, and are "
                "the address and the credentials right?"
            )
        version = client.connected_server_version
        if (version.major, version.minor) < OLDEST_SERVER:
            await client.close()
            raise OperatorError(
                f"log: {shown} runs NATS {version}, expected {'.'.join(map(str, OLDEST_SERVER))} or newer"
            )
        return connection

    @property
    def is_connected(self) -> bool:
        return self.client.is_connected

    @property
    def is_closed(self) -> bool:
        """It has ended, and does not come back: by `close`, or a server said why it ends it."""
        return self.client.is_closed

    @property
    def max_payload(self) -> int:
        """Bytes of a message, its headers included."""
        return self.client.max_payload

    async def request(
        self, subject: str, data: bytes = b"", headers: Mapping[str, str] | None = None, timeout_s: float = REQUEST_S
    ) -> Msg:
        """Ask, and wait for the one answer.

        Raises:
            ClusterAway: there is none; `Denied`, where there can be none.
        """
        if not self.client.is_connected:
            raise ClusterAway("not connected")
        try:
            answer = await self.client.request(
                subject, data, timeout=timeout_s, headers=dict(headers) if headers else None
            )
        except (TimeoutError, OSError, nats.errors.Error) as error:
            await self._note_silence()
            raise self._explain(error, subject) from None
        if _UNAVAILABLE_ANSWER in answer.data[:200]:
            await self._note_silence()
        else:
            self._silent_since = None
        return answer

    def _note_denial(self, said: str) -> None:
        denial = _INBOX.sub('"_inbox.>"', said.removeprefix("nats: "))
        if "permissions violation" in denial.lower() and denial not in self._denials:
            self._denials.append(denial)
            structlog.get_logger().error("the cluster denies its user what the router needs", reason=denial)

    def _explain(self, error: BaseException, subject: str) -> ClusterAway:
        """Why there is no answer from *subject*: of what a user may not do there comes no answer, but a word to the user."""
        if isinstance(error, TimeoutError):
            named = f'"{subject.lower()}"', '"_inbox.'
            for denial in reversed(self._denials):
                if any(name in denial.lower() for name in named):
                    return Denied(denial)
        return ClusterAway(_describe(error))

    async def _note_silence(self) -> None:
        """A node that is cut off from the others still takes connections. Whoever stays with it is cut off too."""
        now = asyncio.get_running_loop().time()
        if self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since >= SILENCE_S and len(self.client.servers) > 1:
            self._silent_since = now
            structlog.get_logger().warning("nothing is answered through this server of the cluster, another is tried")
            await self.client.force_reconnect()

    async def call(self, operation: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """An operation of the JetStream API, such as ``STREAM.INFO.name``.

        Raises:
            ClusterAway: no answer.
            ApiError: it was refused.
        """
        answer = await self.request(f"$JS.API.{operation}", orjson.dumps(body) if body is not None else b"")
        return read_answer(answer.data)

    async def get_last(self, stream: str, subject: str) -> Stored | None:
        """The newest message of *stream*, from its leader: nothing that was acknowledged is newer."""
        return await self._get(stream, {"last_by_subj": subject})

    async def get(self, stream: str, sequence: int) -> Stored | None:
        """One message of *stream*, from its leader; None: there is none with this number."""
        return await self._get(stream, {"seq": sequence})

    async def _get(self, stream: str, which: Mapping[str, Any]) -> Stored | None:
        try:
            answer = await self.call(f"STREAM.MSG.GET.{stream}", which)
        except ApiError as error:
            if error.code == NO_MESSAGE:
                return None
            raise
        message = answer["message"]
        return Stored(
            message["seq"], _headers(a2b_base64(message.get("hdrs", ""))), a2b_base64(message.get("data", ""))
        )

    async def get_batch(
        self, stream: str, sequence: int, count: int, max_bytes: int, subject: str | None = None
    ) -> list[Stored]:
        """Up to *count* messages of *stream* from *sequence* on and up to about *max_bytes*, from any of its replicas; those of
        one *subject*, where it is named.

        One that is behind has less than there is.

        Raises:
            ClusterAway: no answer, or not the whole of it.
        """
        client = self.client
        if not client.is_connected:
            raise ClusterAway("not connected")
        inbox = client.new_inbox()
        found: list[Stored] = []
        try:
            subscription = await client.subscribe(inbox, pending_msgs_limit=-1, pending_bytes_limit=-1)
            try:
                asked: dict[str, Any] = {"seq": sequence, "batch": count, "max_bytes": max_bytes}
                if subject is not None:
                    asked["next_by_subj"] = subject
                await client.publish(f"$JS.API.DIRECT.GET.{stream}", orjson.dumps(asked), reply=inbox)
                while True:
                    message = await subscription.next_msg(timeout=REQUEST_S)
                    headers = message.headers or {}
                    status = headers.get("Status")
                    if status in ("204", "404"):  # the end of the batch; no such message
                        return found
                    if status is not None:
                        raise ClusterAway(f"status {status}")
                    found.append(Stored(int(headers["Nats-Sequence"]), headers, message.data))
            finally:
                with suppress(Exception):
                    await subscription.unsubscribe()
        except (TimeoutError, OSError, nats.errors.Error) as error:
            raise self._explain(error, f"$JS.API.DIRECT.GET.{stream}") from None

    async def close(self) -> None:
        """Within about `CLOSE_S`: what a server does not take is lost."""
        closing = asyncio.ensure_future(self.client.close())
        await asyncio.wait({closing}, timeout=CLOSE_S)
        if not closing.cancel():
            closing.exception()


def read_answer(data: bytes) -> dict[str, Any]:
    """An answer of the JetStream API.

    Raises:
        ClusterAway: not now; what was asked may have been done.
        ApiError: it is a refusal.
    """
    answer: dict[str, Any] = orjson.loads(data)
    error = answer.get("error")
    if error:
        refusal = ApiError(error.get("err_code", error.get("code", 0)), error.get("description", ""))
        if error.get("code") == UNAVAILABLE and refusal.code not in FULL:
            raise ClusterAway(str(refusal))
        raise refusal
    return answer


def hide_credentials(url: str) -> str:
    """*url* as it may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _describe(error: BaseException) -> str:
    """Without a URL: an address may hold credentials."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, nats.errors.NoRespondersError):
        return "no leader just now, or JetStream is off"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    text = str(error).removeprefix("nats: ")
    return type(error).__name__ if "://" in text or "@" in text else text


def _headers(raw: bytes) -> dict[str, str]:
    lines = raw.decode("utf-8", "replace").split("\r\n")[1:]
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
