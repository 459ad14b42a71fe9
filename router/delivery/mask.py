"""A vendor that echoes a secret must not carry it into dead letters, logs and traces. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from urllib.parse import quote, quote_plus

from router.plugin import Basic, Bearer, BodyField, Credential, HeaderKey, OAuth2, PathKey, QueryKey
from router.plugin.credential import basic_token, encode_path

_SHORTEST = 8
_MASK = b"********"
_ESCAPED = re.compile("%[0-9A-F]{2}")
_SIGNS_IN_JSON = ("<>&", "<>&='", "<>&'+`")
"""What writers of JSON escape besides, so that a page can hold it: Go's, Gson's, that of .NET."""


def mask(answer: bytes, credentials: Sequence[Credential], tokens: Mapping[OAuth2, str]) -> bytes:
    """*answer* without the secrets that were sent, as they were sent or in another spelling.

    Short ones and plain numbers are left: as secrets they are worth little, and an answer holds such by chance.
    """
    for secret in _secrets(credentials, tokens):
        if len(secret) >= _SHORTEST and not secret.isdigit():
            for spelling in _spellings(secret):
                answer = answer.replace(spelling, _MASK)
    return answer


def _secrets(credentials: Sequence[Credential], tokens: Mapping[OAuth2, str]) -> Iterator[str]:
    for credential in credentials:
        match credential:
            case Basic(user, password):
                yield basic_token(user.get_secret_value(), password.get_secret_value())
                yield from (password.get_secret_value(), user.get_secret_value())  # a key may stand in the user's place
            case OAuth2():
                yield tokens[credential]
            case PathKey(path):
                yield encode_path(credential)  # as an address is echoed
                yield from path.get_secret_value().split("/")
            case Bearer(secret) | HeaderKey(_, secret) | QueryKey(_, secret) | BodyField(_, secret):
                yield secret.get_secret_value()


@lru_cache(maxsize=256)
def _spellings(secret: str) -> frozenset[bytes]:
    """*secret* as it is, as JSON writes it (PHP's with each slash escaped, others' with more), and as addresses and forms do,
    in either case.

    Kept, for every answer is looked through, and a destination has the same few secrets for all of them.
    """
    if secret.isalnum() and secret.isascii():
        return frozenset({secret.encode()})  # everybody writes it so
    bodies = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    for body, signs, digits in product(tuple(bodies), _SIGNS_IN_JSON, ("04x", "04X")):
        bodies.add(body.translate({ord(sign): f"\\u{ord(sign):{digits}}" for sign in signs}))
    addresses = {quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")}
    small = {_ESCAPED.sub(lambda found: found[0].lower(), address) for address in addresses}
    spellings = {secret, *bodies, *(body.replace("/", "\\/") for body in bodies), *addresses, *small}
    return frozenset(spelling.encode("utf-8", "replace") for spelling in spellings)
