"""Credentials that a plugin declares. The core adds them last, so a request holds no secret until it is sent."""

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
    """``Authorization: Basic`` with user and password; the password may be empty."""

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
    """A query parameter, for vendors that take the key nowhere else."""

    name: str
    value: SecretStr


@dataclass(frozen=True, slots=True)
class PathKey:
    """An addition to the path of a request's URL, for vendors whose address is itself the secret.

    *value* is one or more segments with slashes between them and none at either end. Special characters are percent-encoded.
    """

    value: SecretStr


@dataclass(frozen=True, slots=True)
class BodyField:
    """A field of the body, JSON or form; if the body is a list, a field of each object in it.

    *path* is dotted for nesting: ``properties.token``.
    """

    path: str
    value: SecretStr


@dataclass(frozen=True, slots=True)
class OAuth2:
    """A token fetched from *token_url*, kept until it expires or is refused, and sent as a bearer token.

    It is requested with the *refresh_token* if there is one, else with the client's credentials.
    """

    token_url: str
    client_id: SecretStr
    client_secret: SecretStr
    scope: str = ""
    refresh_token: SecretStr = SecretStr("")
    """It must stay valid: settings are the operator's, so a new one that comes with a token is not kept."""
    client_in_body: bool = False
    """Send the client's id and secret in the form instead of an ``Authorization`` header, for vendors that want it so."""
    host_field: str = ""
    """The field of the token answer (``instance_url``) that replaces the scheme and host of requests. If the answer lacks it,
    requests go where the plugin sends them."""
    host_suffixes: tuple[str, ...] = ()
    """Such a host must end with one of these, each with a dot in front (``.example.com``). Any other host blocks the
    destination and receives neither the token nor an event. The destination's own address needs no suffix."""


@dataclass(frozen=True, slots=True)
class Signing:
    """What a signature is computed from: the bytes sent, an id that all attempts share, and the Unix seconds of this
    attempt."""

    body: bytes
    id: str
    timestamp_s: int


@dataclass(frozen=True, slots=True)
class Signature:
    """Headers computed from the body at each attempt. *sign* is pure.

    ``Signing.id`` is the ``key`` of the request's first payload, so all attempts share it.
    """

    sign: Callable[[Signing], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class SigV4:
    """AWS Signature Version 4: headers that sign the whole request, made anew at each attempt, for every service that takes it.

    They are ``Authorization``, ``x-amz-date``, ``x-amz-content-sha256`` and, with a *session_token* (temporary credentials),
    ``x-amz-security-token``. The path is signed as it is sent: a service that wants it encoded twice needs paths of letters,
    digits and ``-._~/``.
    """

    access_key_id: SecretStr
    secret_access_key: SecretStr
    region: str
    service: str
    """As the service is called in the scope of a signature, in small letters."""
    session_token: SecretStr = SecretStr("")


def with_field(json: Any, path: Sequence[str], value: str) -> Any:
    """A copy of *json* with *value* at *path*, in each object if it is a list: what a `BodyField` asks for.

    Parts that are already written as JSON (``orjson.Fragment``) are parsed again.
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
    """*url* with the encoded *path* added to its own path, before its query: what a `PathKey` asks for."""
    before, mark, query = url.partition("?")
    return f"{before.rstrip('/')}/{path}{mark}{query}"


def basic_token(user: str, password: str) -> str:
    """What follows ``Basic`` in an ``Authorization`` header."""
    return b64encode(f"{user}:{password}".encode()).decode()


def encode_path(key: PathKey) -> str:
    """The value of *key*, encoded for a URL. Its segments can neither climb (``..``) nor begin a query."""
    return build_url("", *key.value.get_secret_value().split("/")).removeprefix("/")


Credential = Basic | Bearer | HeaderKey | QueryKey | PathKey | BodyField | OAuth2 | Signature | SigV4
