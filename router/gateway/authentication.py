"""Authentication: from a request to the name of its source, by write key.

A key can come in several forms. Each form is a function in `HEAD_FORMS` or `BODY_FORMS`, in the order in which they are
looked for; the first one that has a key counts, even if the key is wrong. (facts/ingest-protocol.md section 4)
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from router.gateway.refusal import RefusalCode, Refused
from router.gateway.source import Source

_NO_QUERY: Final[Mapping[str, str]] = {}

MAX_REMEMBERED: Final = 1_000
"""Ways in which requests have presented a key. Each program has one, unless it makes up passwords."""


@dataclass(slots=True)
class Presented:
    """Where a write key can be before the body."""

    headers: Mapping[str, str] = field(repr=False)
    """Names in any case."""
    query: Mapping[str, str] = field(default_factory=dict, repr=False)


def presented(request: web.Request) -> Presented:
    return Presented(request.headers, request.query if request.query_string else _NO_QUERY)


def basic(presented: Presented) -> Iterable[str]:
    """``Authorization: Basic``, the key as user name. SDKs put one colon after it and no password.

    What stands before the last colon is tried first: some keys have a colon. Then what stands before the first one, for
    callers that send some password.
    """
    credentials = _authorization(presented, "basic")
    try:
        text = base64.b64decode(credentials).decode() if credentials else ""
    except ValueError:
        return ()
    return (text.rpartition(":")[0] if ":" in text else text, text.partition(":")[0])


def bearer(presented: Presented) -> Iterable[str]:
    """``Authorization: Bearer``: one SDK sends keys that name a region so."""
    return (_authorization(presented, "bearer"),)


def key_header(presented: Presented) -> Iterable[str]:
    """``X-Write-Key``. Its SDK takes only keys of the form ``id:secret``: the key may be the whole, or stand on either side."""
    text = presented.headers.get("X-Write-Key", "").strip()
    before, _, after = text.partition(":")
    return (text, after, text.rpartition(":")[2], text.rpartition(":")[0], before)


def query(presented: Presented) -> Iterable[str]:
    """``?writeKey=``: a beacon has no headers of its own. No key has a blank: it is a plus that was not encoded."""
    return (presented.query.get("writeKey", "").replace(" ", "+"),)


def top_of_body(document: Mapping[str, Any]) -> Iterable[str]:
    """``writeKey`` of the batch, or of a single event."""
    return (_text(document.get("writeKey")),)


def events_of_body(document: Mapping[str, Any]) -> Iterable[str]:
    """``writeKey`` of the first event in the batch that has one: all events of a request are of one source."""
    calls = document.get("batch")
    keys = (_text(call.get("writeKey")) for call in calls if isinstance(call, dict)) if isinstance(calls, list) else ()
    return (next((key for key in keys if key), ""),)


HEAD_FORMS: tuple[Callable[[Presented], Iterable[str]], ...] = (basic, bearer, key_header, query)
BODY_FORMS: tuple[Callable[[Mapping[str, Any]], Iterable[str]], ...] = (top_of_body, events_of_body)
"""Each gives the keys that the form may mean, the likeliest first; none, or empty ones, where the request doesn't use it."""


def keys_in_head(presented: Presented) -> Sequence[str]:
    """The keys that a request may mean, the likeliest first; empty when it has none before its body."""
    for form in HEAD_FORMS:
        keys = _distinct(form(presented))
        if keys:
            return keys
    return ()


def keys_in_body(document: Mapping[str, Any]) -> Sequence[str]:
    """The same for the body of a request that has none before it."""
    return next((keys for form in BODY_FORMS if (keys := _distinct(form(document)))), ())


def _distinct(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(filter(None, dict.fromkeys(keys)))


def _authorization(presented: Presented, scheme: str) -> str:
    """The credentials after *scheme*, which is understood in any case; "" where there are none."""
    given, _, credentials = presented.headers.get("Authorization", "").strip().partition(" ")
    return credentials.strip() if given.lower() == scheme else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


class Keyring:
    """All write keys, as digests under a secret of this process: a look-up takes as long for a near miss as for any other
    key, and a memory dump has no key in it."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        """Raises ValueError, naming the sources, when two have a key in common."""
        self._secret = secrets.token_bytes(32)
        self._names: dict[bytes, str] = {}
        self._remembered: dict[bytes, str] = {}
        """By the digest of all that was presented."""
        self._disabled = frozenset(name for name, source in sources.items() if not source.is_enabled)
        for name, source in sources.items():
            for key in source.write_keys:
                other = self._names.setdefault(self._digest(key), name)
                if other != name:
                    raise ValueError(f"sources {other} and {name} have the same write key")

    def _digest(self, key: str) -> bytes:
        return hashlib.blake2b(key.encode("utf-8", "replace"), key=self._secret, digest_size=32).digest()

    def find_presented(self, presented: Presented) -> str | None:
        """The name of the source that a request names before its body; None where it names none there.

        It is remembered, for a program presents its key alike in all of its requests.

        Raises:
            Refused: as `find`.
        """
        headers = presented.headers
        # No header has a line feed in it: what stands in which of the three can't be mistaken.
        places = (headers.get("Authorization", ""), headers.get("X-Write-Key", ""), presented.query.get("writeKey", ""))
        told = self._digest("\n".join(places))
        name = self._remembered.get(told)
        if name is None:
            keys = keys_in_head(presented)
            if not keys:
                return None
            name = self.find(keys)
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[told] = name
        return name

    def find(self, keys: Sequence[str], unknown_status: int = 401, is_disabled_found: bool = False) -> str:
        """The name of the source that one of *keys* belongs to; of a disabled one only if *is_disabled_found*.

        Raises:
            Refused: 401, or *unknown_status* for a key that no enabled source has. It comes without ``WWW-Authenticate``, for
                which browsers would ask the visitor of a page.
        """
        if not keys:
            message = "no write key; send it as the user name of HTTP Basic, with an empty password"
            raise Refused(401, RefusalCode.MISSING_WRITE_KEY, message, is_last=True)
        name = None
        for key in reversed(keys):  # all of them, so that the time it takes does not say which one it was
            name = self._names.get(self._digest(key), name)
        if name is None:
            raise Refused(unknown_status, RefusalCode.UNKNOWN_WRITE_KEY, "no source has this write key", is_last=True)
        if name in self._disabled and not is_disabled_found:
            raise Refused(unknown_status, RefusalCode.SOURCE_DISABLED, f"the source {name} is disabled", is_last=True)
        return name
