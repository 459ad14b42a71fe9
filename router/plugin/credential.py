"""Credentials a plugin declares. The core adds them to a request last, so nothing before the send holds a secret."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import SecretStr

from router.plugin.request import build_url


@dataclass(frozen=True, slots=True)
class Basic:
    """``Authorization: Basic`` of user and password; the password may be empty."""

    user: SecretStr
    password: SecretStr = SecretStr("")


@dataclass(frozen=True, slots=True)
class Bearer:
    """``Authorization: Bearer TOKEN``, or another *scheme*."""

    token: SecretStr
    scheme: str = "Bearer"


@dataclass(frozen=True, slots=True)
class HeaderKey:
    """A header of the vendor's own, such as ``X-Api-Key``."""

    name: str
    value: SecretStr


@dataclass(frozen=True, slots=True)
class QueryKey:
    """A query parameter. For vendors that take the key nowhere else."""

    name: str
    value: SecretStr


@dataclass(frozen=True, slots=True)
class PathKey:
    """What stands behind the path of a request's URL: for vendors whose address is itself the secret.

    *value* is one segment or several with slashes between them, without one at either end; what is special in a path is
    percent-encoded.
    """

    value: SecretStr


@dataclass(frozen=True, slots=True)
class BodyField:
    """A field of the body, JSON or form; where the body is a list, of each object in it.

    *path* has dots for nesting: ``properties.token``.
    """

    path: str
    value: SecretStr


@dataclass(frozen=True, slots=True)
class OAuth2:
    """A token is fetched from *token_url*, kept until it expires or is refused, sent as a bearer.

    It is asked for with the client's credentials, or with a *refresh_token* where there is one.
    """

    token_url: str
    client_id: SecretStr
    client_secret: SecretStr
    scope: str = ""
    refresh_token: SecretStr = SecretStr("")
    """One that stays good: a new one that comes with a token is not kept, for settings are the operator's."""
    client_in_body: bool = False
    """Id and secret stand in the form and not in an ``Authorization`` header; for vendors that want it so."""
    host_field: str = ""
    """The field of the token answer that names where requests go (``instance_url``): their scheme and host are replaced by it.
    Without it they go where the plugin sends them."""
    host_suffixes: tuple[str, ...] = ()
    """What such a host must end with, each with its dot in front (``.example.com``). Any other blocks the destination, and gets
    neither the token nor an event; only the destination's own address needs no suffix."""


@dataclass(frozen=True, slots=True)
class Signing:
    """What a signature is made from: the bytes that are sent, an id that all attempts share, Unix seconds of this attempt."""

    body: bytes
    id: str
    timestamp_s: int


@dataclass(frozen=True, slots=True)
class Signature:
    """Headers computed from the body at each attempt. *sign* is pure; *id* is stable over attempts (see `Request`).

    The id of a request is the ``key`` of its first payload.
    """

    sign: Callable[[Signing], Mapping[str, str]]


def with_field(json: Any, path: Sequence[str], value: str) -> Any:
    """A copy of *json* with *value* at *path*, in each object where it is a list: what a `BodyField` asks for.

    What of it is written already is read again.
    """
    if isinstance(json, orjson.Fragment):
        json = orjson.loads(orjson.dumps(json))
    if isinstance(json, list):
        return [with_field(item, path, value) for item in json]
    if not isinstance(json, dict):
        return json
    key, *rest = path
    return {**json, key: with_field(json.get(key) or {}, rest, value) if rest else value}


def with_path(url: str, path: str) -> str:
    """*url* with *path*, which is encoded already, behind its own and before its query: what a `PathKey` asks for."""
    before, mark, query = url.partition("?")
    return f"{before.rstrip('/')}/{path}{mark}{query}"


def basic_token(user: str, password: str) -> str:
    """What follows ``Basic`` in the header ``Authorization``."""
    return b64encode(f"{user}:{password}".encode()).decode()


def encode_path(key: PathKey) -> str:
    """The *value* of *key* as it stands in a URL. Its segments can't climb, nor begin a query."""
    return build_url("", *key.value.get_secret_value().split("/")).removeprefix("/")


Credential = Basic | Bearer | HeaderKey | QueryKey | PathKey | BodyField | OAuth2 | Signature
