"""Packing of endpoints that take one payload a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from router.plugin.request import Payload, Request, build_url


def pack_one(
    method: str, *path: str, headers: Mapping[str, str] | None = None
) -> Callable[[Sequence[Payload], Any], Request]:
    """The *pack* of an endpoint with ``max_events=1``: a request with the body of the payload, to *path* at the vendor."""

    def pack(payloads: Sequence[Payload], settings: Any) -> Request:
        return Request(method, build_url(settings.api_url, *path), payloads[0].body, headers or {})

    return pack
