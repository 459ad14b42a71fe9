"""Masking: secrets that a vendor echoes in its answer, or a plugin puts into its words, must not reach dead letters, logs and
traces. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, quote_plus

from pydantic import BaseModel, SecretBytes, SecretStr

from router.plugin import Basic, Bearer, BodyField, Credential, HeaderKey, OAuth2, PathKey, QueryKey, SigV4
from router.plugin.credential import basic_token, encode_path

_SHORTEST = 8
_MASK = b"********"
_ESCAPED = re.compile("%[0-9A-F]{2}")
_SIGNS_IN_JSON = ("<>&", "<>&='", "<>&'+`")
"""Characters that some JSON writers escape as well, so that a page can hold the text: Go's, Gson's, .NET's."""


def mask(
    answer: bytes,
    credentials: Sequence[Credential],
    tokens: Mapping[OAuth2, str],
    headers: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """*answer* without the secrets that were sent, in any spelling, and without the signature among the *headers* sent.

    Short secrets and plain numbers stay: they are worth little as secrets, and an answer may hold them by chance.
    """
    signature = headers.get("Authorization", "").partition("Signature=")[2]
    return _mask(answer, (*secrets_of(credentials, tokens), signature))


def mask_text(text: str, secrets: Iterable[str]) -> str:
    """*text* without the *secrets*, as `mask` does it. If one is part of another, the longer one has to come first."""
    return _mask(text.encode(errors="surrogatepass"), secrets).decode(errors="surrogatepass")


def _mask(text: bytes, secrets: Iterable[str]) -> bytes:
    for secret in secrets:
        if len(secret) >= _SHORTEST and not secret.isdigit():
            for spelling in _spellings(secret):
                text = text.replace(spelling, _MASK)
    return text


def secrets_in(settings: Any) -> Iterator[str]:
    """What *settings*, or any part of them, declare as secret."""
    match settings:
        case SecretStr():
            yield settings.get_secret_value()
        case SecretBytes():
            yield settings.get_secret_value().decode(errors="replace")
        case BaseModel() | Mapping():
            for part in dict(settings).values():
                yield from secrets_in(part)
        case list() | tuple() | set() | frozenset():
            for part in settings:
                yield from secrets_in(part)


def secrets_of(credentials: Iterable[Credential], tokens: Mapping[OAuth2, str]) -> Iterator[str]:
    """What is sent of *credentials* and must stay secret, also as it is derived from them. *tokens*: those fetched so far."""
    for credential in credentials:
        match credential:
            case Basic(user, password):
                yield basic_token(user.get_secret_value(), password.get_secret_value())
                yield from (password.get_secret_value(), user.get_secret_value())  # some vendors take a key as the user
            case OAuth2() if credential in tokens:
                yield tokens[credential]
            case PathKey(path):
                yield encode_path(credential)  # as it stands in an echoed address
                yield from path.get_secret_value().split("/")
            case HeaderKey(_, value):
                header = value.get_secret_value()
                yield from (header, header.partition(" ")[2])  # a vendor echoes a key without the scheme before it
            case SigV4(id, key, _, _, session_token):
                yield from (session_token.get_secret_value(), key.get_secret_value(), id.get_secret_value())
            case Bearer(secret) | QueryKey(_, secret) | BodyField(_, secret):
                yield secret.get_secret_value()


@lru_cache(maxsize=256)
def _spellings(secret: str) -> frozenset[bytes]:
    """*secret* as it is, as JSON writers spell it (PHP's escapes each slash, others more), and as addresses and forms spell it,
    in upper and lower case.

    Cached: every answer is searched, and a destination has the same few secrets for all of them.
    """
    if secret.isalnum() and secret.isascii():
        return frozenset({secret.encode()})  # all spellings are the same
    bodies = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    for body, signs, digits in product(tuple(bodies), _SIGNS_IN_JSON, ("04x", "04X")):
        bodies.add(body.translate({ord(sign): f"\\u{ord(sign):{digits}}" for sign in signs}))
    addresses = {quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")}
    small = {_ESCAPED.sub(lambda found: found[0].lower(), address) for address in addresses}
    spellings = {secret, *bodies, *(body.replace("/", "\\/") for body in bodies), *addresses, *small}
    return frozenset(spelling.encode("utf-8", "replace") for spelling in spellings)
