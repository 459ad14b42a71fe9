"""The log's address: ``sqlite``, or the addresses of a NATS cluster, which may hold credentials."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

EMBEDDED = "sqlite"

_SCHEMES = ("nats", "tls")
_EXPECTED = (
    'expected "sqlite", or nats://host:4222 (tls:// too; of a cluster several, with commas between; %2F, %40, %2C, %3F, %23 '
    "for /, @, the comma, ? and # of a password)"
)


def read_log_address(value: Any) -> SecretStr:
    """*value* in its canonical form: `EMBEDDED`, or the addresses with their schemes, separated by commas.

    An address without a scheme or credentials gets those of the first. Errors do not quote the value.

    Raises:
        PydanticCustomError: it is neither.
    """
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if text == EMBEDDED:
        return SecretStr(EMBEDDED)
    if not isinstance(text, str) or not text.startswith(tuple(f"{scheme}:" for scheme in _SCHEMES)):
        raise PydanticCustomError("log", _EXPECTED)
    try:
        return SecretStr(",".join(_read_addresses(text)))
    except ValueError:
        raise PydanticCustomError("log", _EXPECTED) from None


def _read_addresses(text: str) -> list[str]:
    read: list[str] = []
    scheme = credentials = ""
    for number, part in enumerate(text.split(",")):
        address = part.strip()
        parts = urlsplit(address if "://" in address else f"{scheme}://{address}")
        # Behind them lies what of a password looks like a path or more: then what stands before is no host, but a user.
        has_more = parts.path not in ("", "/") or "?" in address or "#" in address
        if parts.scheme not in _SCHEMES or not parts.hostname or has_more:
            raise ValueError(address)
        own, at, place = parts.netloc.rpartition("@")
        if at and not own:  # a variable with the credentials may be empty
            raise ValueError(address)
        if number == 0:
            scheme, credentials = parts.scheme, own
        shown = place if parts.port else f"{place.rstrip(':')}:4222"
        user = own or credentials
        read.append(f"{parts.scheme}://{user}{'@' if user else ''}{shown}")
    return read


LogAddress = Annotated[
    SecretStr,
    BeforeValidator(read_log_address),
    WithJsonSchema({"type": "string", "pattern": r"^(sqlite$|nats://|tls://)", "default": EMBEDDED}),
]
