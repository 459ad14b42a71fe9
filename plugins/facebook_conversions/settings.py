"""What an operator fills in for one pixel or dataset of Meta's.

Source: facts/vendors/facebook-conversions-api.md sections 1, 2, 5 and 8.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, Literal

from pydantic import Field, SecretStr

from router.plugin import PluginSettings, spelt_alike

HOST: Final = "https://graph.facebook.com"

ActionSource = Literal[
    "email",
    "website",
    "app",
    "phone_call",
    "chat",
    "physical_store",
    "system_generated",
    "business_messaging",
    "other",
]
"""Where an event happened, in Meta's words."""


class Settings(PluginSettings):
    """One pixel or dataset."""

    pixel_id: str = Field(pattern=r"^[0-9]+$", description="The id of the pixel or dataset.")
    access_token: SecretStr = Field(
        min_length=1, description="A system user's token that may send events to it; sent as a bearer token."
    )
    api_version: str = Field(
        "v25.0",
        pattern=r"^v[0-9]+\.[0-9]+$",
        description="Of the Graph API. A version works for about two years.",
    )
    action_source: ActionSource | Literal["auto"] = Field(
        "auto",
        description=(
            "Where events happen, for those that do not say it in a property `action_source`. `auto` is `app` for screens and "
            "for devices that are iOS or Android (not for a browser on one), else `website`."
        ),
    )
    event_map: dict[str, str] = Field(
        {},
        description="Names of events, in any letter case, and what they are called at Meta: `Signed Up: CompleteRegistration`.",
    )
    screen_event: str = Field("PageView", min_length=1, description="What a screen call is called at Meta.")
    currency: str = Field(
        "USD", pattern=r"^[A-Z]{3}$", description="Of values that come without one. The event spec means USD."
    )
    event_id_property: str = Field(
        "event_id",
        description=(
            "The property that holds the id which the browser's pixel sends for the same event, so that Meta counts one. "
            "Without it `event_id` is the messageId."
        ),
    )
    send_external_id: bool = Field(
        True,
        description="Send the userId, else the anonymousId, hashed, as `external_id`; the pixel should send it too.",
    )
    limited_data_use: bool = Field(
        False, description="Mark every event for Limited Data Use; Meta finds out where the person is."
    )
    test_event_code: str = Field(
        "", description="For tests alone: events with it show under Test Events, and are not counted."
    )

    def vendor_url(self) -> str:
        return HOST

    @cached_property
    def own_names(self) -> dict[str, str]:
        """`event_map`, by the names in lower case."""
        return {name.strip().lower(): called for name, called in self.event_map.items()}

    @cached_property
    def own_spellings(self) -> dict[str, str]:
        """`event_map`, by the spellings of the names."""
        return {spelt_alike(name): called for name, called in self.event_map.items()}
