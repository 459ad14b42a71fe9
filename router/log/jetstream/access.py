"""How a cluster lets us in, and how we know that it is the one, beside its addresses: files, read at each connection."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from router.errors import OperatorError


@dataclass(frozen=True, slots=True)
class Access:
    """*credentials* is a file of ``nsc``: a user's JWT and seed. *ca* signs the servers' certificates, where none of the
    system's does. *certificate* and *key* are ours, where the servers ask for one."""

    credentials: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def options(self, urls: Sequence[str]) -> dict[str, Any]:
        """What `nats.connect` takes, to connect to *urls*.

        Raises:
            OperatorError: files are missing, or are not what they should be; a line for each.
        """
        options = _options_of_user(urls)
        problems: list[str] = []
        if self.credentials is not None:
            options["user_credentials"] = str(self.credentials)
            problems += _try("credentials", self.credentials, _read_credentials)
        if self.ca or self.certificate or any(url.startswith("tls:") for url in urls):
            options["tls"] = context = ssl.create_default_context()
            problems += self._fill(context)
        if problems:
            raise OperatorError("\n".join(problems))
        return options

    def oddities(self, urls: Sequence[str]) -> Iterator[str]:
        """What keeps a router that runs here out of *urls*, as `options` says it, and what lets it in otherwise than meant."""
        try:
            self.options(urls)
        except OperatorError as error:
            yield from str(error).splitlines()
        if self.credentials is not None and any(urlsplit(url).username for url in urls):
            yield "nats.credentials: the address of the log names a user too. Take one of the two out."

    def _fill(self, context: ssl.SSLContext) -> Iterator[str]:
        """Load the certificates into *context*; says what is wrong with them."""
        if self.ca is not None:
            yield from _try("ca", self.ca, context.load_verify_locations)
        unreadable = list(_try("key", self.key, _open)) if self.key is not None else []
        yield from unreadable
        if self.certificate is not None:
            load = partial(context.load_cert_chain, keyfile=self.key, password=_no_password)
            yield from _try("certificate", self.certificate, _open if unreadable else load)


def _options_of_user(urls: Sequence[str]) -> dict[str, Any]:
    """The name and the password, or the token, that all *urls* hold. The library takes them as they are written there, where
    ``/`` or ``@`` of a password can only be ``%2F`` or ``%40``; where each has its own, that has to do."""
    users = {(parts.username, parts.password) for parts in map(urlsplit, urls)}
    name, password = users.pop()
    if users or name is None:
        return {}
    if password is None:
        return {"token": unquote(name)}
    return {"user": unquote(name), "password": unquote(password)}


OPEN = Access()
"""To a cluster that takes everybody, or those whose name and password are in its address."""

_PARTS = b"BEGIN NATS USER JWT", b"BEGIN USER NKEY SEED"
_PEM = "PEM; a key has no password and belongs to its certificate"
_CREDENTIALS = "a user's JWT and seed, as in the .creds file that nsc makes"


class _NotCredentials(Exception):
    """The file holds something else."""


def _try(setting: str, path: Path, read: Callable[[Path], object]) -> Iterator[str]:
    """*read* the file that *setting* names; says what is wrong with it."""
    try:
        read(path)
    except _NotCredentials:
        yield f"nats.{setting}: {path}: expected {_CREDENTIALS}"
    except (ssl.SSLError, ValueError) as error:
        yield f"nats.{setting}: {path}: expected {_PEM} ({error})"
    except OSError as error:
        yield f"nats.{setting}: {path}: {error.strerror}. The router's user reads it; no router starts here without it."


def _open(path: Path) -> None:
    path.open("rb").close()


def _read_credentials(path: Path) -> None:
    found = path.read_bytes()
    if not all(part in found for part in _PARTS):
        raise _NotCredentials


def _no_password() -> str:
    raise ValueError("the key has a password")
