"""What an operator fills in for one Vero project."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from router.plugin import PluginSettings


class Settings(PluginSettings):
    """Source: facts/vendors/vero.md sections 1 to 6."""

    auth_token: SecretStr = Field(min_length=1, description="The project's auth token.")
    trait_case: Literal["camel", "snake"] = Field(
        "camel",
        description=(
            "How reserved traits are spelled: `firstName`, as Segment and RudderStack send what their callers say, or "
            "`first_name`, as in Vero's samples."
        ),
    )
    flatten_objects: bool = Field(
        False,
        description="Send objects among traits and properties as one property a key (`company_name`), instead of whole.",
    )
    group_field: str = Field(
        "group",
        pattern=r"^([A-Za-z][A-Za-z0-9_]*)?$",
        description="The property of the user that a group call writes. Nothing is written if it is empty.",
    )
    track_pages: bool = Field(True, description="Send page and screen calls as events.")
    send_anonymous_id: bool = Field(
        False,
        description="Send the anonymousId as the id of people without a userId. Each becomes a user of the project.",
    )
    requests_per_s: int = Field(
        10, ge=1, le=1_000, description="How many requests a second the project may get. Vero publishes no number."
    )

    def vendor_url(self) -> str:
        return "https://api.getvero.com/api/v2"
