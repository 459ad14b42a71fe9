"""Plugins that print: a command's answer stays whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.system.harness import run_command

CHATTY = """
from dataclasses import replace
from router.plugin import hookimpl
from tests.destinations import ECHO

print("imported")


def chatty(function):
    def call(*arguments):
        print("called")
        return function(*arguments)
    return call


ACTIONS = tuple(replace(each, table=chatty(each.table_for), build=chatty(each.build)) for each in ECHO.actions)
PLUGIN = replace(ECHO, slug="chatty", actions=ACTIONS)


@hookimpl
def router_plugins():
    print("asked")
    return [PLUGIN]
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A config with a plugin that prints at every turn, and an event. Python keeps the module, so there is one of it."""
    folder = tmp_path_factory.mktemp("chatty")
    plugin, config, event = folder / "chatty.py", folder / "router.yaml", folder / "event.json"
    plugin.write_text(CHATTY)
    event.write_text(json.dumps({"type": "identify", "userId": "u1", "traits": {"email": "ada@example.com"}}))
    config.write_text(
        f"plugins: [{plugin}]\nsources: {{website: {{write_key: demo}}}}\ndestinations: {{crm: {{plugin: chatty}}}}\n"
    )
    return {"config": config, "event": event}


@pytest.mark.parametrize(
    "command",
    ["explain {event} --config {config} --json", "check {config} --json", "destinations crm --config {config} --json"],
    ids=["explain", "check", "destinations"],
)
def test_what_a_plugin_prints_does_not_get_into_what_a_program_reads(files: dict[str, Path], command: str) -> None:
    answered = run_command(*command.format(**files).split())

    assert answered.code == 0, answered.err
    assert json.loads(answered.out)
    assert "called" in answered.err


TALKATIVE = """
import logging, sys
from dataclasses import replace
from pydantic import Field, SecretStr
from router.plugin import Skip, hookimpl
from tests.destinations import ECHO, EchoSettings


class Settings(EchoSettings):
    token: SecretStr = Field(description="The token.")


def talk(function):
    def call(*arguments):
        token = arguments[-1].token.get_secret_value()
        print("printed", token)
        sys.stdout.writelines(["listed ", token, "\\n"])
        print("told", token, file=sys.stderr, flush=True)
        logging.getLogger("talkative").warning("logged %s", token)
        return function(*arguments)
    return call


ACTIONS = tuple(replace(each, table=talk(each.table_for), build=talk(each.build)) for each in ECHO.actions)
PLUGIN = replace(ECHO, slug="talkative", settings=Settings, actions=ACTIONS)


@hookimpl
def router_plugins():
    return [PLUGIN]
"""


def test_promise_7_what_a_plugin_prints_shows_no_secret(tmp_path: Path) -> None:
    """Whether an alarm times its calls (explain) or not."""
    plugin, config, event = tmp_path / "talkative.py", tmp_path / "router.yaml", tmp_path / "event.json"
    plugin.write_text(TALKATIVE)
    event.write_text('{"type": "identify", "userId": "u1"}')
    config.write_text(
        f"plugins: [{plugin}]\nsources: {{website: {{write_key: demo}}}}\n"
        "destinations: {crm: {plugin: talkative, settings: {token: canary-token}}}\n"
    )

    explained, checked = run_command("explain", event, "--config", config), run_command("check", config)

    assert (explained.code, checked.code) == (0, 0)
    assert "printed ********\nlisted ********\ntold ********\n" in explained.err
    assert "printed ********\nlisted ********\ntold ********\n" in checked.err
    assert "canary" not in explained.out + explained.err + checked.out + checked.err
