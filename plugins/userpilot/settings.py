"""What an operator fills in for one Userpilot environment."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, SecretStr

from router.plugin import PluginSettings

HOSTS: Final = {"us": "https://analytex.userpilot.io", "eu": "https://analytex-eu.userpilot.io"}
"""Source: facts/vendors/userpilot.md section 1. Enterprise accounts have a host of their own: a ``base_url``."""


class Settings(PluginSettings):
    """Source: facts/vendors/userpilot.md sections 1, 2 and 5."""

    api_key: SecretStr = Field(min_length=1, description="The API key of the environment, as its page shows it.")
    region: Literal["us", "eu"] = Field(
        "us",
        description="Where the account is kept. If the Environment page shows another endpoint, set `base_url` to that.",
    )
    track_pages: bool = Field(
        False,
        description="Send page and screen calls as events, such as `Viewed Pricing Page`. Userpilot takes 10,000 names.",
    )

    def vendor_url(self) -> str:
        return HOSTS[self.region]
