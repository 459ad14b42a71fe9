"""What an operator fills in for one Amplitude project."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, SecretStr, field_validator

from router.plugin import PluginSettings

HOSTS: Final = {"us": "https://api2.amplitude.com", "eu": "https://api.eu.amplitude.com"}
"""Source: facts/vendors/amplitude.md section 1."""


class Settings(PluginSettings):
    """One project. Source: facts/vendors/amplitude.md sections 2, 3 and 5."""

    api_key: SecretStr = Field(min_length=1, description="The project's API key. The secret key is not needed.")
    region: Literal["us", "eu"] = Field("us", description="Where the project keeps its data.")
    endpoint: Literal["batch", "http_v2"] = Field(
        "batch",
        description=(
            "`batch` takes 1000 events a second of one user; `http_v2` shows events sooner, and takes 30 a second of one user."
        ),
    )
    min_id_length: int = Field(
        1,
        ge=1,
        le=100,
        description="The shortest user or device id that is sent. Amplitude's own default, 5, refuses ids such as `42`.",
    )
    device_id: Literal["anonymous_id", "context_device_id"] = Field(
        "anonymous_id",
        description=(
            "What `device_id` is where an event has both `anonymousId` and `context.device.id`; the other one fills in. "
            "Choose `context_device_id` where Amplitude's own mobile SDK is in use as well."
        ),
    )
    group_type: str = Field(
        "company", description="The type of the groups that group calls and `context.groupId` speak of."
    )
    group_type_trait: str = Field(
        "",
        description="A trait of group calls whose text is the group's type, in place of `group_type` where it is there.",
    )
    group_value_trait: str = Field(
        "",
        description="A trait of group calls that names the group in Amplitude, in place of the groupId where it is there.",
    )
    product_events: bool = Field(
        False,
        description=(
            "Send the revenue of an Order Completed as one event `Product Purchased` for each of its `products`, with price "
            "and quantity, and the order itself without revenue."
        ),
    )

    @field_validator("group_type")
    @classmethod
    def _is_group_type(cls, value: str) -> str:
        if not value.strip() or "." in value:
            raise ValueError("expected text without dots")
        return value

    def vendor_url(self) -> str:
        return HOSTS[self.region]
