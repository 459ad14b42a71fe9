"""The kinds of values in sections, apart from quantities: what each accepts, and how a wrong one is refused."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._\[\]:-]+")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def refuse_boolean(value: Any) -> Any:
    if isinstance(value, bool):  # to Python, true is 1
        raise PydanticCustomError("int_type", "expected a whole number")
    return value


def _is_host(value: str) -> str:
    if not value or any(char.isspace() or char in "/@" for char in value):
        raise PydanticCustomError("host", "expected an address or a host name such as 127.0.0.1")
    return value


def _is_folder(value: Any) -> Any:
    if isinstance(value, str) and (not value.strip() or "\0" in value):
        raise PydanticCustomError("path", "expected a folder such as ./var")
    if isinstance(value, str) and value.startswith("~"):  # to a shell, somebody's home
        message = (
            "expected a folder without ~, which means nothing here: write its path in full, or ./~ if that is its name"
        )
        raise PydanticCustomError("path", message)
    return value


def _is_file(value: Any) -> Any:
    if isinstance(value, str) and (not value.strip() or any(sign in value for sign in "\0\n")):
        raise PydanticCustomError("path", "expected the path of a file, not what is in it")
    return value


def _is_write_key(value: SecretStr) -> SecretStr:
    key = value.get_secret_value()
    if not key:
        raise PydanticCustomError("write_key", "it is empty, expected the key that the source's SDK sends")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise PydanticCustomError("write_key", "expected ASCII letters, digits and signs, without blanks")
    return value


def _read_public_url(value: str) -> str:
    """The URL without a slash at its end."""
    try:
        parts = urlsplit(value)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_good = False
    if not is_good or not value.isascii() or not value.isprintable() or any(sign in value for sign in " @?#\\"):
        message = 'expected "https://host" or "http://host", with a port and a path if need be'
        raise PydanticCustomError("public_url", message)
    return value.rstrip("/")


def _read_network(value: Any) -> Any:
    """A network, or an address, which is a network of one."""
    try:
        return ip_network(value.strip(), strict=False) if isinstance(value, str) else value
    except ValueError:
        raise PydanticCustomError("network", "expected an address or a network such as 10.0.0.0/8") from None


def _read_origin(value: str) -> str:
    """The origin as a browser writes it: in lower case and without the default port."""
    origin = value.strip().lower().removesuffix("/")
    if not _ORIGIN.fullmatch(origin):
        raise PydanticCustomError("origin", "expected scheme and host of the pages such as https://shop.example.com")
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition(":")[0], "/"))


Whole = Annotated[int, BeforeValidator(refuse_boolean)]
Host = Annotated[str, AfterValidator(_is_host)]
Port = Annotated[Whole, Field(ge=0, le=65_535)]
PublicUrl = Annotated[str, AfterValidator(_read_public_url)]
StreamName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_read_network)]
Origin = Annotated[str, AfterValidator(_read_origin)]
WriteKey = Annotated[SecretStr, AfterValidator(_is_write_key)]
Folder = Annotated[Path, BeforeValidator(_is_folder)]
PathOfFile = Annotated[Path, BeforeValidator(_is_file)]
