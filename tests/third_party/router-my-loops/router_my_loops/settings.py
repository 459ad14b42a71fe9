"""What an operator fills in for one Loops team."""

from __future__ import annotations

from pydantic import Field, SecretStr
from router.plugin import PluginSettings


class Settings(PluginSettings):
    api_key: SecretStr = Field(min_length=1, description="The team's API key; sent as a bearer token.")
    source: str = Field("", description="What Loops shows as the source of a contact; nothing is sent if absent.")

    def vendor_url(self) -> str:
        return "https://app.loops.so/api"
