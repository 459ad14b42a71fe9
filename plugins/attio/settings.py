"""What an operator fills in for one Attio workspace. Source: facts/vendors/attio.md sections 1 to 4."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from router.plugin import PluginSettings

HOST: Final = "https://api.attio.com"
TYPES: Final = ("text", "number", "checkbox", "date", "timestamp", "list")
"""Of an attribute, where the settings name one: `list` is a select or another one that holds several values."""
ATTRIBUTE: Final = re.compile(rf"(?P<slug>[A-Za-z0-9_-]+)(:(?P<type>{'|'.join(TYPES)}))?")
_READ_ONLY: Final = frozenset({"created_at", "created_by", "record_id"})


def _but(*filled: str) -> AfterValidator:
    """An attribute of an object, as `ATTRIBUTE` has it, but for those that are *filled* without a setting."""

    def check(named: str) -> str:
        match = ATTRIBUTE.fullmatch(named)
        if match is None:
            raise ValueError("expected an attribute's slug, such as plan_tier or seats:number")
        if match["slug"] in _READ_ONLY.union(filled):
            raise ValueError("that attribute is filled already; give another one")
        return named

    return AfterValidator(check)


_LOCATED: Final = ("name", "description", "primary_location")
_OfPerson = Annotated[str, _but("email_addresses", "phone_numbers", "job_title", "company", "avatar_url", *_LOCATED)]
"""``avatar_url`` is filled by Attio itself, which takes none."""
_OfUser = Annotated[str, _but("user_id", "primary_email_address", "person", "workspace")]
_OfCompany = Annotated[str, _but("domains", *_LOCATED)]
_OfWorkspace = Annotated[str, _but("workspace_id", "name", "avatar_url", "company", "users")]


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
    person_attributes: dict[str, _OfPerson] = Field(
        {},
        description="Trait → slug of the attribute of people that it is written to, with its type where that isn't the "
        "trait's own (`plan: plan_tier`, `renewsAt: renews_on:date`). Traits that are not named have no place.",
    )
    user_attributes: dict[str, _OfUser] = Field({}, description="The same for the object `users`.")
    company_attributes: dict[str, _OfCompany] = Field({}, description="The same for a group's traits and companies.")
    workspace_attributes: dict[str, _OfWorkspace] = Field({}, description="The same for the object `workspaces`.")

    @field_validator("person_attributes", "user_attributes", "company_attributes", "workspace_attributes")
    @classmethod
    def _name_traits(cls, attributes: dict[str, str]) -> dict[str, str]:
        if not all(part.strip() for trait in attributes for part in trait.split(".")):
            raise ValueError("expected a trait, or a path with dots such as company.plan")
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
