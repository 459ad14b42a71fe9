"""Authentication: from a request to the name of its source, by write key.

A key can come in several forms. Each form is a function in `HEAD_FORMS` or `BODY_FORMS`, listed in the order in which they are
tried. The first form that finds a key counts, even if the key is wrong. Source: facts/ingest-protocol.md section 4.
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
"""How many ways of presenting a key are remembered. Each program has one, unless it makes up passwords."""


@dataclass(slots=True)
class Presented:
    """The parts of a request before its body that may hold a write key."""

    headers: Mapping[str, str] = field(repr=False)
    """Names in any case."""
    query: Mapping[str, str] = field(default_factory=dict, repr=False)


def presented(request: web.Request) -> Presented:
    return Presented(request.headers, request.query if request.query_string else _NO_QUERY)


def basic(presented: Presented) -> Iterable[str]:
    """``Authorization: Basic`` with the key as user name. SDKs put a colon after it and no password.

    The text before the last colon is tried first, since some keys hold a colon. The text before the first colon is tried next,
    for callers that send a password.
    """
    credentials = _authorization(presented, "basic")
    try:
        text = base64.b64decode(credentials).decode() if credentials else ""
    except ValueError:
        return ()
    return (text.rpartition(":")[0] if ":" in text else text, text.partition(":")[0])


def bearer(presented: Presented) -> Iterable[str]:
    """``Authorization: Bearer``. One SDK sends keys that name a region in this way."""
    return (_authorization(presented, "bearer"),)


def key_header(presented: Presented) -> Iterable[str]:
    """``X-Write-Key``. Its SDK takes only keys of the form ``id:secret``, so the key may be all of it or either side."""
    text = presented.headers.get("X-Write-Key", "").strip()
    before, _, after = text.partition(":")
    return (text, after, text.rpartition(":")[2], text.rpartition(":")[0], before)


def query(presented: Presented) -> Iterable[str]:
    """``?writeKey=``, for beacons, which can't set headers. A blank is a plus that was not encoded: no key has a blank."""
    return (presented.query.get("writeKey", "").replace(" ", "+"),)


def top_of_body(document: Mapping[str, Any]) -> Iterable[str]:
    """``writeKey`` of the batch, or of a single event."""
    return (_text(document.get("writeKey")),)


def events_of_body(document: Mapping[str, Any]) -> Iterable[str]:
    """``writeKey`` of the first event in the batch that has one. All events of a request belong to one source."""
    calls = document.get("batch")
    keys = (_text(call.get("writeKey")) for call in calls if isinstance(call, dict)) if isinstance(calls, list) else ()
    return (next((key for key in keys if key), ""),)


HEAD_FORMS: tuple[Callable[[Presented], Iterable[str]], ...] = (basic, bearer, key_header, query)
BODY_FORMS: tuple[Callable[[Mapping[str, Any]], Iterable[str]], ...] = (top_of_body, events_of_body)
"""Each returns the keys that the form may mean, the likeliest first; none or empty ones if the request does not use the
form."""


def keys_in_head(presented: Presented) -> Sequence[str]:
    """The keys that a request may mean, the likeliest first; empty if it has none before its body."""
    for form in HEAD_FORMS:
        keys = _distinct(form(presented))
        if keys:
            return keys
    return ()


def keys_in_body(document: Mapping[str, Any]) -> Sequence[str]:
    """The same for the body, if a request has no key before it."""
    return next((keys for form in BODY_FORMS if (keys := _distinct(form(document)))), ())


def _distinct(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(filter(None, dict.fromkeys(keys)))


def _authorization(presented: Presented, scheme: str) -> str:
    """The credentials after *scheme* (in any case); "" if there are none."""
    given, _, credentials = presented.headers.get("Authorization", "").strip().partition(" ")
    return credentials.strip() if given.lower() == scheme else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


class Keyring:
    """All write keys, as digests under a secret of this process. A look-up takes as long for a near miss as for any other key,
    and a memory dump holds no key."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        """Raises ValueError, naming the sources, if two have a key in common."""
        self._secret = secrets.token_bytes(32)
        self._names: dict[bytes, str] = {}
        self._remembered: dict[bytes, str] = {}
        """The name of the source, by the digest of everything that was presented."""
        self._disabled = frozenset(name for name, source in sources.items() if not source.is_enabled)
        for name, source in sources.items():
            for key in source.write_keys:
                other = self._names.setdefault(self._digest(key), name)
                if other != name:
                    raise ValueError(f"sources {other} and {name} have the same write key")

    def _digest(self, key: str) -> bytes:
        return hashlib.blake2b(key.encode("utf-8", "replace"), key=self._secret, digest_size=32).digest()

    def find_presented(self, presented: Presented) -> str | None:
        """The name of the source that a request names before its body; None if it names none there.

        The answer is remembered, since a program presents its key in the same way in all of its requests.

        Raises:
            Refused: as `find`.
        """
        headers = presented.headers
        # Headers hold no line feed, so it is clear what stands in which of the three.
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
            Refused: 401, or *unknown_status* for a key that no enabled source has. It comes without ``WWW-Authenticate``,
                because of which a browser would ask the page's visitor for a password.
        """
        if not keys:
            message = "no write key; send it as the user name of HTTP Basic, with an empty password"
            raise Refused(401, RefusalCode.MISSING_WRITE_KEY, message, is_last=True)
        name = None
        for key in reversed(keys):  # all of them, so that the time taken does not tell which one it was
            name = self._names.get(self._digest(key), name)
        if name is None:
            raise Refused(unknown_status, RefusalCode.UNKNOWN_WRITE_KEY, "no source has this write key", is_last=True)
        if name in self._disabled and not is_disabled_found:
            raise Refused(unknown_status, RefusalCode.SOURCE_DISABLED, f"the source {name} is disabled", is_last=True)
        return name
