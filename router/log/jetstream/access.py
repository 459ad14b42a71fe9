"""How a cluster lets us in, and how we know that it is the one, beside its addresses: files, read at each connection."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
            OperatorError: a file is missing, or is not what it should be.
        """
        options: dict[str, Any] = {}
        if self.credentials is not None:
            self._check_credentials(self.credentials)
            options["user_credentials"] = str(self.credentials)
        if self.ca or self.certificate or any(url.startswith("tls:") for url in urls):
            options["tls"] = self._context()
        return options

    @staticmethod
    def _check_credentials(path: Path) -> None:
        found = _readable("credentials", path).read_bytes()
        if not all(part in found for part in _PARTS):
            raise OperatorError(
                f"nats.credentials: {path}: expected a user's JWT and seed, as in the .creds file that nsc makes"
            )

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self.ca is not None:
            with _named("ca", self.ca):
                context.load_verify_locations(_readable("ca", self.ca))
        if self.certificate is not None:
            key = _readable("key", self.key) if self.key else None
            with _named("certificate", self.certificate):
                context.load_cert_chain(_readable("certificate", self.certificate), key, password=_no_password)
        return context


_PARTS = b"BEGIN NATS USER JWT", b"BEGIN USER NKEY SEED"

OPEN = Access()
"""To a cluster that takes everybody, or those whose name and password are in its address."""


def _readable(setting: str, path: Path) -> Path:
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise OperatorError(f"nats.{setting}: {path}: {error.strerror}. It is read by the router's user.") from None


@contextmanager
def _named(setting: str, path: Path) -> Iterator[None]:
    """Says which setting a file belongs to that is not what it should be."""
    try:
        yield
    except (ssl.SSLError, ValueError) as error:
        raise OperatorError(
            f"nats.{setting}: {path}: expected PEM; a key has no password and belongs to its certificate ({error})"
        ) from None


def _no_password() -> str:
    raise ValueError("the key has a password")
