"""What an operator fills in for one Salesforce org.

Source: facts/vendors/salesforce.md sections 1 to 6.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr, StringConstraints, ValidationInfo, field_validator

from router.plugin import PluginSettings

HOST_SUFFIXES: Final = (".salesforce.com",)
"""What an org's host ends with, whichever instance or My Domain it is of."""

READ_ONLY: Final = frozenset(
    {
        "createdbyid",
        "createddate",
        "id",
        "isconverted",
        "isdeleted",
        "lastmodifieddate",
        "name",
        "systemmodstamp",
    }
)
"""Fields that nobody may write, in lower case: Salesforce's names know no letter case."""

FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=80)]
"""An API name, such as ``Router_User_Id__c``."""
FieldMap = dict[str, FieldName]


class Settings(PluginSettings):
    """One org. Fields that depend on others stand below them, so that each mistake is told at its own key."""

    domain: str = Field(
        pattern=r"^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+salesforce\.com$",
        description=(
            "The org's host: `acme.my.salesforce.com`, or `acme--dev.sandbox.my.salesforce.com`. With a `refresh_token` also "
            "`login.salesforce.com` or `test.salesforce.com`; requests then go where the token's answer says."
        ),
    )
    client_id: SecretStr = Field(min_length=1, description="Consumer key of the External Client App.")
    client_secret: SecretStr = Field(
        min_length=1, description="Its consumer secret. The app allows client credentials and has a user to run as."
    )
    refresh_token: SecretStr = Field(
        SecretStr(""),
        description="In place of client credentials. Rotation has to be off in the app, for a new one is not kept.",
    )
    api_version: str = Field("v62.0", pattern=r"^v[0-9]+\.0$", description="Of the REST API.")
    object: Literal["Lead", "Contact"] = Field("Lead", description="What a person becomes.")
    match_on_email: bool = Field(
        False,
        description=(
            "Look for people by email too, so that records which people made by hand are found. Costs two or three calls a "
            "person; without it up to 200 people are one call."
        ),
    )
    external_id_field: FieldName | Literal[""] = Field(
        "",
        validate_default=True,
        description=(
            "The field of the object that holds the userId: text, External ID, Unique, such as `Router_User_Id__c`. Needed "
            "unless `match_on_email` is on."
        ),
    )
    custom_fields: FieldMap = Field(
        {},
        validate_default=True,
        description="Which trait goes to which field of yours: `plan: Plan__c`, `company.id: Company_Id__c`. No other is sent.",
    )
    lead_source: str = Field("", max_length=255, description="`LeadSource` of every person that is written.")
    missing: str = Field(
        "n/a", min_length=1, max_length=80, description="For a required field that a new record has no value for."
    )
    state_country_codes: bool = Field(
        False,
        description="The org has State and Country picklists: send `StateCode` and `CountryCode`, which want codes.",
    )
    allow_duplicates: bool = Field(
        False, description="Save what a duplicate rule warns of (`allowSave`); needs API version v52.0 or later."
    )
    account_external_id_field: FieldName | Literal[""] = Field(
        "", description="The field of Account that holds the groupId. Without it group calls are not sent."
    )
    account_custom_fields: FieldMap = Field(
        {}, validate_default=True, description="As `custom_fields`, of a group's traits and Account."
    )
    event_object: FieldName | Literal[""] = Field(
        "",
        description="The object of which each track call becomes a record, such as `Web_Event__c`. Empty: they are not sent.",
    )
    event_external_id_field: FieldName | Literal[""] = Field(
        "",
        validate_default=True,
        description="The field of that object that holds the messageId (External ID, Unique), so that no event is there twice.",
    )
    event_fields: FieldMap = Field(
        {},
        validate_default=True,
        description=(
            "What of an event goes to which field: `event: Name`, `userId: User_Id__c`, `timestamp: At__c`, "
            "`properties.revenue: Amount__c`."
        ),
    )

    @field_validator("external_id_field")
    @classmethod
    def _is_there_or_email_is(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("match_on_email") is False:
            raise ValueError("name a field, or set match_on_email: people are found by one or the other")
        return _writable(value)

    @field_validator("account_external_id_field")
    @classmethod
    def _is_writable(cls, value: str) -> str:
        return _writable(value)

    @field_validator("event_object")
    @classmethod
    def _is_no_person(cls, value: str) -> str:
        if value.lower() in ("lead", "contact", "account"):
            raise ValueError("that is for people and groups; give another object")
        return value

    @field_validator("event_external_id_field")
    @classmethod
    def _belongs_to_the_object(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("event_object") and not value:
            raise ValueError("name a field: without it an event that is sent again would be a second record")
        return _writable(value)

    @field_validator("custom_fields", "account_custom_fields", "event_fields")
    @classmethod
    def _are_writable(cls, value: FieldMap, info: ValidationInfo) -> FieldMap:
        of = info.field_name or ""
        id_field = str(info.data.get(f"{of.removesuffix('custom_fields').removesuffix('fields')}external_id_field", ""))
        for path, name in value.items():
            if not all(path.split(".")):
                raise ValueError(f"{path!r}: expected a trait, or a path with dots such as company.id")
            if of != "event_fields" or name.lower() != "name":  # of an object of your own it is a text like any other
                _writable(name, f"{path}: ")
            if name.lower() == id_field.lower():
                raise ValueError(f"{path}: that field holds the id; give another one")
        return value

    def vendor_url(self) -> str:
        return f"https://{self.domain.lower()}"


def _writable(name: str, of: str = "") -> str:
    if name.lower() in READ_ONLY or re.fullmatch("attributes", name, re.IGNORECASE):
        raise ValueError(f"{of}that field can't be written; give another one")
    return name
