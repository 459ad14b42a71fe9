"""What an operator fills in for Mailchimp. Source: facts/vendors/mailchimp.md sections 1 to 5."""

from __future__ import annotations

import re
from typing import Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from router.plugin import PluginSettings

STANDARD_FIELDS: Final = {
    "firstName": "FNAME",
    "lastName": "LNAME",
    "phone": "PHONE",
    "birthday": "BIRTHDAY:birthday",
    "address": "ADDRESS:address",
    "company.name": "COMPANY",
}
"""Trait → merge field of an audience as Mailchimp makes it. A field that an audience doesn't have is ignored there."""
FIELD: Final = re.compile(
    r"(?P<tag>[A-Z][A-Z0-9_]{0,9})(:(?P<type>text|number|date|birthday|url|imageurl|address|us_phone))?"
)
"""A merge field as the settings name it: its tag, and its type where that is no text."""
_DATA_CENTER: Final = re.compile(r"[a-z]{2,4}[0-9]{1,3}")

Status = Literal["subscribed", "pending", "transactional", "unsubscribed"]


class Settings(PluginSettings):
    """One audience of one Mailchimp account."""

    api_key: SecretStr = Field(min_length=1, description="API key, or the token of an OAuth app.")
    data_center: str = Field(
        "",
        pattern=rf"^({_DATA_CENTER.pattern})?$",
        description="Such as `us21`. Needed with a token; an API key ends in it.",
    )
    audience_id: str = Field(
        pattern=r"^[A-Za-z0-9]+$",
        description="The audience that people are written to; Mailchimp calls it a list, too.",
    )
    default_status: Status = Field(
        "subscribed",
        description="Status of a new member; `pending` asks them by mail first. Nobody's is changed later.",
    )
    status_trait: str = Field(
        "",
        description="Trait that says a member's status, new or not: one of those above, or true and false for subscribed "
        "and unsubscribed.",
    )
    merge_fields: dict[str, str] = Field(
        {},
        description="Trait → tag of the merge field it is written to (`plan: PLAN`), beside the standard ones; empty for "
        "none.",
    )
    send_all_traits: bool = Field(
        False,
        description="Send every other custom trait as text, to the tag that its name makes: `planTier` is PLANTIER.",
    )
    group_fields: dict[str, str] = Field(
        {}, description="The same for a group's traits, written to the members that belong to it. Without it, none is."
    )
    tags_trait: str = Field("", description="Trait with a list of texts that the member is tagged with.")
    batch_members: bool = Field(
        False, description="Write members 200 a request. That sets their status each time; see Limits."
    )
    page_event: str = Field(
        "",
        pattern=r"^([A-Za-z0-9_-]{2,30})?$",
        description="Name of the event that every page call becomes, such as page_viewed; without it none does.",
    )
    screen_event: str = Field("", pattern=r"^([A-Za-z0-9_-]{2,30})?$", description="The same for screen calls.")

    @field_validator("merge_fields", "group_fields")
    @classmethod
    def _name_fields(cls, fields: dict[str, str]) -> dict[str, str]:
        for trait, field in fields.items():
            match = FIELD.fullmatch(field)
            if not trait.strip(".") or (field and match is None):
                raise ValueError(
                    f"{trait}: expected a merge tag in capitals with its type if that is no text: SINCE:date"
                )
            if match is not None and match["tag"] == "EMAIL":
                raise ValueError(f"{trait}: that field is the address of the member itself")
        return fields

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not (self.base_url or self.data_center or _data_center_of(self.api_key)):
            raise ValueError("data_center is needed: the key does not end in one, as in …-us21")
        parts = [trait for trait, field in self.merge_fields.items() if field and trait.startswith("address.")]
        if parts and self.merge_fields.get("address", "ADDRESS"):
            raise ValueError(f'{parts[0]}: parts of an address have fields of their own only with address: ""')
        if self.batch_members and self.tags_trait:
            raise ValueError("tags_trait takes a request for each member: leave out batch_members")
        return self

    def vendor_url(self) -> str:
        return f"https://{self.data_center or _data_center_of(self.api_key)}.api.mailchimp.com"


def _data_center_of(key: SecretStr) -> str:
    """What stands behind the last dash of an API key; "" where that is no data centre."""
    _, dash, last = key.get_secret_value().rpartition("-")
    return last if dash and _DATA_CENTER.fullmatch(last) else ""
