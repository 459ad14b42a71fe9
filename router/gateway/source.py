"""A source, as the gateway knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Sdk = Literal["segment", "customerio", "rudderstack", "jitsu", "any"]
"""The family of SDKs that a source's pages use."""


@dataclass(frozen=True, slots=True)
class Source:
    """How a source is known, and what it may do."""

    write_keys: Sequence[str] = field(repr=False)
    """Any of them will do, so that a key can be changed without a gap. All of them ASCII."""
    is_enabled: bool = True
    origins: frozenset[str] | None = None
    """The pages that may send: ``https://shop.example.com``, as browsers write it. None: any."""
    sdk: Sdk = "any"
    max_requests_per_s: float | None = None

    def takes_from(self, origin: str | None) -> bool:
        """Whether a request from *origin* may come. None is no page: whoever isn't a browser can say what it likes."""
        return self.origins is None or origin is None or origin.lower() in self.origins
