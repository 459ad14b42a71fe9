"""What an operator fills in for Klaviyo. Source: facts/vendors/klaviyo.md sections 1 to 6."""

from __future__ import annotations

from typing import Final, Self

from pydantic import Field, SecretStr, model_validator

from router.plugin import PluginSettings

HOST: Final = "https://a.klaviyo.com"
"""There is one region."""


class Settings(PluginSettings):
    """One Klaviyo account."""

    private_key: SecretStr = Field(
        min_length=1, description="Private API key with the scopes `profiles:write` and `events:write`."
    )
    revision: str = Field(
        "2026-10-15",
        pattern=r"^\d{4}-\d{2}-\d{2}$",
        description="Sent as `revision`, which fixes the API's behaviour. Each is supported for about two years.",
    )
    send_external_id: bool = Field(
        True, description="Send the userId as `external_id`. Off where another system's ids stand there."
    )
    default_calling_code: str = Field(
        "",
        pattern=r"^(\+[1-9][0-9]{0,3})?$",
        description="For phone numbers without one, such as `+44`: put before the number less what is dialled at home alone, a "
        "zero or in North America a one.",
    )
    list_id: str = Field(
        "", description="List that everybody who is identified is added to (scope `lists:write`). Subscribes nobody."
    )
    anonymous_events: bool = Field(
        False, description="Send events of people known by anonymousId alone: Klaviyo makes profiles of them."
    )
    track_views: bool = Field(
        False, description="Send page and screen calls as events. Metrics are for marketers to see."
    )
    ecommerce: bool = Field(
        False,
        description="Send e-commerce events under the names that Klaviyo's templates expect, and an order also line by "
        "line.",
    )
    backfill_after_h: int | None = Field(
        None,
        ge=1,
        description="Events that are so many hours older than their receipt are stored and start no flow. Not with `bulk`.",
    )
    bulk: bool = Field(
        False, description="Send in jobs: profiles by the thousand, events 1000 a request. See Limits for what is lost."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.bulk and self.backfill_after_h is not None:
            raise ValueError("backfill_after_h goes only without bulk: a job is not known to keep flows from starting")
        return self

    def vendor_url(self) -> str:
        return HOST
