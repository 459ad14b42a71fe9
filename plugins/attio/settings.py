"""What an operator fills in for one Attio workspace. Source: facts/vendors/attio.md sections 1 to 4."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from router.plugin import PluginSettings

HOST: Final = "https://api.attio.com"
TYPES: Final = ("text", "number", "checkbox", "date", "timestamp", "list")
"""Of an attribute, where the settings name one: `list` is a select or another one that holds several values."""
ATTRIBUTE: Final = re.compile(rf"(?P<slug>[A-Za-z0-9_-]+)(:(?P<type>{'|'.join(TYPES)}))?")
_READ_ONLY: Final = frozenset({"created_at", "created_by", "record_id"})
FILLED: Final[Mapping[str, frozenset[str]]] = {
    "person_attributes": frozenset(
        {
            *("email_addresses", "name", "phone_numbers", "job_title"),
            *("description", "primary_location", "company", "avatar_url"),
        }
    ),
    "user_attributes": frozenset({"user_id", "primary_email_address", "person", "workspace"}),
    "company_attributes": frozenset({"domains", "name", "description", "primary_location"}),
    "workspace_attributes": frozenset({"workspace_id", "name", "avatar_url", "company", "users"}),
}
"""By setting: the attributes that are filled without it; a person's `avatar_url` by Attio itself, which takes none."""


class Settings(PluginSettings):
    """One workspace."""

    access_token: SecretStr = Field(
        min_length=1, description="With the scopes `record_permission:read-write` and `object_configuration:read`."
    )
    use_users_object: bool = Field(
        False, description="Write whoever has a userId to the object `users` too, which an administrator has to enable."
    )
    use_workspaces_object: bool = Field(
        False, description="Write groups to the object `workspaces` too, which an administrator has to enable."
    )
    person_attributes: dict[str, str] = Field(
        {},
        description="Trait → slug of the attribute of people that it is written to, with its type where that isn't the "
        "trait's own (`plan: plan_tier`, `renewsAt: renews_on:date`). Traits that are not named have no place.",
    )
    user_attributes: dict[str, str] = Field({}, description="The same for the object `users`.")
    company_attributes: dict[str, str] = Field({}, description="The same for a group's traits and companies.")
    workspace_attributes: dict[str, str] = Field({}, description="The same for the object `workspaces`.")

    @field_validator(*FILLED)
    @classmethod
    def _name_attributes(cls, attributes: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        for trait, named in attributes.items():
            match = ATTRIBUTE.fullmatch(named)
            if not all(part.strip() for part in trait.split(".")) or match is None:
                raise ValueError(f"{trait}: expected an attribute's slug, such as plan_tier or seats:number")
            if match["slug"] in _READ_ONLY or match["slug"] in FILLED[str(info.field_name)]:
                raise ValueError(f"{trait}: {match['slug']} is filled already; give another attribute")
        return attributes

    @field_validator("user_attributes", "workspace_attributes")
    @classmethod
    def _has_its_object(cls, attributes: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        switch = "use_users_object" if info.field_name == "user_attributes" else "use_workspaces_object"
        if attributes and info.data.get(switch) is False:
            raise ValueError(f"nothing is written to this object without {switch}")
        return attributes

    def vendor_url(self) -> str:
        return HOST
