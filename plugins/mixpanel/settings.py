"""What an operator fills in for one Mixpanel project."""

from __future__ import annotations

import re
from typing import Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from router.plugin import PluginSettings

HOSTS: Final = {
    "us": "https://api.mixpanel.com",
    "eu": "https://api-eu.mixpanel.com",
    "in": "https://api-in.mixpanel.com",
}
"""Source: facts/vendors/mixpanel.md section 1."""

PLACEHOLDER: Final = re.compile(r"\{(name|category)\}")
"""What a page or screen event's name may be filled from."""


class Settings(PluginSettings):
    """One project. A project lives in one region only: data sent to another region's host is not visible."""

    project_token: SecretStr = Field(
        min_length=1,
        description="The project's token. Profiles and groups always need it; events too, without a service account.",
    )
    region: Literal["us", "eu", "in"] = Field("us", description="Where the project keeps its data.")
    id_merge: Literal["simplified", "original"] = Field(
        "simplified",
        description="The project's identity merge, as its settings page names it. Projects since April 2024 are simplified.",
    )
    group_keys: list[str] = Field(
        ["$group_id"],
        min_length=1,
        max_length=300,
        description="Group keys of the project, made by a person in its settings. A groupId belongs to the first.",
    )
    page_event: str = Field(
        "Loaded a Page",
        description="Name of the event for a page call; {name} and {category} are filled in. Mixpanel advises few names.",
    )
    screen_event: str = Field(
        "Loaded a Screen",
        description="Name of the event for a screen call; {name} and {category} are filled in.",
    )
    strict: bool = Field(
        True, description="Have Mixpanel report what it refuses. When off, it drops bad events without a word."
    )
    service_account_username: str = Field(
        "", description="Service account for events, in place of the project token; needs the next two as well."
    )
    service_account_secret: SecretStr = Field(SecretStr(""), description="The service account's secret.")
    project_id: str = Field(
        "", coerce_numbers_to_str=True, description="The project's number; a service account needs it."
    )

    @field_validator("group_keys")
    @classmethod
    def _are_group_keys(cls, keys: list[str]) -> list[str]:
        for key in keys:
            if not key.strip() or "." in key:
                raise ValueError("expected group keys, which are texts without dots")
        if len(set(keys)) < len(keys):
            raise ValueError("a group key is listed twice")
        return keys

    @field_validator("page_event", "screen_event")
    @classmethod
    def _is_event_name(cls, template: str) -> str:
        rest = PLACEHOLDER.sub("", template)
        if not template.strip() or "{" in rest or "}" in rest:
            raise ValueError(
                'expected a name such as "Viewed {category} {name} Page"; only {name} and {category} are known'
            )
        return template

    @model_validator(mode="after")
    def _has_a_whole_service_account(self) -> Self:
        given = [self.service_account_username, self.service_account_secret.get_secret_value(), self.project_id]
        if any(given[:2]) and not all(given):
            raise ValueError("a service account needs service_account_username, service_account_secret and project_id")
        return self

    @property
    def has_service_account(self) -> bool:
        return bool(self.service_account_username)

    def vendor_url(self) -> str:
        return HOSTS[self.region]
