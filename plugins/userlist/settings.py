"""What an operator fills in for one Userlist account."""

from __future__ import annotations

from pydantic import Field, SecretStr

from router.plugin import PluginSettings


class Settings(PluginSettings):
    """Source: facts/vendors/userlist.md sections 1, 2, 5 and 7."""

    push_key: SecretStr = Field(min_length=1, description="The account's push key, as its push settings show it.")
    companies: bool = Field(
        True,
        description=(
            "Write companies: from group calls, from the trait `company` and from the group of an event. Switch it off where "
            "the plan has none."
        ),
    )
    track_pages: bool = Field(
        False, description="Send page and screen calls as the events `page_viewed`, `screen_viewed`."
    )

    def vendor_url(self) -> str:
        return "https://push.userlist.com"
