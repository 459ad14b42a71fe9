"""The ports of a router: the public one, and the admin port for its operator."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from router.config.quantity import Bytes, Seconds
from router.config.section import Section
from router.config.value import Host, Network, Port, PublicUrl, Whole


class Server(Section):
    """The public port, where sources send to."""

    host: Host = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: Port = Field(8080, description="Port to listen on; 0 takes a free one.")
    max_body_bytes: Bytes = Field(
        10_000_000,
        alias="max_body",
        ge=1_000,
        le=1_000_000_000,
        description="The biggest body of a request, as sent and after decompression.",
    )
    max_event_bytes: Bytes = Field(
        1_000_000, alias="max_event", ge=1_000, le=100_000_000, description="The biggest event, as JSON."
    )
    public_url: PublicUrl | None = Field(
        None,
        description="Where browsers reach the router, which their settings documents say; the host they asked, if absent.",
    )
    trusted_proxies: tuple[Network, ...] = Field(
        (), description="Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."
    )
    max_events: Whole = Field(2_500, ge=1, le=100_000, description="Events in one batch; those beyond it are rejected.")
    max_keys: Whole = Field(
        5_000,
        ge=100,
        le=1_000_000,
        description="Keys in one event, nested ones included. An empty object, and a list within a list, count as one each.",
    )
    max_depth: Whole = Field(100, ge=10, le=100, description="Levels of objects and lists in one event.")
    max_held_bytes: Bytes = Field(
        100_000_000,
        alias="max_held",
        ge=1_000_000,
        description="All bodies under way together; beyond it requests get 503.",
    )
    max_head_bytes: Bytes = Field(
        32_000,
        alias="max_head",
        ge=4_000,
        le=1_000_000,
        description="The request line and headers of one request together.",
    )
    max_connections: Whole = Field(
        10_000, ge=10, le=1_000_000, description="Connections at a time; a new one takes the place of the slowest."
    )
    head_timeout_s: Seconds = Field(
        10.0, alias="head_timeout", ge=0.1, le=600, description="How long the headers of a request may take to arrive."
    )
    body_timeout_s: Seconds = Field(
        30.0,
        alias="body_timeout",
        ge=0.1,
        le=3_600,
        description="How long its body may take to arrive, and its answer to be taken.",
    )
    idle_timeout_s: Seconds = Field(
        75.0, alias="idle_timeout", ge=1, le=3_600, description="How long a connection may wait between two requests."
    )

    @model_validator(mode="after")
    def _has_room_for_a_body(self) -> Self:
        if self.max_held_bytes < self.max_body_bytes:
            raise ValueError("max_held is less than max_body: no request of that size could ever be taken; raise it")
        return self


class Admin(Section):
    """The port for metrics and status."""

    host: Host = Field("127.0.0.1", description="Address to listen on.")
    port: Port = Field(8081, description="Port to listen on; 0 takes a free one.")
