"""What an operator fills in for one Pipedrive account. Source: facts/vendors/pipedrive.md sections 1 to 6."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from router.plugin import PluginSettings

_KEY: Final = r"^[0-9a-f]{40}$"
Key = Annotated[str, StringConstraints(pattern=_KEY)]
"""Of a custom field: the account's own, and another one in each account."""
FieldType = Literal[
    "varchar",
    "varchar_auto",
    "text",
    "phone",
    "double",
    "monetary",
    "date",
    "enum",
    "set",
    "address",
    "user",
    "org",
    "people",
]
"""As Pipedrive calls them."""


class CustomField(BaseModel):
    """A custom field that a trait is written to."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    key: Key = Field(description="Its API key, of 40 characters.")
    type: FieldType = Field("varchar", description="Its type.")
    options: dict[str, int] = Field({}, description="Of `enum` and `set`: value of the trait → id of the option.")
    currency: str = Field("", pattern="^([A-Z]{3})?$", description="Of `monetary`, such as EUR.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.type == "monetary") != bool(self.currency):
            raise ValueError("expected a currency for type monetary, and for no other")
        if self.options and self.type not in ("enum", "set"):
            raise ValueError("expected options for type enum or set only")
        return self


class Settings(PluginSettings):
    """One account."""

    company_domain: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$", description="Of the account: `acme` of https://acme.pipedrive.com."
    )
    api_token: SecretStr = Field(
        min_length=1, description="Of a user who may see and edit all people and organizations."
    )
    person_id_field: Key | Literal[""] = Field(
        "",
        description="Key of the custom field of people (type Text) that holds the userId. Without it people are found by email "
        "alone.",
    )
    organization_id_field: Key | Literal[""] = Field(
        "",
        description="Key of the custom field of organizations (type Text) that holds the groupId. Without it they are found by "
        "name alone.",
    )
    fields: dict[str, CustomField] = Field(
        {},
        description="Trait → custom field of people: its `key`, its `type`, and what the type needs. No other trait is sent.",
    )
    group_fields: dict[str, CustomField] = Field(
        {}, description="The same for traits of a group and custom fields of organizations."
    )
    company_organizations: bool = Field(
        False,
        description="Find or create the organization that the `company` of an identify names, and link the person; groups "
        "always are.",
    )
    notes: list[str] = Field([], description="Names of the track calls that become notes on their person.")
    owner_id: int | None = Field(None, description="Id of the user who owns what is created; else it is the token's.")
    visible_to: int | None = Field(
        None, description="Number of who may see what is created; else as the account has it."
    )
    label_ids: list[int] = Field([], description="Ids of the labels of people who are created.")

    @field_validator("fields", "group_fields")
    @classmethod
    def _are_not_the_id(cls, fields: dict[str, CustomField], info: ValidationInfo) -> dict[str, CustomField]:
        id_field = info.data.get("person_id_field" if info.field_name == "fields" else "organization_id_field")
        for trait, field in fields.items():
            if not all(trait.split(".")):
                raise ValueError(f"{trait!r}: expected a trait, or a path with dots such as company.name")
            if field.key == id_field:
                raise ValueError(f"{trait}: that field holds the id; give another one")
        return fields

    def vendor_url(self) -> str:
        return f"https://{self.company_domain.lower()}.pipedrive.com"
