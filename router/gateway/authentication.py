"""Authentication: from a request to the name of its source, by write key.

A key can come in several forms. Each form is a function in `FORMS`, in the order in which they are looked for; the first
one that is there counts, even if its key is wrong. (facts/ingest-protocol.md section 4)
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from router.gateway.refusal import RefusalCode, Refused


@dataclass(frozen=True, slots=True)
class SourceKeys:
    """How a source is known: any of *write_keys*, all of them ASCII."""

    write_keys: Sequence[str] = field(repr=False)
    is_enabled: bool = True


@dataclass(frozen=True, slots=True)
class Presented:
    """Where in a request a write key can be."""

    headers: Mapping[str, str] = field(repr=False)
    """Names in any case."""


def basic(presented: Presented) -> Sequence[str] | None:
    """``Authorization: Basic``, the key as user name. SDKs put one colon after it and no password.

    What stands before the last colon is tried first: some keys have a colon. Then what stands before the first one, for
    callers that send some password.
    """
    scheme, _, credentials = presented.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(credentials.strip()).decode()
    except ValueError:
        return ()
    return tuple(dict.fromkeys([text.rpartition(":")[0] if ":" in text else text, text.partition(":")[0]]))


FORMS: tuple[Callable[[Presented], Sequence[str] | None], ...] = (basic,)
"""None: the request does not use this form. A sequence: the keys it may mean, the likeliest first."""


def presented_keys(presented: Presented) -> Sequence[str]:
    """The keys that a request may mean, the likeliest first; empty when it has none."""
    for form in FORMS:
        keys = form(presented)
        if keys is not None:
            return [key for key in keys if key]
    return ()


class Keyring:
    """All write keys, as digests under a secret of this process: a look-up takes as long for a near miss as for any other
    key, and a memory dump has no key in it."""

    def __init__(self, sources: Mapping[str, SourceKeys]) -> None:
        """Raises ValueError, naming the sources, when two have a key in common."""
        self._secret = secrets.token_bytes(32)
        self._names: dict[bytes, str] = {}
        self._disabled = frozenset(name for name, source in sources.items() if not source.is_enabled)
        for name, source in sources.items():
            for key in source.write_keys:
                other = self._names.setdefault(self._digest(key), name)
                if other != name:
                    raise ValueError(f"sources {other} and {name} have the same write key")

    def _digest(self, key: str) -> bytes:
        return hashlib.blake2b(key.encode("utf-8", "replace"), key=self._secret, digest_size=32).digest()

    def find(self, keys: Sequence[str]) -> str:
        """The name of the source that one of *keys* belongs to.

        Raises:
            Refused: 401. It comes without ``WWW-Authenticate``, for which browsers would ask the visitor of a page.
        """
        if not keys:
            message = "no write key; send it as the user name of HTTP Basic, with an empty password"
            raise Refused(401, RefusalCode.MISSING_WRITE_KEY, message, is_last=True)
        found = [self._names.get(self._digest(key)) for key in keys]
        name = next((name for name in found if name is not None), None)
        if name is None:
            raise Refused(401, RefusalCode.UNKNOWN_WRITE_KEY, "no source has this write key", is_last=True)
        if name in self._disabled:
            raise Refused(401, RefusalCode.SOURCE_DISABLED, f"the source {name} is disabled", is_last=True)
        return name
