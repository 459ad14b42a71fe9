"""What an operator fills in for one Customer.io workspace."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from router.plugin import PluginSettings

Api = Literal["track_v2", "pipelines"]

_HOSTS = {
    ("track_v2", "us"): "https://track.customer.io",
    ("track_v2", "eu"): "https://track-eu.customer.io",
    ("pipelines", "us"): "https://cdp.customer.io",
    ("pipelines", "eu"): "https://cdp-eu.customer.io",
}


class Settings(PluginSettings):
    """Hosts and credentials: facts/vendors/customerio.md, sections 1 and 2."""

    api: Api = Field(
        "track_v2",
        description="`track_v2` writes to Journeys directly; `pipelines` hands Segment-like calls to Customer.io's Pipelines.",
    )
    region: Literal["us", "eu"] = Field("us", description="Where the account's data is kept.")
    site_id: SecretStr = Field(
        SecretStr(""),
        validate_default=True,
        description="The workspace's Site ID. Needed for `track_v2`, unused by `pipelines`.",
    )
    api_key: SecretStr = Field(
        min_length=1,
        description="For `track_v2` the Track API key (not the App API's), for `pipelines` the key of the source.",
    )
    trait_case: Literal["camel", "snake"] = Field(
        "camel",
        description=(
            "How reserved traits are spelled: `firstName`, as they are sent and as Segment's own destination writes them, "
            "or `first_name`, as in Customer.io's samples. `createdAt` is `created_at` in both."
        ),
    )
    identifiers: Literal["id_or_email", "id"] = Field(
        "id_or_email",
        description="What the workspace identifies people by. With `id` an email address is never used as an identifier.",
    )
    object_type_id: str = Field(
        "1",
        min_length=1,
        description="The type of the objects that groups become, unless a group has a trait `objectTypeId`.",
    )
    convert_timestamps: bool = Field(
        True,
        description="Send ISO 8601 dates in custom traits and properties as Unix seconds, the only dates Journeys compares.",
    )
    event_overrides: Literal["strip", "pass"] = Field(
        "strip",
        description=(
            "What becomes of the event properties `recipient`, `from_address` and `reply_to`, with which an event "
            "redirects the messages it triggers. With `pass` whoever holds a write key can do that."
        ),
    )

    @field_validator("site_id")
    @classmethod
    def _is_there_for_track(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if info.data.get("api") == "track_v2" and not value.get_secret_value():
            raise ValueError("needed for api: track_v2; it stands beside the Track API key in the workspace's settings")
        return value

    def vendor_url(self) -> str:
        return _HOSTS[self.api, self.region]
