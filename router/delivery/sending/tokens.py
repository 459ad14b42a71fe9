"""The tokens of OAuth 2: fetched when they are needed, and kept while they are good."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from router.clock import Clock
from router.delivery.sending.send import CredentialsRefused, NoToken
from router.plugin import Credential, OAuth2, Response
from router.plugin.credential import basic_token
from router.plugin.request import FORM

_HTTPS_HOST = re.compile(r"https://((?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]+)/?", re.ASCII)
"""An https address without a port, a user or a path, and with a name instead of an IP address."""


class Tokens:
    """Those of one destination. If a token's answer names an address, requests go there."""

    def __init__(
        self, post: Callable[[str, dict[str, str], bytes], Awaitable[Response]], origin: str, clock: Clock
    ) -> None:
        """*post* sends a body with headers to a URL, and raises `SendFailed`, or ValueError for what is no URL. *origin* is the
        destination's own."""
        self._post = post
        self._origin = origin
        self._clock = clock
        self._tokens: dict[OAuth2, tuple[str, float]] = {}
        self.named: dict[OAuth2, str] = {}
        """Where requests go according to the token's answer, by credential."""
        self._fetching = asyncio.Lock()

    async def held(self, credentials: Sequence[Credential]) -> dict[OAuth2, str]:
        """A token that is still good for each of *credentials* that takes one; fetched if there is none.

        Raises:
            SendFailed: it can't be had (`CredentialsRefused`, `NoToken`).
        """
        return {each: await self._token(each) for each in credentials if isinstance(each, OAuth2)}

    def drop(self, refused: Mapping[OAuth2, str]) -> None:
        """The vendor has *refused* these: they may have been revoked."""
        for credential, token in refused.items():
            if self._tokens.get(credential, ("", 0.0))[0] == token:
                del self._tokens[credential]

    async def _token(self, credential: OAuth2) -> str:
        async with self._fetching:  # all lanes find the token stale at once, and only one fetches a new one
            held = self._tokens.get(credential)
            if held is not None and held[1] > self._clock.monotonic():
                return held[0]
            return await self._fetch_token(credential)

    async def _fetch_token(self, credential: OAuth2) -> str:
        """Fetch a token. Keep it, and the address for requests if the answer names one.

        Source: RFC 6749 section 5.2 (errors: 400 or 401).
        """
        headers, form = token_request(credential)
        try:
            answer = await self._post(credential.token_url, headers, urlencode(form).encode())
        except ValueError:
            raise CredentialsRefused("the token address is not a valid URL") from None
        if answer.status in (400, 401, 403):
            raise CredentialsRefused(f"the token address answered {answer.status}: client id and secret are not taken")
        try:
            token = orjson.loads(answer.body)
            access_token, life_s = token["access_token"], float(token.get("expires_in") or 300)
            if not isinstance(access_token, str) or not access_token:
                raise ValueError("no text")
        except (KeyError, TypeError, ValueError):
            raise NoToken(answer) from None
        if credential.host_field:
            self.named[credential] = named_origin(token.get(credential.host_field), credential, self._origin)
        self._tokens[credential] = (access_token, self._clock.monotonic() + max(life_s - 30, 1))
        return access_token


def token_request(credential: OAuth2) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and form of a request for a token. Pure.

    Source: RFC 6749 sections 2.3.1 (where the client's id and secret stand), 4.4 (client credentials), 6 (refresh token).
    """
    client_id, secret = credential.client_id.get_secret_value(), credential.client_secret.get_secret_value()
    refresh_token = credential.refresh_token.get_secret_value()
    form = {"grant_type": "refresh_token" if refresh_token else "client_credentials"}
    form |= {"refresh_token": refresh_token} if refresh_token else {}
    form |= {"scope": credential.scope} if credential.scope else {}
    form |= {"client_id": client_id, "client_secret": secret} if credential.client_in_body else {}
    headers = {} if credential.client_in_body else {"Authorization": f"Basic {basic_token(client_id, secret)}"}
    return headers | {"Content-Type": FORM}, form


def named_origin(address: Any, credential: OAuth2, origin: str) -> str:
    """Where requests go according to a token answer: *origin* itself, or https with a host that has a declared suffix.

    Raises:
        CredentialsRefused: the answer names any other address, or none. Neither the token nor an event goes there (promise 10).
    """
    text = address if isinstance(address, str) else ""
    if text.rstrip("/") == origin:
        return origin
    named = _HTTPS_HOST.fullmatch(text)
    if named is None or not named[1].lower().endswith(credential.host_suffixes):
        found = named[1] if named else "no https address"  # never the answer's own text, which may hold a secret
        allowed = " or ".join(credential.host_suffixes)
        raise CredentialsRefused(f"{credential.host_field} of the token answer: {found}, expected a host of {allowed}")
    return f"https://{named[1].lower()}"
