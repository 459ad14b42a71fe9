"""The surroundings: the proxies between the gateway and its callers, and the address that callers know. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from router.gateway.refusal import RefusalCode, bad_request

Network = IPv4Network | IPv6Network

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::[0-9]+)?|(?P<v4>[0-9.]+):[0-9]+")


class PublicAddress(NamedTuple):
    """Where browsers reach the router."""

    protocol: Literal["http", "https"]
    place: str
    """The host, a port if need be, and a path prefix if there is one: ``example.com/collect``. No slash at the end."""
    is_configured: bool
    """False if it is only what this caller says."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the operator says about the surroundings."""

    public_url: str | None = None
    """``https://router.example.com``, with a path prefix if the proxy removes one."""
    trusted_proxies: Sequence[Network] = ()
    """The proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed."""

    def caller(self, peer: str | None, forwarded_for: Sequence[str]) -> str | None:
        """The caller's IP address in its shortest form; None if there is none.

        Args:
            peer: the address that the connection comes from.
            forwarded_for: each ``X-Forwarded-For`` header, in order. A proxy appends the address that called *it*, so they are
                read from the end, past the trusted proxies. What stands further left is hearsay.
        """
        if not self.trusted_proxies:
            return _shortest(peer or "")
        caller = _address(peer or "")
        hops = [hop for header in forwarded_for for hop in header.split(",")]
        while caller is not None and hops and self._trusts(caller):
            before = _address(hops.pop())
            if before is None:
                break
            caller = before
        return None if caller is None else str(caller)

    def address(self, peer: str | None, host: str, forwarded_proto: str) -> PublicAddress:
        """Where a browser reaches the router: the configured address, else what this request says, which holds only for its
        caller.

        *forwarded_proto* is believed if it comes from a trusted proxy. Otherwise it is plain http, since the router itself
        never speaks TLS.

        Raises:
            Refused: 400, *host* is not a host.
        """
        if self.public_url is not None:
            parts = urlsplit(self.public_url)
            protocol: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
            return PublicAddress(protocol, parts.netloc + parts.path.rstrip("/"), is_configured=True)
        if not _HOST.fullmatch(host):
            raise bad_request(RefusalCode.UNKNOWN_HOST, "the Host header is no host; set server.public_url")
        caller = _address(peer or "")
        is_secure = (
            caller is not None
            and self._trusts(caller)
            and forwarded_proto.rpartition(",")[2].strip().lower() == "https"
        )
        return PublicAddress("https" if is_secure else "http", host, is_configured=False)

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self.trusted_proxies)


@lru_cache(maxsize=1024)
def _shortest(text: str) -> str | None:
    address = _address(text)
    return None if address is None else str(address)


@lru_cache(maxsize=1024)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An IP address as servers and proxies write it: with a port, in brackets, with a zone, or IPv4 mapped into IPv6."""
    text = text.strip()
    with_port = _WITH_PORT.fullmatch(text)
    if with_port is not None:
        text = with_port["v6"] or with_port["v4"]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
