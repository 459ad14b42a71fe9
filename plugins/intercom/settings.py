"""What an operator fills in for Intercom. Source: facts/vendors/intercom.md sections 1 to 4."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, SecretStr

from router.plugin import PluginSettings

HOSTS: Final = {
    "us": "https://api.intercom.io",
    "eu": "https://api.eu.intercom.io",
    "au": "https://api.au.intercom.io",
}


class Settings(PluginSettings):
    """One Intercom workspace."""

    access_token: SecretStr = Field(
        min_length=1, description="From the developer hub; may read and write people and events."
    )
    region: Literal["us", "eu", "au"] = Field("us", description="Where the workspace is hosted.")
    api_version: str = Field(
        "2.16",
        pattern=r"^\d+\.\d+$",
        description="Sent as `Intercom-Version`, so that the app's own setting doesn't decide.",
    )
    lookup_field: Literal["external_id", "email"] = Field(
        "external_id",
        description="What finds a contact: the userId, or the email where several systems write contacts.",
    )
    created_at_field: Literal["created_at", "signed_up_at", "both"] = Field(
        "both", description="Where a person's `createdAt` goes; see Traits."
    )
    create_data_attributes: bool = Field(
        False,
        description="Declare a custom attribute that the workspace doesn't know; else it is left out and reported.",
    )
    role_without_user_id: Literal["user", "lead"] = Field(
        "user", description="Role of a contact that is known by email alone."
    )
    send_anonymous_id: bool = Field(
        False,
        description="Take the anonymousId for the external_id of people without userId. Can't be undone, and is billed.",
    )
    track_pages: bool = Field(
        False,
        description='Send page and screen calls as events "Viewed NAME Page". Event names are scarce in Intercom.',
    )

    def vendor_url(self) -> str:
        return HOSTS[self.region]
