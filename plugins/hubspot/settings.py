"""What an operator fills in for HubSpot. Source: facts/vendors/hubspot.md sections 1 to 6."""

from __future__ import annotations

import re
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from router.plugin import PluginSettings

HOST: Final = "https://api.hubapi.com"
"""One for all data centres: the token says where the account is."""
FULL_EVENT_NAME: Final = re.compile(r"pe[0-9]+_[a-z0-9_]+")
_PROPERTY_NAME = re.compile(r"[a-z][a-z0-9_]*")


class CustomEvent(BaseModel):
    """One custom event of the account: its definition has to be there before anything is sent."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(
        "",
        pattern=r"^([a-z][a-z0-9_]*)?$",
        description="HubSpot's name, with or without its `pe<hub_id>_`; by default made from the event's own.",
    )
    properties: dict[str, str] | Literal["all"] = Field(
        {},
        description="Which properties the definition has: the event's name for each → HubSpot's. `all` sends every one.",
    )


class Settings(PluginSettings):
    """One HubSpot account."""

    access_token: SecretStr = Field(
        min_length=1, description="Of a private app with the scopes that are listed under Minimal config."
    )
    api_version: Literal["v3", "2026-03"] = Field("v3", description="Which generation of paths is used.")
    requests_per_10_s: Literal[100, 190, 250] = Field(
        100, description="What the account allows: Free and Starter 100, Professional and Enterprise 190, add-on 250."
    )
    user_id_property: str = Field(
        "", description="Contact property that the userId is written to. To find contacts it has to have unique values."
    )
    lookup_field: Literal["email", "user_id"] = Field(
        "email", description="What finds a contact: its email, or the userId in `user_id_property`."
    )
    contact_properties: list[str] | None = Field(
        None,
        description="Contact properties that the account has besides HubSpot's own; no others are sent. "
        "Not given: all are, and what HubSpot refuses is left out in a second request.",
    )
    company_properties: list[str] | None = Field(None, description="The same for company properties.")
    create_properties: bool = Field(
        False, description="Create a property that the account doesn't have; else it is left out and reported."
    )
    batch_contacts: bool = Field(
        False,
        description="Write contacts 100 a request. Needs `lookup_field: user_id` and `contact_properties`; see Limits.",
    )
    company_key: str = Field(
        "cdp_group_id",
        pattern=_PROPERTY_NAME.pattern,
        description="Company property, with unique values, that holds the groupId and finds the company.",
    )
    hub_id: str = Field(
        "",
        pattern=r"^[0-9]*$",
        coerce_numbers_to_str=True,
        description="The account's number, for the names of custom events.",
    )
    events: dict[str, CustomEvent] = Field(
        {}, description="Which track calls are sent as custom events: event name → `name` and `properties`."
    )
    page_event: CustomEvent | None = Field(
        None, description="The custom event for page calls; without it none is sent."
    )
    screen_event: CustomEvent | None = Field(None, description="The same for screen calls.")
    merge_on_alias: bool = Field(
        False, description="Merge the two contacts of an alias call. HubSpot can't undo that. Needs `user_id_property`."
    )

    @field_validator("user_id_property")
    @classmethod
    def _is_property_name(cls, name: str) -> str:
        if name and not _PROPERTY_NAME.fullmatch(name):
            raise ValueError("expected a property's internal name: lower-case letters, digits and _")
        return name

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.lookup_field == "user_id" and not self.user_id_property:
            raise ValueError("lookup_field: user_id needs user_id_property, the property that holds it")
        if self.batch_contacts and (self.lookup_field != "user_id" or self.contact_properties is None):
            raise ValueError("batch_contacts needs lookup_field: user_id and contact_properties")
        if self.merge_on_alias and not self.user_id_property:
            raise ValueError("merge_on_alias needs user_id_property, by which the contacts are found")
        named = [*self.events.values(), *(each for each in (self.page_event, self.screen_event) if each)]
        if not self.hub_id and not all(FULL_EVENT_NAME.fullmatch(each.name) for each in named):
            raise ValueError("hub_id is needed, or custom events named in full: pe12345_order_completed")
        return self

    def vendor_url(self) -> str:
        return HOST
