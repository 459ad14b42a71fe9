"""AWS Signature Version 4: the headers that sign one request. Pure.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html (read 2026-11-28).
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from yarl import URL

from router.plugin import SigV4

SCHEME: Final = "AWS4-HMAC-SHA256"


def sign_v4(
    credential: SigV4, method: str, url: str, headers: Mapping[str, str], body: bytes, now_s: int
) -> dict[str, str]:
    """The headers to add to a request. All of *headers* are signed, and so is the host of *url*.

    *url* is encoded as it is sent, and *body* holds the very bytes; *now_s* are Unix seconds. A service refuses a signature
    whose time is some minutes from its own.
    """
    address = URL(url, encoded=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))
    digest = hashlib.sha256(body).hexdigest()
    added = {"x-amz-content-sha256": digest, "x-amz-date": stamp}
    if credential.session_token.get_secret_value():
        added["x-amz-security-token"] = credential.session_token.get_secret_value()
    host = address.host_port_subcomponent or ""  # as the HTTP client writes it
    signed = {name.lower(): " ".join(value.split()) for name, value in {**headers, **added, "Host": host}.items()}
    names = sorted(signed)
    lines = [f"{name}:{signed[name]}" for name in names]
    whole = "\n".join([method, address.raw_path, _query(address.raw_query_string), *lines, "", ";".join(names), digest])
    scope = f"{stamp[:8]}/{credential.region}/{credential.service}/aws4_request"
    text = "\n".join([SCHEME, stamp, scope, hashlib.sha256(whole.encode()).hexdigest()])
    key = f"AWS4{credential.secret_access_key.get_secret_value()}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    id = credential.access_key_id.get_secret_value()
    added["Authorization"] = f"{SCHEME} Credential={id}/{scope},SignedHeaders={';'.join(names)},Signature={signature}"
    return added


def _query(query: str) -> str:
    """The parameters as they are signed: in order, names and values encoded alike, and a ``=`` even after a name alone."""
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    encoded = sorted((_encode(name), _encode(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encode(part: str) -> str:
    return quote(unquote_to_bytes(part), safe="")
