"""What an operator fills in for one OneSignal app."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from router.plugin import PluginSettings

_UUID = r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"


class Settings(PluginSettings):
    """Source: facts/vendors/onesignal.md sections 1, 2, 4 and 5."""

    app_id: str = Field(pattern=_UUID, description="The app's id, a UUID, as its settings page shows it.")
    api_key: SecretStr = Field(min_length=1, description="An API key of the app (`os_v2_app_…`).")
    event_mode: Literal["custom_events", "tags", "off"] = Field(
        "custom_events",
        description="What a track call becomes: a custom event, a tag of its name with the value `true`, or nothing.",
    )
    email_subscription: bool = Field(
        False, description="Subscribe the email of an identify to mails. Only where everybody has agreed to that."
    )
    sms_subscription: bool = Field(
        False,
        description="Subscribe the phone of an identify to text messages. Only where everybody has agreed to that.",
    )
    tags: list[str] = Field(
        [],
        description=(
            "The tags that may be written, by their names at OneSignal (`first_name`, `company_plan`); all of them if empty. "
            "How many a user may have is a matter of the plan: 2 to 100 and more."
        ),
    )
    track_pages: bool = Field(False, description="Send page and screen calls as custom events.")
    anonymous_alias: str = Field(
        "",
        pattern=r"^[A-Za-z0-9_-]*$",
        description=(
            "The label of an alias that an anonymousId becomes, such as `anonymous_id`. Without one nothing is sent of people "
            "without a userId."
        ),
    )

    def vendor_url(self) -> str:
        return "https://api.onesignal.com"
