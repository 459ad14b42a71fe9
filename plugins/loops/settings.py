"""What an operator fills in for one Loops team."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from router.plugin import PluginSettings


class Settings(PluginSettings):
    """Source: facts/vendors/loops.md sections 1, 2, 4 and 5."""

    api_key: SecretStr = Field(min_length=1, description="An API key of the team.")
    source: str = Field(
        "", max_length=100, description="The `source` of a contact whose identify tells none. Empty: Loops' own, `API`."
    )
    user_group: str = Field(
        "", max_length=100, description="The `userGroup` of a contact whose identify tells none. Empty: as it is."
    )
    subscribed_trait: str = Field(
        "subscribed",
        pattern=r"^[^.]*$",
        description=(
            "The trait that says, by true or false, whether somebody wants mails. Empty: `subscribed` is never sent."
        ),
    )
    custom_case: Literal["camel", "as_is"] = Field(
        "camel",
        description=(
            "How custom traits are called: `planName`, as Loops names properties, for `plan_name`; or `as_is`, as Segment "
            "and RudderStack send them."
        ),
    )
    track_pages: bool = Field(False, description="Send page and screen calls as events, such as `Viewed Pricing Page`.")

    def vendor_url(self) -> str:
        return "https://app.loops.so/api"
