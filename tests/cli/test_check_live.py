"""``router check --live``: the credentials are tried against the vendor, and nothing is written there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from pydantic import Field, SecretStr

from router.cli.check_live import Tried, try_credentials
from router.destination import Destination
from router.plugin import (
    Action,
    BatchEndpoint,
    Bearer,
    CredentialCheck,
    Payload,
    Plugin,
    PluginSettings,
    Request,
    Table,
    build_url,
    judge_by_status,
)
from router.plugin.sandbox import Fault, Sandbox, json_response
from router.testing import StandIn, open_stand_in


class Settings(PluginSettings):
    token: SecretStr = Field(description="The token.")

    def vendor_url(self) -> str:
        return "https://api.acme.example.test"


class AcmeSandbox(Sandbox):
    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.get("/me", self.tell_who), web.post("/events", self.take)]

    async def tell_who(self, request: web.Request) -> web.Response:
        is_right = request.headers.get("Authorization") == f"Bearer {self.settings['token']}"
        return json_response({"ok": is_right}, 200 if is_right else 401)

    async def take(self, request: web.Request) -> web.Response:
        self.accept("event", await request.json())
        return json_response({})


PLUGIN = Plugin(
    slug="acme",
    name="Acme",
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="events",
            pack=lambda payloads, settings: Request("POST", build_url(settings.api_url, "events"), []),
            judge=judge_by_status,
            credentials=lambda settings: [Bearer(settings.token)],
        ),
    ),
    actions=(Action(name="track", on=("track",), endpoint="events", table=Table(()), build=lambda *_: Payload({})),),
    sandbox=f"{__name__}:AcmeSandbox",
    sandbox_settings={"token": "right"},
    credential_check=CredentialCheck(
        request=lambda settings: Request("GET", build_url(settings.api_url, "me")), endpoint="events"
    ),
)


@pytest.fixture
async def acme() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        yield opened


async def try_one(acme: StandIn, plugin: Plugin = PLUGIN, **settings: Any) -> Tried:
    chosen = Settings.model_validate({"token": "right", "base_url": acme.url, **settings})
    [tried] = await try_credentials([(Destination("crm", plugin, chosen), 5.0)])
    return tried


async def test_right_credentials_are_good_and_nothing_is_written(acme: StandIn) -> None:
    assert await try_one(acme) == Tried("crm", "good", "Acme takes them")
    assert acme.accepted() == []


async def test_wrong_credentials_are_refused_in_the_vendors_words_and_not_shown(acme: StandIn) -> None:
    tried = await try_one(acme, token="secret-canary")

    assert tried == Tried("crm", "refused", '401 {"ok":false}')


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_vendor_that_is_out_says_nothing_of_the_credentials(acme: StandIn, status: int) -> None:
    acme.sandbox.fail(Fault(status=status, body="later"))

    assert await try_one(acme) == Tried("crm", "unclear", f"{status} later")


async def test_a_page_in_the_vendors_place_says_nothing_of_the_credentials(acme: StandIn) -> None:
    """A proxy's login page with a 200 was "good", and the first delivery then failed because of it."""
    acme.sandbox.fail(Fault(status=200, body="<html>Log in</html>"))

    tried = await try_one(acme)

    assert (tried.result, tried.detail) == (
        "unclear",
        "a page in place of an answer, such as a proxy's: 200 <html>Log in</html>",
    )


async def test_a_vendor_that_is_not_there_says_nothing_of_the_credentials(acme: StandIn) -> None:
    tried = await try_one(acme, base_url="http://127.0.0.1:9")

    assert tried.result == "unclear"
    assert tried.detail.startswith("http://127.0.0.1:9: ")


async def test_a_vendor_without_a_harmless_call_is_told(acme: StandIn) -> None:
    tried = await try_one(acme, replace(PLUGIN, credential_check=None))

    assert tried.result == "not tried"
    assert "no call that changes nothing" in tried.detail


async def test_a_vendor_without_one_for_these_credentials_is_told_and_nothing_is_sent(acme: StandIn) -> None:
    assert PLUGIN.credential_check is not None
    check = replace(PLUGIN.credential_check, is_possible=lambda settings: settings.token.get_secret_value() != "right")

    assert (await try_one(acme, replace(PLUGIN, credential_check=check), token="left")).result == "refused"
    tried = await try_one(acme, replace(PLUGIN, credential_check=check))

    assert tried.result == "not tried"
    assert "no call that changes nothing for these credentials" in tried.detail
    assert len(acme.sandbox.requests) == 1


def test_a_check_at_an_unknown_endpoint_is_no_plugin() -> None:
    check = CredentialCheck(request=lambda settings: Request("GET", ""), endpoint="nowhere")

    with pytest.raises(ValueError, match="credential_check names no endpoint"):
        replace(PLUGIN, credential_check=check)


@pytest.mark.parametrize("request_of", [lambda settings: None, lambda settings: settings.me], ids=["nothing", "raises"])
async def test_a_plugin_that_fails_at_it_is_named(acme: StandIn, request_of: Any) -> None:
    check = CredentialCheck(request=request_of, endpoint="events")

    tried = await try_one(acme, replace(PLUGIN, credential_check=check))

    assert tried.result == "unclear"
    assert tried.detail.startswith("plugin acme: credential_check ")


def _no_such(response: Any) -> Any:
    raise KeyError("right-secret")


async def test_a_plugin_that_fails_to_read_the_answer_is_named_and_hides_nothing_of_the_others(acme: StandIn) -> None:
    """It ended the command with a traceback, and the plugin's words in it."""
    assert PLUGIN.credential_check is not None
    check = replace(PLUGIN.credential_check, is_good=_no_such)

    tried = await try_one(acme, replace(PLUGIN, credential_check=check), token="right-secret")

    assert tried.result == "unclear"
    assert tried.detail.startswith("plugin acme: credential_check raised KeyError: '********', at ")


@pytest.mark.parametrize(
    "request_made",
    [
        Request("GET", "https://elsewhere.test/me"),
        Request("GET", f"https://api.acme.example.test/{'x' * 70_000}"),
        Request("GET", "https://api.acme.example.test/me?right-secret\n"),
        Request("POST", "https://api.acme.example.test/me", {"token": object()}),
    ],
    ids=["elsewhere", "too long", "with a break", "what JSON can't hold"],
)
async def test_a_plugin_whose_request_can_not_be_sent_is_named(acme: StandIn, request_made: Request) -> None:
    """So did this."""
    check = CredentialCheck(request=lambda settings: request_made, endpoint="events")

    tried = await try_one(acme, replace(PLUGIN, credential_check=check), token="right-secret", base_url="")

    assert tried.result == "unclear"
    assert tried.detail.startswith("plugin acme: its request can't be sent: ")
    assert "secret" not in tried.detail
