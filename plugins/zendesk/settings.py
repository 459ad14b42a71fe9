"""What an operator fills in for one Zendesk account."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from router.plugin import PluginSettings


class Rates(NamedTuple):
    """Requests a minute of one account: to the API at large, and to that of events and profiles."""

    requests: int
    events: int


RATES: Final = {
    "team": Rates(200, 250),
    "growth": Rates(400, 250),
    "professional": Rates(400, 500),
    "enterprise": Rates(700, 700),
    "enterprise_plus": Rates(2_500, 1_000),
}
"""Source: facts/vendors/zendesk.md section 6."""
MAX_SOURCE: Final = 40


class Settings(PluginSettings):
    """One account. Source: facts/vendors/zendesk.md sections 1 to 6."""

    subdomain: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$", description="Of the account: `acme` of https://acme.zendesk.com."
    )
    email: str = Field("", description="Of the agent whose `api_token` it is.")
    api_token: SecretStr = Field(SecretStr(""), description="With `email`. This or `oauth_token`.")
    oauth_token: SecretStr = Field(
        SecretStr(""),
        description="With the scopes `users:read`, `users:write`, `organizations:read` and `organizations:write`, or with "
        "`read` and `write`, which hold these. Wins over `api_token`.",
    )
    plan: Literal["team", "growth", "professional", "enterprise", "enterprise_plus"] = Field(
        "team", description="The account's plan, which says how many requests a minute it takes."
    )
    create_verified: bool = Field(
        False, description="Create users with a verified email. In any case Zendesk sends no mail to verify it."
    )
    primary_email: bool = Field(
        False, description="Make an email that is new to a user the primary one; else it is one more address."
    )
    create_fields: bool = Field(
        False,
        description="Define a user or organization field that is missing. Its key and type stay for ever.",
    )
    create_organizations: bool = Field(
        False,
        description="Create the organization that a person's `company` names; else only one that exists is linked.",
    )
    send_events: bool = Field(
        True, description="Send track calls as events of profiles, for which the plan has to include the Events API."
    )
    send_pages: bool = Field(False, description="Send page and screen calls as events `page_viewed`.")
    event_source: str = Field(
        "trait_router",
        min_length=1,
        max_length=MAX_SOURCE,
        description="The source of profiles and their events. An account has 50 at most.",
    )
    merge_users: bool = Field(False, description="Merge two users on an alias call. It can't be undone.")

    @field_validator("event_source")
    @classmethod
    def _is_not_zendesk_s(cls, value: str) -> str:
        if value.casefold() == "zendesk":
            raise ValueError("that source is the vendor's own; give another one")
        return value

    @model_validator(mode="after")
    def _has_credentials(self) -> Self:
        if not self.oauth_token.get_secret_value() and not (self.email and self.api_token.get_secret_value()):
            raise ValueError("expected oauth_token, or email and api_token")
        return self

    def vendor_url(self) -> str:
        return f"https://{self.subdomain}.zendesk.com"
