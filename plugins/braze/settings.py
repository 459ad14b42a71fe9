"""What an operator fills in for one Braze workspace."""

from __future__ import annotations

from typing import Any, Final, Literal, Self

from pydantic import Field, SecretStr, model_validator

from router.plugin import PluginSettings

HOSTS: Final = {
    **{f"us-0{number}": f"https://rest.iad-0{number}.braze.com" for number in range(1, 9)},
    "us-09": "https://rest.us-09.braze.com",
    "us-10": "https://rest.us-10.braze.com",
    "eu-01": "https://rest.fra-01.braze.eu",
    "eu-02": "https://rest.fra-02.braze.eu",
    "au-01": "https://rest.au-01.braze.com",
    "id-01": "https://rest.id-01.braze.com",
    "jp-01": "https://rest.jp-01.braze.com",
}
"""Source: facts/vendors/braze.md section 1. There is no host for all, and none that sends on to the right one."""

Instance = Literal[
    "us-01",
    "us-02",
    "us-03",
    "us-04",
    "us-05",
    "us-06",
    "us-07",
    "us-08",
    "us-09",
    "us-10",
    "eu-01",
    "eu-02",
    "au-01",
    "id-01",
    "jp-01",
]

SpecialTrait = Literal[
    "date_of_first_session",
    "date_of_last_session",
    "email_click_tracking_disabled",
    "email_open_tracking_disabled",
    "email_subscribe",
    "facebook",
    "marked_email_as_spam_at",
    "push_subscribe",
    "push_tokens",
    "subscription_groups",
    "twitter",
]


class Settings(PluginSettings):
    """Source: facts/vendors/braze.md sections 2 and 6."""

    api_key: SecretStr = Field(
        min_length=1,
        description=(
            "A REST API key with the permission `users.track`, with `users.identify` where anonymous profiles are on, and "
            "with `users.merge` where alias calls are made."
        ),
    )
    instance: Instance | None = Field(
        None,
        description="The workspace's instance, as the dashboard's address has it. For one that is not listed give `base_url`.",
    )
    app_id: str = Field("", description="The app identifier that events and purchases are booked to.")
    send_anonymous: bool = Field(
        True,
        description=(
            "Write people without a userId to alias profiles, which Braze bills, and attach those when the person is "
            "identified. When off, only who has a userId or an email is written."
        ),
    )
    alias_label: str = Field(
        "anonymous_id", min_length=1, description="The label of the alias that an anonymousId becomes."
    )
    purchases: Literal["legacy", "recommended", "off"] = Field(
        "legacy",
        description=(
            "What becomes of orders: `legacy` makes a purchase of each product of an Order Completed; `recommended` makes "
            "Braze's `ecommerce.…` events of shop events; `off` leaves them events like any other."
        ),
    )
    track_pages: bool = Field(
        False,
        description="Send page and screen calls as events. Each costs a data point, so they are not sent by default.",
    )
    special_traits: list[SpecialTrait] = Field(
        [],
        description="Custom traits that may set a field of Braze's own. What is not listed here is left out and reported.",
    )
    group_prefix: str = Field(
        "group_",
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="What the names of the attributes begin with that a group call writes to the user.",
    )
    group_flag_prefix: str = Field(
        "",
        description=(
            "If given, a group call also sets an attribute of this name plus the groupId to true: `ab_segment_group_` and "
            "`ab_rudder_group_` are what Segment and RudderStack write."
        ),
    )
    batch_size: int = Field(
        50,
        ge=1,
        le=75,
        description="Objects in one request. 75 is what most accounts may send, 50 what all may.",
    )

    @model_validator(mode="before")
    @classmethod
    def _spells_the_instance_as_braze_does(cls, given: Any) -> Any:
        """The dashboard writes ``US-01``."""
        if isinstance(given, dict) and isinstance(given.get("instance"), str):
            return {**given, "instance": given["instance"].strip().lower() or None}
        return given

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if self.instance is None and not self.base_url:
            raise ValueError(
                "give the instance of the workspace (such as eu-01), or the address of its REST API as base_url"
            )
        return self

    def vendor_url(self) -> str:
        return HOSTS[self.instance] if self.instance else self.base_url
