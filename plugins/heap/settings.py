"""What an operator fills in for one environment of a Heap project."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, SecretStr, field_validator

from plugins.heap.property import property_name
from router.plugin import PluginSettings

HOSTS: Final = {"us": "https://heapanalytics.com", "eu": "https://c.eu.heap-api.com"}
"""Source: facts/vendors/heap.md section 1."""


class Settings(PluginSettings):
    """Source: facts/vendors/heap.md sections 2 and 5 (group)."""

    app_id: SecretStr = Field(min_length=1, description="The id of the environment: Heap asks for nothing else.")
    region: Literal["us", "eu"] = Field("us", description="Where the project keeps its data.")
    account_id_property: str = Field(
        "",
        description=(
            "The user property that Heap is set up to take as Account ID, such as `company_id`. Group calls write it, and the "
            "account's properties; without it they are skipped."
        ),
    )

    @field_validator("account_id_property")
    @classmethod
    def _is_property(cls, value: str) -> str:
        if value and property_name(value) is None:
            raise ValueError("expected the name of a property, which can't be blank or one of the ids that Heap has")
        return value

    def vendor_url(self) -> str:
        return HOSTS[self.region]
