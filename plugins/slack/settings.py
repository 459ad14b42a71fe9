"""What an operator fills in for one Slack workspace: where messages go, and what they say.

Source: facts/vendors/slack.md sections 2, 4 and 5.
"""

from __future__ import annotations

import re
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from plugins.slack.template import Template
from router.plugin import PluginSettings

HOST: Final = "https://slack.com"
WEBHOOKS: Final = "services"
"""The first segment of a webhook's path; all behind it is the secret."""

_WEBHOOK = re.compile(
    rf"https://(?:(?:[a-z0-9-]+\.)+slack\.com|hooks\.slack-gov\.com)/{WEBHOOKS}(?:/[A-Za-z0-9_-]+){{3}}"
)


class Rule(BaseModel):
    """What is said of some events, and where. An empty *text* or *channel* is that of the settings `track` and `channel`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    event: str = Field(min_length=1, description="The event's name; * stands for any text.")
    text: str = Field("", description="The message's template.")
    channel: str = Field("", description="The channel's id or name; only with `bot_token`.")

    @field_validator("text")
    @classmethod
    def _is_template(cls, value: str) -> str:
        Template.parse(value)
        return value


class Settings(PluginSettings):
    """One channel, or several by the name of the event. Fields that depend on others stand below them, so that each mistake
    is told at its own key."""

    webhook_url: SecretStr = Field(
        SecretStr(""),
        description="One of two ways to post: an incoming webhook, by its address "
        "(`https://hooks.slack.com/services/T…/B…/…`), which is a secret. It has its own channel, name and icon.",
    )
    bot_token: SecretStr = Field(
        SecretStr(""),
        validate_default=True,
        description="The other way, with `channel`: the app's bot token (`xoxb-…`) with the scope `chat:write`, and "
        "`chat:write.public` for public channels it has not joined.",
    )
    channel: str = Field(
        "",
        validate_default=True,
        description="With `bot_token`, where messages go: the channel's id, such as `C0123ABCD`, or its name. A webhook "
        "would ignore it.",
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
        description="Which events are told otherwise or elsewhere: `event`, `text` and, with `bot_token`, `channel`. The first "
        "that fits counts.",
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
    username: str = Field(
        "",
        max_length=80,
        description="Name of the sender; needs `bot_token` with the scope `chat:write.customize`. Webhooks ignore it.",
    )
    icon_emoji: str = Field(
        "",
        description="Icon of the sender, such as `:bell:`; needs `bot_token` with the scope `chat:write.customize`. Webhooks "
        "ignore it.",
    )
    in_doubt: Literal["send_again", "give_up"] = Field(
        "send_again",
        description="What becomes of a message when Slack can't say whether it was posted: a second one, or perhaps none.",
    )

    @field_validator("webhook_url")
    @classmethod
    def _is_webhook(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        if url and not _WEBHOOK.fullmatch(url):
            raise ValueError(
                "expected the address of a webhook, whole and as Slack shows it: https, a host of slack.com, the word "
                "services and three parts behind it"
            )
        return value

    @field_validator("bot_token")
    @classmethod
    def _is_one_of_two_ways(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        webhook_url = info.data.get("webhook_url")
        if webhook_url is None:  # it was refused itself
            return value
        if value.get_secret_value() and webhook_url.get_secret_value():
            raise ValueError("bot_token and webhook_url are two ways to post; take one of them out")
        if not value.get_secret_value() and not webhook_url.get_secret_value():
            raise ValueError("one way to post is needed: webhook_url, or bot_token with channel")
        return value

    @field_validator("channel")
    @classmethod
    def _is_there_for_a_token(cls, value: str, info: ValidationInfo) -> str:
        if not value and "bot_token" in info.data and info.data["bot_token"].get_secret_value():
            raise ValueError("channel is needed with bot_token: the channel's id, such as C0123ABCD, or its name")
        return value

    @field_validator("channel", "username", "icon_emoji")
    @classmethod
    def _is_for_a_token(cls, value: str, info: ValidationInfo) -> str:
        if value and _is_by_webhook(info):
            raise ValueError("only with bot_token; a webhook has its own channel, name and icon: take this out")
        return value

    @field_validator("rules")
    @classmethod
    def _fit_a_webhook(cls, rules: list[Rule], info: ValidationInfo) -> list[Rule]:
        elsewhere = [number for number, rule in enumerate(rules, 1) if rule.channel]
        if elsewhere and _is_by_webhook(info):
            raise ValueError(
                f"rule {elsewhere[0]} has a channel, and a webhook posts in its own alone: take that out, or make a "
                "destination for each webhook, with a filter"
            )
        return rules

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
                raise ValueError("expected names such as plan or address.city")
        return names

    @property
    def is_by_webhook(self) -> bool:
        return bool(self.webhook_url.get_secret_value())

    @property
    def webhook_key(self) -> SecretStr:
        """What stands behind ``services`` in the address of the webhook: ``T…/B…/…``."""
        return SecretStr(urlsplit(self.webhook_url.get_secret_value()).path.removeprefix(f"/{WEBHOOKS}/"))

    def vendor_url(self) -> str:
        return f"https://{urlsplit(self.webhook_url.get_secret_value()).netloc}" if self.is_by_webhook else HOST


def _is_by_webhook(info: ValidationInfo) -> bool:
    """The same of settings that are being read; False where the two ways are wrong themselves, which is said of them."""
    return {"webhook_url", "bot_token"} <= info.data.keys() and bool(info.data["webhook_url"].get_secret_value())


def fits(pattern: str, name: str) -> bool:
    """Whether *name* is *pattern*, in which ``*`` stands for any text. An event decides how long its name is, so that it takes
    no longer than to read it."""
    first, *others = pattern.split("*")
    if not others:
        return name == first
    *between, last = others
    place, end = len(first), len(name) - len(last)
    if place > end or not name.startswith(first) or not name.endswith(last):
        return False
    for part in between:
        found = name.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True
