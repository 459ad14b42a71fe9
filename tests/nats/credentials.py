"""A server whose users have credentials as ``nsc`` makes them: an operator, an account that may use JetStream, a user.

What a claim looks like: the server's own library of claims, https://github.com/nats-io/jwt (recalled; the server takes these).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Any

import nkeys  # type: ignore[import-untyped]

NO_LIMIT = -1


def _new(prefix: int) -> tuple[Any, str, str]:
    """A pair of keys, its public one and its seed."""
    seed = nkeys.encode_seed(os.urandom(32), prefix)
    pair = nkeys.from_seed(bytearray(seed))
    return pair, pair.public_key.decode(), bytes(seed).decode()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _sign(issuer: tuple[Any, str, str], subject: str, name: str, nats: dict[str, Any]) -> str:
    claim = {"iat": 1_700_000_000, "iss": issuer[1], "name": name, "sub": subject, "nats": {**nats, "version": 2}}
    digest = hashlib.new("sha512_256", json.dumps(claim).encode()).digest()
    claim["jti"] = base64.b32encode(digest).rstrip(b"=").decode()
    head = _text(json.dumps({"typ": "JWT", "alg": "ed25519-nkey"}).encode())
    signed = f"{head}.{_text(json.dumps(claim).encode())}"
    return f"{signed}.{_text(issuer[0].sign(signed.encode()))}"


def make() -> tuple[str, str, str]:
    """What a server's config says of them, the file of a user it lets in, and the seed in that, which is secret."""
    operator, system, account, user = (
        _new(prefix)
        for prefix in (
            nkeys.PREFIX_BYTE_OPERATOR,
            nkeys.PREFIX_BYTE_ACCOUNT,
            nkeys.PREFIX_BYTE_ACCOUNT,
            nkeys.PREFIX_BYTE_USER,
        )
    )
    words = "subs", "data", "payload", "imports", "exports", "conn", "leaf"
    stores = "mem_storage", "disk_storage", "streams", "consumer"
    plain = {"wildcards": True, **dict.fromkeys(words, NO_LIMIT)}
    open_to_all = {"type": "account", "limits": {**plain, **dict.fromkeys(stores, NO_LIMIT)}}
    accounts = {
        system[1]: _sign(operator, system[1], "SYS", {"type": "account", "limits": plain}),
        account[1]: _sign(operator, account[1], "team", open_to_all),
    }
    config = [
        f"operator: {_sign(operator, operator[1], 'operator', {'type': 'operator'})}",
        f"system_account: {system[1]}",
        "resolver: MEMORY",
        "resolver_preload: {",
        *(f"  {key}: {token}" for key, token in accounts.items()),
        "}",
    ]
    token = _sign(account, user[1], "router", {"type": "user", "subs": -1, "data": -1, "payload": -1})
    file = (
        f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user[2]}\n------END USER NKEY SEED------\n"
    )
    return "\n".join(config), file, user[2]
