"""Two ways to post: a webhook, or a token with a channel; each mistake is told at its own key and quotes no secret."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.slack import PLUGIN
from plugins.slack.settings import Settings
from router.config import ConfigError, parse_config
from router.config.phrase import tells
from router.registry import Registry
from tests.plugins.slack.mapped import MINIMAL, WEBHOOK_URL

HOOK = {"webhook_url": WEBHOOK_URL}


def mistakes(**given: Any) -> dict[str, str]:
    """By key, what is said of it."""
    with pytest.raises(ValidationError) as raised:
        Settings.model_validate(given)
    return {str(error["loc"][0]): error["msg"].removeprefix("Value error, ") for error in raised.value.errors()}


@pytest.mark.parametrize(
    ("given", "is_by_webhook", "vendor_url"),
    [
        pytest.param(MINIMAL, False, "https://slack.com", id="a token and a channel"),
        pytest.param(HOOK, True, "https://hooks.slack.com", id="a webhook"),
        pytest.param(
            HOOK | {"bot_token": "", "channel": "", "username": ""},
            True,
            "https://hooks.slack.com",
            id="what is empty is not given",
        ),
        pytest.param(
            {"webhook_url": WEBHOOK_URL.replace("slack.com", "slack-gov.com")},
            True,
            "https://hooks.slack-gov.com",
            id="government cloud",
        ),
    ],
)
def test_either_way_is_enough(given: dict[str, str], is_by_webhook: bool, vendor_url: str) -> None:
    settings = Settings.model_validate(given)

    assert (settings.is_by_webhook, settings.vendor_url()) == (is_by_webhook, vendor_url)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param({}, {"bot_token": "one way to post is needed"}, id="neither"),
        pytest.param({"channel": "C0"}, {"bot_token": "one way to post is needed"}, id="a channel alone"),
        pytest.param({"bot_token": "xoxb-1"}, {"channel": "channel is needed with bot_token"}, id="a token alone"),
        pytest.param(HOOK | MINIMAL, {"bot_token": "two ways to post; take one of them out"}, id="both"),
        pytest.param(HOOK | {"channel": "C0"}, {"channel": "only with bot_token"}, id="a webhook and a channel"),
        pytest.param(
            HOOK | {"username": "R", "icon_emoji": ":bell:"},
            {"username": "only with bot_token", "icon_emoji": "only with bot_token"},
            id="a webhook, a name and an icon",
        ),
        pytest.param(
            HOOK | {"rules": [{"event": "Invoice *"}, {"event": "Paid", "channel": "C0"}]},
            {"rules": "rule 2 has a channel"},
            id="a webhook and a channel of a rule",
        ),
    ],
)
def test_what_does_not_go_together_is_told_at_its_key(given: dict[str, Any], told: dict[str, str]) -> None:
    found = mistakes(**given)

    assert found.keys() == told.keys()
    assert not [key for key, text in told.items() if text not in found[key]]


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(WEBHOOK_URL.replace("https", "http"), id="http"),
        pytest.param(WEBHOOK_URL.replace("slack.com", "slack.com.evil.test"), id="a longer host"),
        pytest.param(WEBHOOK_URL.replace("hooks.slack.com", "evilslack.com"), id="a host that ends alike"),
        pytest.param(WEBHOOK_URL.replace("hooks.slack.com", "slack.com"), id="the host of the Web API"),
        pytest.param(WEBHOOK_URL.replace("hooks.slack.com", "hooks.slack.com@evil.test"), id="the host as a user"),
        pytest.param(WEBHOOK_URL.replace("hooks.slack.com", "me@hooks.slack.com"), id="a user"),
        pytest.param(WEBHOOK_URL.replace("hooks.slack.com", "hooks.slack.com:8443"), id="a port"),
        pytest.param(WEBHOOK_URL.replace("hooks.slack.com", "hooks.slack.com\\@evil.test"), id="a backslash"),
        pytest.param(WEBHOOK_URL.rpartition("/")[0], id="cut"),
        pytest.param(WEBHOOK_URL + "/", id="a slash behind it"),
        pytest.param(WEBHOOK_URL + "/more", id="more behind it"),
        pytest.param(WEBHOOK_URL + "?a=1", id="a query"),
        pytest.param(WEBHOOK_URL + "#a", id="a fragment"),
        pytest.param(WEBHOOK_URL + "\n", id="a line break"),
        pytest.param(WEBHOOK_URL.replace("B0123ABCD", ".."), id="climbing"),
        pytest.param(WEBHOOK_URL.replace("/services", "/workflows"), id="a workflow's"),
        pytest.param("T0123ABCD/B0123ABCD/secretOfTheTest", id="the end alone"),
    ],
)
def test_what_is_no_webhook_of_slack_s_is_told_without_a_word_of_it(url: str) -> None:
    found = mistakes(webhook_url=url)

    assert found.keys() == {"webhook_url"}
    assert found["webhook_url"].startswith("expected the address of a webhook, whole and as Slack shows it")
    assert not tells(found["webhook_url"], url), "the config would not show a text that gives a part of the secret away"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        pytest.param("channel: C0123ABCD", "settings.channel: only with bot_token", id="a channel"),
        pytest.param(
            "rules: [{event: Invoice Paid, channel: C0PAYMENTS}]", "settings.rules: rule 1 has a channel", id="a rule's"
        ),
    ],
)
@pytest.mark.parametrize("sandbox", ["false", "true"])
def test_the_config_says_the_same_with_a_sandbox_and_without(sandbox: str, given: str, problem: str) -> None:
    text = f"""
        sources: {{website: {{write_key: k1}}}}
        destinations:
          slack: {{sandbox: {sandbox}, settings: {{webhook_url: "{WEBHOOK_URL}", {given}}}}}
    """

    with pytest.raises(ConfigError) as caught:
        parse_config(text, Registry([PLUGIN]), environ={})

    [found] = map(str, caught.value.problems)
    assert problem in found
    assert "secretOfTheTest" not in found
