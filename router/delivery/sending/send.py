"""Sending one request: what sends it, and how that fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from router.plugin import Credential, Request, Response


class SendFailed(Exception):
    """No answer came: network, DNS, TLS, a time-out. Always worth another try."""

    kind: ClassVar[str] = "no answer"
    """How the counts of attempts call it."""


class TimedOut(SendFailed):
    """The answer took too long. The vendor may be overloaded."""


class ConnectTimedOut(TimedOut):
    """No connection in time (name resolution, TCP or TLS). The vendor has not seen the request."""

    kind = "connect timeout"


class ReadTimedOut(TimedOut):
    """A connection, but no complete answer in time. The vendor may have taken the request."""

    kind = "read timeout"


class CredentialsRefused(SendFailed):
    """The credentials themselves are at fault: the token address refuses them, or a key holds a line break. Nothing can be sent
    until the operator acts, and no event is to blame."""


class NoToken(SendFailed):
    """The token address gave no token but does not refuse the credentials. Its answer may say how long to wait."""

    def __init__(self, answer: Response) -> None:
        super().__init__(f"the token address answered {answer.status} and no access token")
        self.answer = answer


class Send(Protocol):
    """What sends one request. Wrappers that limit or count requests have the same method."""

    async def send(self, request: Request, credentials: Sequence[Credential], id: str) -> Response:
        """Send *request* with *credentials*. *id*, for signatures, is the same for all attempts.

        Raises:
            SendFailed: no answer came (`CredentialsRefused`: none will come).
            UrlTooLong: it was not sent.
            ValueError: this request can never be sent: HTTP does not allow its URL or one of its headers.
        """
