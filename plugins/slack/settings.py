"""What an operator fills in for one Slack workspace: where messages go, and what they say.

Source: facts/vendors/slack.md sections 2, 4 and 5.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from plugins.slack.template import Template
from router.plugin import PluginSettings

HOST: Final = "https://slack.com"


class Rule(BaseModel):
    """What is said of some events, and where. An empty *text* or *channel* is that of the settings `track` and `channel`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    event: str = Field(min_length=1, description="The event's name; * stands for any text.")
    text: str = Field("", description="The message's template.")
    channel: str = Field("", description="The channel's id or name.")

    @field_validator("text")
    @classmethod
    def _is_template(cls, value: str) -> str:
        Template.parse(value)
        return value


class Settings(PluginSettings):
    """One channel, or several by the name of the event."""

    bot_token: SecretStr = Field(
        min_length=1,
        description="The app's bot token (`xoxb-…`) with the scope `chat:write`, and `chat:write.public` for "
        "public channels it has not joined.",
    )
    channel: str = Field(
        min_length=1, description="Where messages go: the channel's id, such as `C0123ABCD`, or its name."
    )
    identify: str = Field("Identified {name}", description="Template for identify calls; empty for no message.")
    track: str = Field(
        "{name} did {event}", description="Template for events that no rule speaks of; empty for no message."
    )
    page: str = Field("", description="Template for page calls, such as `{name}: {view}`; empty for no message.")
    screen: str = Field("", description="Template for screen calls, as for pages; empty for no message.")
    group: str = Field(
        "", description="Template for group calls, such as `{name} joined {group}`; empty for no message."
    )
    rules: list[Rule] = Field(
        [],
        max_length=200,
        description="Which events are told otherwise or elsewhere: `event`, `text`, `channel`. The first that fits counts.",
    )
    skip_events: list[str] = Field([], description="Events that are not told; * stands for any text.")
    shown_traits: list[str] = Field(
        [],
        max_length=20,
        description="Traits that are listed below the message, such as `plan` or `address.city`. No other is shown by itself.",
    )
    shown_properties: list[str] = Field(
        [], max_length=20, description="Properties of events, pages and screens that are listed below the message."
    )
    announce_anonymous: bool = Field(False, description="Tell of identify calls without a userId and an email as well.")
    username: str = Field("", max_length=80, description="Name of the sender; needs the scope `chat:write.customize`.")
    icon_emoji: str = Field(
        "", description="Icon of the sender, such as `:bell:`; needs the scope `chat:write.customize`."
    )
    in_doubt: Literal["send_again", "give_up"] = Field(
        "send_again",
        description="What becomes of a message when Slack can't say whether it was posted: a second one, or perhaps none.",
    )

    @field_validator("identify", "track", "page", "screen", "group")
    @classmethod
    def _is_template(cls, value: str) -> str:
        Template.parse(value)
        return value

    @field_validator("shown_traits", "shown_properties")
    @classmethod
    def _are_names(cls, names: list[str]) -> list[str]:
        for name in names:
            if not all(name.split(".")):
                raise ValueError(f"{name!r} is no name: expected plan or address.city")
        return names

    def vendor_url(self) -> str:
        return HOST


def fits(pattern: str, name: str) -> bool:
    """Whether *name* is *pattern*, in which ``*`` stands for any text."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name, re.DOTALL) is not None
