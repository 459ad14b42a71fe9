"""What an operator fills in for one place to forward to, and what each of them takes."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from router.plugin import PluginSettings

Flavour = Literal["segment", "rudderstack", "customerio", "jitsu", "trait_router"]

HOSTS: Final = {
    ("segment", "us"): "https://api.segment.io",
    ("segment", "eu"): "https://events.eu1.segmentapis.com",
    ("customerio", "us"): "https://cdp.customer.io",
    ("customerio", "eu"): "https://cdp-eu.customer.io",
}
"""Of those that everybody shares. Source: facts/vendors/segment-compatible.md section 1."""

_URL = re.compile(r"https?://[^\s?#]+")


class Limits(NamedTuple):
    """How much one request may hold."""

    events: int
    request_bytes: int
    event_bytes: int


LIMITS: Final = {
    "segment": Limits(2_500, 475_000, 32_000),
    "rudderstack": Limits(2_500, 3_900_000, 3_900_000),
    "customerio": Limits(100, 475_000, 32_000),
    "jitsu": Limits(2_500, 950_000, 950_000),
    "trait_router": Limits(2_500, 9_000_000, 990_000),
}
"""Below what each takes, with room for what stands around the events. Where none is published it is Segment's number of events.

Source: facts/vendors/segment-compatible.md section 6.
"""


class Settings(PluginSettings):
    """One tracking API. Source: facts/vendors/segment-compatible.md sections 1, 2 and 5."""

    flavour: Flavour = Field(
        "segment", description="Whose tracking API it is; `trait_router` is another router of this kind."
    )
    url: str = Field(
        "",
        description=(
            "Where it is, without `/v1`: the data plane of RudderStack, the ingest address of Jitsu, the address of the other "
            "router. Segment and Customer.io have their own."
        ),
    )
    region: Literal["us", "eu"] = Field(
        "us",
        description="Of Segment and Customer.io. What is sent to the wrong one may be answered as good, and vanish.",
    )
    write_key: SecretStr = Field(
        min_length=1, description="The write key of a source there, which should be of its own for this router."
    )
    integrations: Literal["pass", "drop"] = Field(
        "pass", description="Whether `integrations` goes along, which steers the destinations there too."
    )
    router_name: str = Field(
        "trait-router",
        min_length=1,
        max_length=100,
        description=(
            "What this router writes into `context.forwardedBy`. An event that has the name there was here before, and is not "
            "sent again. Routers in a row need different names."
        ),
    )
    gzip: bool = Field(False, description="Compress requests. Customer.io and Jitsu take it, as does this router.")

    @field_validator("url")
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        if value and not _URL.fullmatch(value):
            raise ValueError('expected "http://host" or "https://host", with a port and a path if need be')
        return value.rstrip("/").removesuffix("/v1")

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if not self.url and (self.flavour, self.region) not in HOSTS:
            raise ValueError(f"url: {self.flavour} has no address that everybody shares; say where yours is")
        return self

    @property
    def limits(self) -> Limits:
        return LIMITS[self.flavour]

    def vendor_url(self) -> str:
        return self.url or HOSTS[self.flavour, self.region]
