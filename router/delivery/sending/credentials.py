"""Credentials, added last: what goes over the wire. Pure."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from yarl import URL

from router.delivery.sending.send import CredentialsRefused
from router.delivery.sending.signature_v4 import sign_v4
from router.guard import PluginFailed
from router.plugin import (
    Basic,
    Bearer,
    BodyField,
    Credential,
    HeaderKey,
    OAuth2,
    PathKey,
    QueryKey,
    Request,
    Signature,
    Signing,
    SigV4,
)
from router.plugin.credential import basic_token, encode_path, with_field, with_path
from router.plugin.request import encode_body, set_content_type, set_encoding


def add_credentials(
    request: Request, credentials: Sequence[Credential], tokens: dict[OAuth2, str], id: str, now_s: int
) -> tuple[str, dict[str, str], bytes | None]:
    """The URL, headers and body bytes that go over the wire. Pure.

    The body is serialised once, and a signature covers exactly those bytes.

    Raises:
        ValueError: a header of the request holds a line break or NUL, or its form holds anything but texts.
        CredentialsRefused: a header of the credentials holds one, or a signature can't be made.
    """
    url, headers, json = request.url, dict(request.headers), request.json
    for name in _broken(headers):
        raise ValueError(f"header {name!r} holds a line break or NUL")
    signatures: list[Callable[[Signing], Any]] = []
    signers: list[SigV4] = []
    for credential in credentials:
        match credential:
            case Basic(user, password):
                headers["Authorization"] = f"Basic {basic_token(user.get_secret_value(), password.get_secret_value())}"
            case Bearer(token, scheme):
                headers["Authorization"] = f"{scheme} {token.get_secret_value()}"
            case OAuth2():
                headers["Authorization"] = f"Bearer {tokens[credential]}"
            case HeaderKey(name, key):
                headers[name] = key.get_secret_value()
            case QueryKey(name, key):
                url = str(URL(url, encoded=True).update_query({name: key.get_secret_value()}))
            case PathKey():
                url = with_path(url, encode_path(credential))
            case BodyField(path, key):
                json = with_field(json, path.split("."), key.get_secret_value())
            case Signature(sign):
                signatures.append(sign)
            case SigV4():
                signers.append(credential)
    body = None
    if json is not None:
        body = encode_body(json, request)
        set_content_type(headers, request)
        if request.gzip:
            body = gzip.compress(body, compresslevel=1, mtime=0)
        set_encoding(headers, request)
    for sign in signatures:
        try:
            headers |= sign(Signing(body or b"", id, now_s))
        except Exception as error:  # its text is left out, since it may quote the secret; the guard's message does not
            what = str(error) if isinstance(error, PluginFailed) else type(error).__name__
            raise CredentialsRefused(f"the request can't be signed ({what}): check the secret") from None
    for signer in signers:  # last, since it covers the headers too
        headers |= sign_v4(signer, request.method, url, headers, body or b"", now_s)
    for name in _broken(headers):
        raise CredentialsRefused(f"the credential for header {name!r} holds a line break or NUL")
    return url, headers, body


def _broken(headers: Mapping[str, str]) -> Iterator[str]:
    """The names of headers whose values would break out of their line."""
    return (name for name, value in headers.items() if any(char in name + value for char in "\r\n\0"))
