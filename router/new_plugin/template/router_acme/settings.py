"""What an operator fills in for one Acme account."""

from __future__ import annotations

from pydantic import Field, SecretStr
from router.plugin import PluginSettings


class Settings(PluginSettings):
    api_key: SecretStr = Field(min_length=1, description="The account's API key; sent as a bearer token.")

    def vendor_url(self) -> str:
        return "https://api.acme.example.com"
