"""What an operator fills in for one data stream of Google Analytics 4."""

from __future__ import annotations

import re
from typing import Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from plugins.ga4.names import PERSONAL_TRAITS, RESERVED_EVENTS, event_name, property_name
from router.plugin import USER_TRAITS, PluginSettings, canonical_trait

HOSTS: Final = {"global": "https://www.google-analytics.com", "eu": "https://region1.google-analytics.com"}
"""Source: facts/vendors/ga4.md section 1."""
MAX_USER_PROPERTIES: Final = 25

_APP_ID = re.compile(r"[0-9]+:[0-9]+:[a-z]+:[0-9a-f]+")
_MEASUREMENT_ID = re.compile("G-[A-Z0-9]+")
_CURRENCY = re.compile("[A-Z]{3}")


class Settings(PluginSettings):
    """One data stream, of a web site or of an app. Source: facts/vendors/ga4.md sections 1 to 5."""

    measurement_id: str = Field("", description="Of a web stream: `G-…`.")
    firebase_app_id: str = Field(
        "", description="Of an app stream, in place of `measurement_id`: `1:…:android:…` or `1:…:ios:…`."
    )
    api_secret: SecretStr = Field(min_length=1, description="Made for the data stream under Measurement Protocol.")
    region: Literal["global", "eu"] = Field("global", description="`eu`: collected in the European Union.")
    client_id_source: Literal["hash", "anonymous_id", "user_id"] = Field(
        "hash",
        description=(
            "What `client_id` is where an event does not bring the site's own. `hash`: two numbers made from the anonymousId, "
            "else the userId, as Google asks for. `anonymous_id` and `user_id`: that id as it is, else the other one."
        ),
    )
    send_user_id: bool = Field(True, description="Send the userId as `user_id`.")
    user_properties: tuple[str, ...] = Field(
        (),
        max_length=MAX_USER_PROPERTIES,
        description=(
            "Traits that are sent as user properties, such as `gender`, `company.plan` or a custom one; from `context.traits`, "
            "and on identify from `traits`. All others stay here."
        ),
    )
    user_data: bool = Field(
        False,
        description="Send email, phone, names and street as SHA-256. User-provided data must be enabled at Google.",
    )
    identify_event: str = Field(
        "", description="The event that an identify becomes, such as `login`. Google has no call of its own for it."
    )
    send_screens: bool = Field(False, description="Send screen calls as events `view_screen`.")
    default_currency: str = Field("USD", description="Beside a value that comes without a currency.")
    advertising_category: str = Field(
        "",
        description=(
            "The category of `context.consent.categoryPreferences` that says whether Google may use an event for advertising."
        ),
    )
    pii_guard: bool = Field(
        True, description="Leave out what Google forbids of people: emails, wherever they are, phones and names."
    )
    validation: Literal["relaxed", "strict"] = Field(
        "relaxed",
        description="`strict`: Google drops events with a fault, and those older than 72 hours, in place of mending them.",
    )
    debug: bool = Field(
        False, description="Send to Google's validation address: nothing is stored, and faults become dead letters."
    )

    @field_validator("measurement_id")
    @classmethod
    def _is_measurement_id(cls, value: str) -> str:
        if value and not _MEASUREMENT_ID.fullmatch(value):
            raise ValueError("expected G- and capital letters or digits")
        return value

    @field_validator("firebase_app_id")
    @classmethod
    def _is_app_id(cls, value: str) -> str:
        if value and not _APP_ID.fullmatch(value):
            raise ValueError("expected the app's id at Firebase, such as 1:123:android:0a1b2c")
        return value

    @field_validator("default_currency")
    @classmethod
    def _is_currency(cls, value: str) -> str:
        if not _CURRENCY.fullmatch(value):
            raise ValueError("expected three capital letters, such as EUR")
        return value

    @field_validator("identify_event")
    @classmethod
    def _is_event_name(cls, value: str) -> str:
        if value and (event_name(value) != value or value in RESERVED_EVENTS):
            raise ValueError("expected lower-case letters, digits and _, and no name that Google has for itself")
        return value

    @field_validator("user_properties")
    @classmethod
    def _are_property_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        value = tuple(dict.fromkeys(canonical_trait(trait, USER_TRAITS) for trait in value))  # as events have it
        names = [property_name(trait) for trait in value]
        if len(set(names)) < len(names):
            raise ValueError("two traits have one name as a user property")
        return value

    @model_validator(mode="after")
    def _names_a_stream(self) -> Self:
        if not self.measurement_id and not self.firebase_app_id:
            raise ValueError("expected measurement_id (of a web stream) or firebase_app_id (of an app stream)")
        personal = sorted(PERSONAL_TRAITS.intersection(self.user_properties))
        if self.pii_guard and personal:
            raise ValueError(f"user_properties: {', '.join(personal)} tell the person; Google forbids them (pii_guard)")
        return self

    @property
    def is_app(self) -> bool:
        return bool(self.firebase_app_id)

    def vendor_url(self) -> str:
        return HOSTS[self.region]
