"""A destination, and how it is delivered to."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SerializeAsAny

from router.config.action import Action, FieldNames, Trigger
from router.config.consent import Consent
from router.config.quantity import DAY_S, Bytes, PerSecond, Seconds
from router.config.section import Section
from router.config.value import Whole
from router.plugin import PluginSettings


class Delivery(Section):
    """How a destination is delivered to."""

    order: Literal["strict", "none"] = Field(
        "strict",
        description="strict delivers a user's events one after the other; none side by side, in any order.",
    )
    concurrency: Whole = Field(
        4, ge=1, le=64, description="Requests under way at a time, at most; fewer while the vendor can't take so many."
    )
    rate_limit_per_s: PerSecond | None = Field(
        None,
        alias="rate_limit",
        gt=0,
        le=100_000,
        description="The most requests, where they are to be fewer than the plugin knows its vendor to allow.",
    )
    timeout_s: Seconds = Field(
        10.0,
        alias="timeout",
        ge=0.05,
        le=600,
        description="How long a request may take in all; one that the vendor is known to need longer for may take that long.",
    )
    connect_timeout_s: Seconds = Field(
        5.0,
        alias="connect_timeout",
        ge=0.05,
        le=300,
        description="How long a new connection may take of that; at most half of `timeout`.",
    )
    retry_for_s: Seconds = Field(
        3 * DAY_S,
        alias="retry_for",
        ge=0,
        le=90 * DAY_S,
        description="How long an event is tried, from its first attempt, not counting time blocked; then it is a dead letter.",
    )
    batch_wait_s: Seconds | None = Field(
        None,
        alias="batch_wait",
        ge=0,
        le=60,
        description="How long a batch that isn't full waits for more; if not given, 100ms or what the plugin declares.",
    )
    max_parked: Whole = Field(
        10_000, ge=1, le=1_000_000, description="Events waiting apart for another try; at this many the reader stops."
    )
    max_in_flight: Whole = Field(
        2_000, ge=1, le=100_000, description="Events read from the log and not settled; bounds memory and repeats."
    )


class Destination(Section):
    """One configured use of a plugin."""

    name: str = Field(alias="(name)", description="Its key in the file; filled in when the file is read.")
    plugin: str = Field(description="The plugin's slug; the destination's own name where it isn't given.")
    enabled: bool = Field(True, description="false pauses it; its place in the log is kept for `hold`.")
    sandbox: bool = Field(False, description="true delivers to the plugin's built-in stand-in.")
    sources: tuple[str, ...] | None = Field(
        None, min_length=1, description="Names of the sources it takes events from; all, if absent."
    )
    opt_in: bool = Field(False, description="true takes only events whose `integrations` name it.")
    start: Literal["now", "beginning"] = Field("now", description="Where a new destination begins in the log.")
    hold_s: Seconds = Field(
        7 * DAY_S, alias="hold", ge=0, le=3_650 * DAY_S, description="How long a disabled one keeps its place."
    )
    formerly: str | None = Field(
        None,
        description="The name it had: takes over the state kept under that name, and what `integrations` say of it.",
    )
    max_backlog_bytes: Bytes = Field(
        10_000_000_000,
        alias="max_backlog",
        ge=1_000_000,
        description="The most of the log that it holds; beyond it its oldest events become dead letters.",
    )
    max_dead_letters_bytes: Bytes = Field(
        10_000_000_000,
        alias="max_dead_letters",
        ge=1_000_000,
        description="The most that its dead letters take on disk; beyond it the oldest are discarded.",
    )
    settings: SerializeAsAny[PluginSettings] = Field(
        default_factory=PluginSettings, description="The plugin's own; an instance of its settings model."
    )
    consent: Consent | None = Field(
        None, description="What people must have agreed to; an event without their consent is not sent."
    )
    filter: Trigger | None = Field(None, description="Which events are for it at all; any, if absent.")
    block: FieldNames | None = Field(None, description="Traits, properties and context it never gets.")
    hashed: FieldNames | None = Field(
        None, alias="hash", description="Traits, properties and context of which it gets only the SHA-256 hash."
    )
    actions: dict[str, Action] = Field(
        default_factory=dict,
        description="Changes to the plugin's actions, by their names; docs/actions.md tells of them.",
    )
    delivery: Delivery = Field(default_factory=Delivery, description="How it is delivered to.")

    def with_base_url(self, url: str) -> Self:
        """A copy that sends to *url*. For a sandbox, whose port is known only once it runs."""
        settings = self.settings.model_copy(update={"base_url": url.rstrip("/")})
        return self.model_copy(update={"settings": settings})
