"""What an operator fills in for one Iterable project."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, SecretStr

from router.plugin import PluginSettings

HOSTS: Final = {"us": "https://api.iterable.com", "eu": "https://api.eu.iterable.com"}
"""Source: facts/vendors/iterable.md section 1."""

SpecialTrait = Literal[
    "emailListIds", "subscribedMessageTypeIds", "unsubscribedChannelIds", "unsubscribedMessageTypeIds"
]


class Settings(PluginSettings):
    """Source: facts/vendors/iterable.md section 2."""

    api_key: SecretStr = Field(
        min_length=1, description="A server-side API key of the project, one that asks for no JWT of a user."
    )
    region: Literal["us", "eu"] = Field("us", description="Where the project keeps its data.")
    identity: Literal["email", "userId", "hybrid"] = Field(
        description="What the project knows its users by; it has to be the project's own type, which Iterable fixes for good."
    )
    prefer_user_id: bool = Field(
        True,
        description=(
            "Let a userId that Iterable does not know make a user. In a project by email that user gets a placeholder "
            "address; when off, Iterable refuses somebody without an email there."
        ),
    )
    send_anonymous_id: bool = Field(
        False,
        description="Send the anonymousId as userId for people not identified. Each becomes a user of the project for good.",
    )
    merge_nested_objects: bool = Field(
        True, description="Let an object such as an address add to the one that is there. When off, it replaces it."
    )
    create_new_fields: Literal["project", "yes", "no"] = Field(
        "project",
        description="Whether a field that the project does not know yet is made. `project`: as its own setting says.",
    )
    use_bulk: bool = Field(
        True,
        description=(
            "Send users and events in batches. When off, each is a request of its own, processed in another queue of "
            "Iterable's; mixing the two breaks the order."
        ),
    )
    track_purchases: bool = Field(
        True, description="Make a purchase of an Order Completed that has products, in place of an event."
    )
    update_cart: bool = Field(
        True,
        description="Also write the cart when an event of it (Product Added, Cart Viewed) has all of its products.",
    )
    track_pages: bool = Field(False, description="Send page and screen calls as events.")
    group_field: str = Field(
        "company",
        pattern=r"^([A-Za-z][A-Za-z0-9_]*)?$",
        description="The object on the user that a group call writes. Nothing is written if it is empty.",
    )
    merge_users: bool = Field(
        False, description="Merge the previousId of an alias call into its userId; it can't be undone."
    )
    special_traits: list[SpecialTrait] = Field(
        [],
        description="Custom traits that may change subscriptions. What is not listed here is left out and reported.",
    )
    ios_app: str = Field(
        "", description="The mobile app's name in Iterable for push tokens of iOS; none are sent without."
    )
    ios_sandbox: bool = Field(False, description="The push tokens of iOS are of Apple's sandbox.")
    android_app: str = Field(
        "", description="The mobile app's name in Iterable for push tokens of Android; none are sent without."
    )

    def vendor_url(self) -> str:
        return HOSTS[self.region]
