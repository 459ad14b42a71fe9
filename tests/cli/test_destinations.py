"""``router destinations``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import plugins.webhook
from tests.system.harness import run_command


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["destinations", "--json", "--config"], id="by default"),
        pytest.param(["destinations", "list", "--json", "--config"], id="by name"),
    ],
)
def test_the_configured_destinations_are_listed(config: Path, arguments: list[str]) -> None:
    listed = run_command(*arguments, config)

    assert (listed.code, listed.err) == (0, "")
    assert [(each["destination"], each["plugin"], each["enabled"]) for each in listed.json] == [
        ("mixpanel", "mixpanel", True),
        ("crm", "customerio", True),
        ("paused", "mixpanel", False),
    ]
    assert {each["destination"]: each["sources"] for each in listed.json}["crm"] == ["website"]
    assert "identify" in listed.json[0]["calls"]


def test_a_source_that_may_not_go_to_a_destination_is_not_listed_there(config: Path) -> None:
    """Both sides may say it: it was said that a destination takes all, though a source left it out."""
    document = json.loads(config.read_text())
    document["sources"]["app"]["destinations"] = ["paused"]
    config.write_text(json.dumps(document))

    listed = run_command("destinations", "--json", "--config", config).json
    shown = run_command("destinations", "--config", config).out

    sources = {each["destination"]: each["sources"] for each in listed}
    assert sources == {"mixpanel": ["website"], "crm": ["website"], "paused": None}
    assert [line.split()[3] for line in shown.splitlines() if line.startswith(("mixpanel", "paused"))] == [
        "website",
        "all",
    ]


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(["destinations", "{}", "--json", "--config", "{config}"], id="short"),
        pytest.param(["destinations", "show", "{}", "--json", "--config", "{config}"], id="long"),
        pytest.param(["destinations", "--json", "--config", "{config}", "{}"], id="options first"),
    ],
)
@pytest.mark.parametrize(("name", "field"), [("mixpanel", "$created"), ("crm", "attributes.created_at")])
def test_the_mapping_table_of_one_is_shown(config: Path, order: list[str], name: str, field: str) -> None:
    shown = run_command(*(part.replace("{config}", str(config)).replace("{}", name) for part in order))

    assert (shown.code, shown.err) == (0, "")
    assert set(shown.json) == {"destination", "plugin", "actions"}
    fields = [row for action in shown.json["actions"] for row in action["fields"]]
    assert {"from", "to", "converter", "note"} == set(fields[0])
    assert any("createdAt" in row["from"] and row["to"] == field for row in fields)


def test_people_get_tables(config: Path) -> None:
    listed, shown = (
        run_command("destinations", "--config", config),
        run_command("destinations", "mixpanel", "--config", config),
    )

    assert "paused" in listed.out
    assert "$created" in shown.out
    assert "http://mixpanel.test" in shown.out


def test_a_destination_with_a_sandbox_is_not_said_to_send_to_the_vendor(tmp_path: Path) -> None:
    config = tmp_path / "router.yaml"
    config.write_text("sources: {website: {write_key: demo}}\ndestinations: {customerio: {sandbox: true}}\n")

    shown = run_command("destinations", "customerio", "--config", config)

    first = "customerio (Customer.io) delivers to a built-in sandbox, not to https://track.customer.io"
    assert " ".join(shown.out.split()).startswith(first)


def test_a_destination_that_is_not_configured_is_refused(config: Path) -> None:
    refused = run_command("destinations", "nobody", "--config", config)

    assert (refused.code, refused.out) == (2, "")
    assert "there are: mixpanel, crm, paused" in refused.err


def test_the_plugins_are_listed_with_their_origin() -> None:
    listed = run_command("destinations", "plugins", "--json")

    found = {each["plugin"]: each for each in listed.json}
    assert {"mixpanel", "customerio"} <= set(found)
    assert found["mixpanel"]["name"] == "Mixpanel"
    assert found["mixpanel"]["origin"].startswith("trait-router ")


@pytest.fixture
def named(config: Path) -> Path:
    """*config* with a plugin of its own, by its path."""
    source = Path(plugins.webhook.__file__).read_text()
    (config.parent / "hooks.py").write_text(source.replace('slug="webhook"', 'slug="hooks"'))
    document = json.loads(config.read_text())
    config.write_text(json.dumps({**document, "plugins": [str(config.parent / "hooks.py")]}))
    return config


def test_the_plugins_that_the_config_names_are_listed(named: Path) -> None:
    listed = run_command("destinations", "plugins", "--json", "--config", named)

    assert (listed.code, listed.err) == (0, "")
    assert run_command("destinations", "--config", named, "plugins", "--json") == listed
    found = {each["plugin"]: each["origin"] for each in listed.json}
    assert found["hooks"].endswith("hooks.py")
    assert "mixpanel" in found


def test_the_plugins_are_listed_beside_a_config_that_is_not_right(named: Path, tmp_path: Path) -> None:
    """Who looks for the name of a plugin has none that is right yet."""
    named.write_text("destinations: {crm: {plugin: intercmo}}")

    listed, missing = (
        run_command("destinations", "plugins", "--json", "--config", path) for path in (named, tmp_path / "missing")
    )

    assert listed.code == 0
    assert listed.err == f"{named} is not right, so plugins of its own are left out. See: router check {named}\n"
    assert "intercom" in {each["plugin"] for each in listed.json}
    assert (missing.code, missing.out) == (2, "")


def test_a_package_that_could_not_be_loaded_is_told_of_beside_the_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made_up_broken.py").write_text("1 / 0")
    info = tmp_path / "made_up_broken-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up-broken\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[router.plugins]\nmade_up = made_up_broken\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    listed = run_command("destinations", "plugins")

    assert listed.code == 0
    assert "warning: made-up-broken 1.2 could not be loaded: ZeroDivisionError: division by zero, at" in listed.out
    assert "mixpanel" in listed.out
