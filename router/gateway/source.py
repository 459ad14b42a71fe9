"""A source as the gateway knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Sdk = Literal["segment", "customerio", "rudderstack", "jitsu", "any"]
"""The family of SDKs that a source's pages use."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source's keys, and what it may do."""

    write_keys: Sequence[str] = field(repr=False)
    """Each of them is valid, so that a key can be changed without a gap. All are ASCII."""
    is_enabled: bool = True
    origins: frozenset[str] | None = None
    """The pages that may send, as browsers write them: ``https://shop.example.com``. None: any."""
    sdk: Sdk = "any"
    max_requests_per_s: float | None = None

    def takes_from(self, origin: str | None) -> bool:
        """Whether a request from *origin* is allowed. None means no page; a program that is no browser could claim any
        origin."""
        return self.origins is None or origin is None or origin.lower() in self.origins
