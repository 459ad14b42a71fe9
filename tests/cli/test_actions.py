"""Actions, consent and privacy, as the commands show them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from router.cli.wiring import to_assignments
from router.config import parse_config
from router.registry import Registry
from tests.cli.conftest import SETTINGS
from tests.system.harness import run_command

MAPPING = [{"drop": ["context.ip"]}, {"hash": ["properties.phone"]}]


def document(**rules: Any) -> dict[str, Any]:
    return {
        "sources": {"website": {"write_key": "demo"}},
        "destinations": {"mixpanel": {"settings": SETTINGS["mixpanel"], **rules}},
    }


@pytest.fixture
def config(tmp_path: Path) -> Path:
    rules = {
        "block": {"traits": ["email"]},
        "actions": {"track page": {"enabled": False}, "track event": {"on": ["track", "screen"], "mapping": MAPPING}},
    }
    path = tmp_path / "router.yaml"
    path.write_text(json.dumps(document(**rules), indent=1))
    return path


def test_explain_tells_what_was_changed_and_what_was_passed_over(config: Path, tmp_path: Path) -> None:
    events = [
        {
            "type": "track",
            "event": "A",
            "userId": "ada@example.test",
            "anonymousId": "a1",
            "context": {"ip": "192.0.2.1"},
        },
        {"type": "page", "name": "Home", "userId": "u1"},
    ]
    file = tmp_path / "events.json"
    file.write_text(json.dumps(events))

    explained = run_command("explain", file, "--config", config).out

    assert "changed: block: userId, which holds an email" in explained
    assert "changed: drop: context.ip" in explained
    assert "track page: skip (no action: track page is switched off)" in " ".join(explained.split())


def test_destinations_shows_when_an_action_is_triggered_here(config: Path) -> None:
    shown = run_command("destinations", "mixpanel", "--config", config, "--json").out

    actions = {each["action"]: (each["enabled"], each["on"]) for each in json.loads(shown)["actions"]}
    assert actions["track page"] == (False, ["page"])
    assert actions["track event"] == (True, ["track", "screen"])
    assert actions["update profile"] == (True, ["identify"])
    assert "switched off" in run_command("destinations", "mixpanel", "--config", config).out


def test_check_finds_a_mistake_in_an_action(config: Path) -> None:
    config.write_text(json.dumps(document(actions={"track pge": {"enabled": False}}), indent=1))

    checked = run_command("check", config)

    assert checked.code == 2
    assert (
        f'{config}:14: destinations.mixpanel.actions.track pge: unknown action; did you mean "track page"?'
        in checked.err
    )


@pytest.mark.parametrize(
    ("rules", "is_same"),
    [
        pytest.param({"actions": {"track event": {"when": "event.a == 1", "mapping": MAPPING}}}, True, id="the-same"),
        pytest.param({"actions": {"track event": {"when": "event.a == 2", "mapping": MAPPING}}}, False, id="when"),
        pytest.param(
            {"actions": {"track event": {"when": "event.a == 1", "mapping": MAPPING[:1]}}}, False, id="mapping"
        ),
        pytest.param({"consent": ["Ads"]}, False, id="consent"),
        pytest.param({}, False, id="nothing"),
    ],
)
def test_a_reload_restarts_a_destination_only_if_its_rules_have_changed(rules: dict[str, Any], is_same: bool) -> None:
    def assignments(**rules: Any) -> Any:
        config = parse_config(json.dumps(document(**rules)), Registry.load(), environ={})
        return to_assignments(config, Registry.load())

    before = assignments(actions={"track event": {"when": "event.a == 1", "mapping": MAPPING}})

    assert (before == assignments(**rules)) is is_same
