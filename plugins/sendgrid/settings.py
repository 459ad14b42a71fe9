"""What an operator fills in for SendGrid. Source: facts/vendors/sendgrid-marketing.md sections 1 to 5."""

from __future__ import annotations

import re
from typing import Final, Literal

from pydantic import Field, SecretStr, field_validator

from router.plugin import PluginSettings

HOSTS: Final = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
FIELD: Final = re.compile(r"(?P<id>[A-Za-z0-9]+(_(?P<suffix>[TND]))?)(:(?P<type>text|number|date))?")
"""A custom field as the settings name it: its id, and its type where the id doesn't end in it."""


class Settings(PluginSettings):
    """One SendGrid account, or one of its subusers."""

    api_key: SecretStr = Field(min_length=1, description="API key with full access to Marketing.")
    region: Literal["global", "eu"] = Field("global", description="`eu` for a subuser of the European region.")
    on_behalf_of: str = Field(
        "", pattern=r"^[!-~]*$", description="Subuser whose contacts these are, for a key of the parent account."
    )
    list_ids: list[str] = Field([], description="Lists that everybody who is identified is put on.")
    custom_fields: dict[str, str] = Field(
        {}, description="Trait → id of the custom field it is written to (`plan: e1_T`); other traits have no place."
    )
    group_fields: dict[str, str] = Field(
        {}, description="The same for a group's traits, written to the contacts of its people. Without it, none is."
    )
    send_external_id: bool = Field(
        False,
        description="Send the userId as the identifier `external_id`, and nobody without one. Choose before the first contact.",
    )
    send_anonymous_id: bool = Field(
        False, description="Send people known by anonymousId alone. Each is a contact of its own for ever, and billed."
    )

    @field_validator("custom_fields", "group_fields")
    @classmethod
    def _name_fields(cls, fields: dict[str, str]) -> dict[str, str]:
        for trait, field in fields.items():
            if not trait.strip(".") or not FIELD.fullmatch(field):
                raise ValueError(f"{trait}: expected the id of a custom field, such as e1_T, w1 or w1:date")
        return fields

    def vendor_url(self) -> str:
        return HOSTS[self.region]
