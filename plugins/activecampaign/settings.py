"""What an operator fills in for ActiveCampaign. Source: facts/vendors/activecampaign.md sections 1 to 6."""

from __future__ import annotations

import re
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from router.plugin import PluginSettings

FIELD: Final = re.compile(r"(?P<field>[^.:]+)(:(?P<type>text|number|date|datetime|list))?")
"""A custom field as the settings name it: its id, its title or its personalisation tag; and its type where that is no text."""
ACCOUNT_FIELD: Final = re.compile(r"(?P<field>[0-9]+)(:(?P<type>text|number|date|datetime|list))?")
"""A custom field of accounts: by its id alone."""
_ACCOUNT_URL: Final = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]+)?")


def _check_fields(fields: dict[str, str], form: re.Pattern[str], expected: str) -> dict[str, str]:
    for name, field in fields.items():
        if not name.strip(".") or not form.fullmatch(field):
            raise ValueError(f"{name}: expected {expected}, with its type if that is no text: 9:date")
    return fields


class EventRule(BaseModel):
    """What one event does to the contact."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tags: list[str] = Field([], max_length=10, description="Tags that the contact gets.")
    fields: dict[str, str] = Field(
        {}, description="Property → custom field it is written to; `timestamp` is the time of the event."
    )
    value: str = Field(
        "", description="Property that event tracking gets as the event's value, instead of all of them."
    )

    @field_validator("fields")
    @classmethod
    def _name_fields(cls, fields: dict[str, str]) -> dict[str, str]:
        return _check_fields(fields, FIELD, "id, title or tag of a custom field")

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.tags or self.fields or self.value):
            raise ValueError("expected tags, fields, a value, or several of them")
        return self


class Settings(PluginSettings):
    """One ActiveCampaign account."""

    account_url: str = Field(
        description="The API URL of the account (Settings, Developer), such as https://name.api-us1.com."
    )
    api_key: SecretStr = Field(
        min_length=1, description="Key of a user who may write contacts, tags, lists and accounts."
    )
    fields: dict[str, str] = Field(
        {},
        description='Trait → custom field it is written to: its id (`plan: "5"`), or its title or personalisation tag, '
        "which takes a request more each time.",
    )
    send_all_traits: bool = Field(
        False, description="Write every other custom trait to the custom field of its name, where there is one."
    )
    group_fields: dict[str, str] = Field({}, description="Trait of a group → id of the account field it is written to.")
    company_accounts: bool = Field(
        False, description="Write the `company` of an identify as an account and link the contact; groups always are."
    )
    lists: list[str] = Field(
        [], description="Ids of lists that every contact is put on once. Who was on a list and left is not put back."
    )
    subscribe_trait: str = Field(
        "",
        description="Trait, true or false, that says whether the contact is on `lists`; without it nobody is touched.",
    )
    tags_trait: str = Field("tags", description="Trait with a list of texts that the contact is tagged with.")
    events: dict[str, EventRule] = Field(
        {},
        description="What a track, page or screen call does: name of the event → `tags` and `fields` of the contact, and the "
        "property that is its `value` in event tracking.",
    )
    actid: str = Field(
        "", description="Number of the account in event tracking (Website, Site tracking, Event tracking)."
    )
    event_key: SecretStr = Field(
        SecretStr(""), description="Key of event tracking, from the same page. Without it no event is tracked."
    )
    create_events: bool = Field(
        True,
        description="Add the name of an event to those of the account before it is tracked, where it is not among them; to "
        "look takes a request each time.",
    )
    track_pages: bool = Field(False, description="Track page calls too, under names such as `Viewed Pricing Page`.")
    bulk: bool = Field(False, description="Import contacts up to 250 a request, some minutes later; see Limits.")

    @field_validator("account_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        url = value.rstrip("/").removesuffix("/api/3")
        if not _ACCOUNT_URL.fullmatch(url):
            raise ValueError('expected "https://host" as the account\'s Developer page shows it')
        return url

    @field_validator("fields")
    @classmethod
    def _name_fields(cls, fields: dict[str, str]) -> dict[str, str]:
        return _check_fields(fields, FIELD, "id, title or tag of a custom field")

    @field_validator("group_fields")
    @classmethod
    def _name_account_fields(cls, fields: dict[str, str]) -> dict[str, str]:
        return _check_fields(fields, ACCOUNT_FIELD, "the id of a custom field of accounts")

    @field_validator("lists")
    @classmethod
    def _are_ids(cls, lists: list[str]) -> list[str]:
        for each in lists:
            if not re.fullmatch("[0-9]+", each):
                raise ValueError("expected ids of lists, which are numbers")
        return lists

    @field_validator("actid")
    @classmethod
    def _is_number(cls, actid: str) -> str:
        if not re.fullmatch("[0-9]*", actid):
            raise ValueError("expected the number that stands beside the key")
        return actid

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if bool(self.actid) != bool(self.event_key.get_secret_value()):
            raise ValueError("event tracking needs both actid and event_key")
        if self.subscribe_trait and not self.lists:
            raise ValueError("subscribe_trait needs lists, the ids of those it is about")
        if self.bulk and (self.send_all_traits or not all(map(ACCOUNT_FIELD.fullmatch, self.fields.values()))):
            raise ValueError("bulk needs the ids of custom fields, and no send_all_traits")
        if self.bulk and self.lists and not self.subscribe_trait:
            raise ValueError("bulk needs subscribe_trait for lists: an import would put back who left")
        return self

    def vendor_url(self) -> str:
        return self.account_url
