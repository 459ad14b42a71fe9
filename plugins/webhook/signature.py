"""Signatures that receivers already know how to check, each over the very bytes that are sent. Pure.

Source: facts/vendors/webhook.md, section 2 (schemes and test vectors).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from plugins.webhook.identity import message_key, request_id
from router.plugin import Signing

Scheme = Literal["standard", "segment", "customerio", "timestamped"]

SIGNATURE_HEADERS: Final[Mapping[Scheme, tuple[str, ...]]] = {
    "standard": ("webhook-id", "webhook-timestamp", "webhook-signature"),
    "segment": ("X-Signature",),
    "customerio": ("X-CIO-Timestamp", "X-CIO-Signature"),
    "timestamped": (),
}
"""The headers that carry a signature; those of ``timestamped`` are the operator's choice."""

_PREFIX = "whsec_"
_SHORTEST_KEY_BYTES, _LONGEST_KEY_BYTES = 24, 64


def read_standard_secret(text: str) -> bytes:
    """The key behind a secret of Standard Webhooks, with or without its ``whsec_``.

    Raises:
        ValueError: it is none; the message holds nothing of it.
    """
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _SHORTEST_KEY_BYTES <= len(key) <= _LONGEST_KEY_BYTES:
        raise ValueError(
            'expected "whsec_" and 24 to 64 random bytes in base64; make one with: echo "whsec_$(openssl rand -base64 32)"'
        )
    return key


def sign_standard(signing: Signing, secrets: Sequence[str]) -> dict[str, str]:
    """Standard Webhooks 1.0.0, symmetric: one signature per secret, the current one first.

    Source: facts/vendors/webhook.md, section 2; section 8 for the id.
    """
    id = _id_of(signing)
    content = f"{id}.{signing.timestamp_s}.".encode() + signing.body
    digests = [hmac.digest(read_standard_secret(secret), content, hashlib.sha256) for secret in secrets]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(signing.timestamp_s),
        "webhook-signature": " ".join("v1," + base64.b64encode(digest).decode() for digest in digests),
    }


def sign_segment(signing: Signing, secret: str) -> dict[str, str]:
    """``X-Signature``: HMAC-SHA1 in hex of the body, of an array of its first element alone."""
    return {"X-Signature": hmac.new(secret.encode(), _first_element(signing.body), hashlib.sha1).hexdigest()}


def sign_customerio(signing: Signing, secret: str) -> dict[str, str]:
    """``X-CIO-Signature``: HMAC-SHA256 in hex of version, time and body, as in reporting webhooks."""
    content = f"v0:{signing.timestamp_s}:".encode() + signing.body
    return {
        "X-CIO-Timestamp": str(signing.timestamp_s),
        "X-CIO-Signature": hmac.new(secret.encode(), content, hashlib.sha256).hexdigest(),
    }


def sign_timestamped(signing: Signing, secret: str, header: str) -> dict[str, str]:
    """One header, ``t=…,v1=…``: HMAC-SHA256 in hex of time and body."""
    content = f"{signing.timestamp_s}.".encode() + signing.body
    digest = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    return {header: f"t={signing.timestamp_s},v1={digest}"}


def _id_of(signing: Signing) -> str:
    """The id of what is sent. Another set of events must never have the id of this one, or a receiver that remembers ids
    would drop it; and the core's id is that of the first payload alone."""
    if not signing.body.startswith(b"["):
        return signing.id
    return request_id([message_key(event["messageId"]) for event in json.loads(signing.body)])


def _first_element(body: bytes) -> bytes:
    """The bytes of an array's first element, exactly as they stand in *body*; all of *body* where it is no array."""
    if not body.startswith(b"["):
        return body
    text = body.decode()
    _, end = json.JSONDecoder().raw_decode(text, 1)
    return text[1:end].encode()
