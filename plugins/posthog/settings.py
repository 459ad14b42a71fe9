"""What an operator fills in for one PostHog project."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, SecretStr, field_validator

from router.plugin import PluginSettings

HOSTS: Final = {"us": "https://us.i.posthog.com", "eu": "https://eu.i.posthog.com"}
"""Source: facts/vendors/posthog.md section 1. A server of one's own is a ``base_url``."""


class Settings(PluginSettings):
    """One project. Source: facts/vendors/posthog.md sections 2, 3 and 5."""

    api_key: SecretStr = Field(min_length=1, description="The project's token (`phc_…`), not a personal API key.")
    region: Literal["us", "eu"] = Field(
        "us", description="Where PostHog Cloud keeps the project. For a server of your own set `base_url`."
    )
    person_profiles: Literal["identified_only", "always", "never"] = Field(
        "identified_only",
        description=(
            "Who has a profile: users with a userId, everybody, or nobody. Events of those without one are cheaper, and "
            "their properties are not kept."
        ),
    )
    group_type: str = Field(
        "company", description="The type of the groups that group calls and `context.groupId` speak of."
    )
    geoip: bool = Field(True, description="Let PostHog tell the place from `context.ip`, where there is one.")
    flatten_objects: bool = Field(
        False,
        description=(
            "Send objects among traits as one property a key (`address_city`), which PostHog's filters can reach, instead of "
            "whole."
        ),
    )
    historical_migration: bool = Field(
        False,
        description="Mark all that is sent as an import of old events. For a destination made for that alone; a replay marks "
        "what it sends by itself.",
    )

    @field_validator("group_type")
    @classmethod
    def _is_group_type(cls, value: str) -> str:
        if not value.strip() or "." in value:
            raise ValueError("expected text without dots")
        return value

    def vendor_url(self) -> str:
        return HOSTS[self.region]
