"""``router check``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from router.cli.config_file import read_config
from router.cli.engine import WITHOUT_EXTRA
from router.cli.output import NO_DESTINATIONS
from router.cli.wiring import to_access
from router.errors import OperatorError
from tests.system.harness import run_command

BAD = """\
sources:
  website: {write_key: demo}
destinations:
  mixpanel:
    plugn: mixpanel
    settings: {project_token: "${NOT_SET_ANYWHERE}"}
  crm:
    plugin: customerio
    settings: {site_id: s, api_key: canary-key, regoin: eu}
    delivery: {concurrency: 0}
"""


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    return path


def test_a_right_config_is_called_right(config: Path) -> None:
    checked = run_command("check", config)

    assert (checked.code, checked.err) == (0, "")
    assert "right. Sources: website, app. Destinations: mixpanel, crm." in " ".join(checked.out.split())


def test_a_right_config_is_told_to_programs(config: Path) -> None:
    checked = run_command("check", "--config", config, "--json")

    assert checked.code == 0
    assert checked.json == {
        "ok": True,
        "destinations": ["mixpanel", "crm", "paused"],
        "sources": ["website", "app"],
        "warnings": [],
    }


def test_a_config_without_destinations_is_right_and_told_of(tmp_path: Path) -> None:
    """Events would be taken, and go nowhere."""
    config = tmp_path / "router.yaml"
    config.write_text("sources: {website: {write_key: demo}}\n")

    checked = run_command("check", config)

    assert checked.code == 0
    assert "warning: No destinations: the config has none under `destinations`." in checked.out
    assert run_command("check", config, "--json").json["warnings"] == [NO_DESTINATIONS]


def test_a_destination_whose_outage_could_fill_the_log_is_told_of(config: Path) -> None:
    """Whoever made the log small for a small disk had all sources refused for the outage of one vendor."""
    document = json.loads(config.read_text())
    document["retention"] = {"max_disk": "5GB"}
    document["destinations"]["crm"]["max_backlog"] = "1GB"
    config.write_text(json.dumps(document))

    [warning] = run_command("check", config, "--json").json["warnings"]

    assert warning.startswith("retention.max_disk is no more than max_backlog of mixpanel, paused. An outage there may")


@pytest.mark.parametrize(
    ("reserve", "log", "expected"),
    [
        pytest.param("3MB", "sqlite", "retention.reserve is too small for 2 destinations", id="too small"),
        pytest.param("4MB", "sqlite", "", id="enough"),
        pytest.param("0MB", "sqlite", "", id="none is wanted"),
        pytest.param("3MB", "nats://127.0.0.1:4222", "", id="a cluster keeps the log"),
    ],
)
def test_a_reserve_that_the_destinations_could_not_settle_with_is_told_of(
    config: Path, reserve: str, log: str, expected: str
) -> None:
    """With too little of it they stood still on a full disk, and with them the log, which could give nothing up."""
    document = json.loads(config.read_text()) | {"retention": {"reserve": reserve}, "log": log}
    config.write_text(json.dumps(document))

    told = "".join(each for each in run_command("check", config, "--json").json["warnings"] if "reserve" in each)

    assert told.startswith(expected) if expected else not told
    assert not expected or told.endswith("4MB are enough")


def test_all_mistakes_are_told_at_once_each_with_its_line(bad: Path) -> None:
    checked = run_command("check", bad)

    assert checked.code == 2
    assert checked.out == ""
    *problems, summary = checked.err.strip().splitlines()
    assert [problem.split(": ")[0] for problem in problems] == [f"{bad}:{line}" for line in (5, 6, 9, 10)]
    assert 'did you mean "plugin"?' in problems[0]
    assert "NOT_SET_ANYWHERE is not set" in problems[1]
    assert 'did you mean "region"?' in problems[2]
    assert "concurrency: got 0, expected 1 to 64" in problems[3]
    assert summary.startswith("4 problems: nothing was done.")
    assert "canary" not in checked.err
    assert "Traceback" not in checked.err


def test_all_mistakes_are_told_to_programs(bad: Path) -> None:
    checked = run_command("check", bad, "--json")

    assert checked.code == 2
    assert checked.json["ok"] is False
    assert [problem["line"] for problem in checked.json["problems"]] == [5, 6, 9, 10]
    assert set(checked.json["problems"][0]) == {"path", "line", "key", "message"}
    assert checked.json["problems"][3]["key"] == "destinations.crm.delivery.concurrency"


def test_run_refuses_a_wrong_config_in_the_same_words(bad: Path) -> None:
    checked, refused = run_command("check", bad), run_command("run", "--config", bad)

    assert refused.code == 2
    assert refused.err.endswith(checked.err)


def test_a_folder_that_is_too_deep_for_a_socket_is_told_before_a_router_is_started(tmp_path: Path) -> None:
    config = tmp_path / "router.yaml"
    config.write_text(f"data: ./{'x' * 100}\nsources: {{website: {{write_key: k}}}}\n")

    checked, refused = run_command("check", config), run_command("run", "--config", config)

    assert (checked.code, checked.err) == (refused.code, refused.err)
    assert "/admin.sock has 111 bytes, and the path of a socket" in checked.err


def test_destinations_that_deliver_to_a_sandbox_are_named(tmp_path: Path) -> None:
    path = tmp_path / "router.yaml"
    path.write_text("sources: {website: {write_key: demo}}\ndestinations: {mixpanel: {sandbox: true}}\n")

    checked = run_command("check", path)

    assert "Delivered to built-in sandboxes, not to the vendors: mixpanel." in " ".join(checked.out.split())


def test_the_config_can_come_from_the_environment(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_CONFIG", str(config))

    assert run_command("check", "--json").json["ok"] is True


def test_credentials_are_tried_where_there_is_a_vendor_to_ask(config: Path) -> None:
    """One has no call that changes nothing, and the other's vendor can't be reached: nothing is known of either."""
    checked = run_command("check", "--config", config, "--live", "--json")

    assert checked.code == 0
    tried = {each["destination"]: each["result"] for each in checked.json["credentials"]}
    assert tried == {"mixpanel": "not tried", "crm": "unclear"}


def config_of(folder: Path, slug: str, change: str, destination: str) -> Path:
    """A config with a plugin of its own: the one of these tests, with something changed."""
    (folder / slug).mkdir()
    (folder / slug / "__init__.py").write_text(
        "from tests.destinations import ECHO\n"
        "from dataclasses import replace\n"
        "from router.plugin import PluginSettings, hookimpl\n"
        f"PLUGIN = replace(ECHO, slug='{slug}', {change})\n"
        "@hookimpl\n"
        "def router_plugins(): return [PLUGIN]\n"
    )
    config = folder / "router.yaml"
    config.write_text(
        f"plugins: [{folder / slug}]\nsources: {{website: {{write_key: demo}}}}\ndestinations: {{crm: {destination}}}\n"
    )
    return config


def test_a_plugin_that_has_no_table_for_its_settings_is_named(tmp_path: Path) -> None:
    without_table = "actions=(replace(ECHO.actions[0], table=lambda settings: {}['region']),)"
    config = config_of(tmp_path, "tableless", without_table, "{plugin: tableless}")

    checked = run_command("check", config)

    assert checked.code == 2
    assert checked.err.strip() == (
        "destinations.crm: plugin tableless: action \"know person\" raised KeyError: 'region', "
        "at tableless/__init__.py:4 in <lambda>"
    )


@pytest.mark.parametrize(
    ("slug", "change", "told"),
    [
        (
            "without_limits",
            "endpoints=(replace(ECHO.endpoints[0], max_events=0), *ECHO.endpoints[1:])",
            "made max_events 0, expected a whole number of at least 1",
        ),
        (
            "without_address",
            "settings=type('Homeless', (PluginSettings,), {})",
            "vendor_url raised NotImplementedError: Homeless has no vendor_url, which returns the vendor's address",
        ),
        (
            "without_credentials",
            "endpoints=(replace(ECHO.endpoints[0], credentials=lambda settings: [settings.token]), *ECHO.endpoints[1:])",
            "credentials raised AttributeError",
        ),
        (
            "with_bare_credentials",
            "endpoints=(replace(ECHO.endpoints[0], credentials=lambda settings: ['canary']), *ECHO.endpoints[1:])",
            "credentials returned str among its credentials",
        ),
    ],
)
def test_a_destination_that_would_be_unusable_is_named(tmp_path: Path, slug: str, change: str, told: str) -> None:
    """A router starts all others; who checks the config wants to know before."""
    config = config_of(tmp_path, slug, change, f"{{plugin: {slug}}}")

    checked = run_command("check", config)

    assert checked.code == 2
    assert checked.err.startswith(f"destinations.crm: plugin {slug}: ")
    assert told in checked.err
    assert "canary" not in checked.err


@pytest.mark.parametrize(
    ("plugin", "settings"),
    [
        pytest.param("intercom", "access_token: '${file:SECRET}'", id="a token"),
        pytest.param(
            "s3",
            "bucket: acme, region: auto, secret_access_key: k, access_key_id: '${file:SECRET}'",
            id="the id of a key that signs",
        ),
    ],
)
def test_a_secret_of_several_lines_is_told_before_its_destination_is_blocked(
    tmp_path: Path, plugin: str, settings: str
) -> None:
    (tmp_path / "secret").write_text("canary\ncanary\n")
    config = tmp_path / "router.yaml"
    given = settings.replace("SECRET", str(tmp_path / "secret"))
    config.write_text(
        f"sources: {{website: {{write_key: k}}}}\ndestinations: {{crm: {{plugin: {plugin}, settings: {{{given}}}}}}}\n"
    )

    checked = run_command("check", config)

    assert (checked.code, checked.err.strip()) == (
        2,
        "destinations.crm: the credential for header 'Authorization' holds a line break or NUL",
    )


def test_a_destination_without_an_address_has_no_table_to_show(tmp_path: Path) -> None:
    config = config_of(tmp_path, "homeless", "settings=type('Homeless', (PluginSettings,), {})", "{plugin: homeless}")

    shown = run_command("destinations", "crm", "--config", config)

    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith("destinations.crm: plugin homeless: vendor_url raised NotImplementedError: ")


def test_a_sandbox_that_can_not_be_made_is_told_before_a_router_is_started(tmp_path: Path) -> None:
    config = config_of(
        tmp_path, "without_stand_in", "sandbox='tests.destinations:Nobody'", "{plugin: without_stand_in, sandbox: true}"
    )

    checked = run_command("check", config)

    assert checked.code == 2
    assert checked.err.strip() == (
        'plugin without_stand_in: its sandbox "tests.destinations:Nobody" could not be made: AttributeError: '
        "module 'tests.destinations' has no attribute 'Nobody'. Correct the plugin, or take `sandbox: true` out"
    )


READ = "The router's user reads it; no router starts here without it."


def test_what_keeps_this_machine_out_of_the_cluster_is_told(tmp_path: Path) -> None:
    """The config may be for another one, so it is right all the same. A router that starts here says the same."""
    config = tmp_path / "router.yaml"
    config.write_text(
        f"""\
log: tls://router:canary-password@127.0.0.1:4222
nats: {{ca: {tmp_path}/ca.pem, credentials: {config}, certificate: {config}, key: {tmp_path}}}
sources: {{website: {{write_key: demo}}}}
destinations: {{mixpanel: {{sandbox: true}}}}
"""
    )

    checked = run_command("check", config)
    told = run_command("check", config, "--json").json["warnings"]

    assert checked.code == 0
    assert told == [
        f"nats.credentials: {config}: expected a user's JWT and seed, as in the .creds file that nsc makes",
        f"nats.ca: {tmp_path}/ca.pem: No such file or directory. {READ}",
        f"nats.key: {tmp_path}: Is a directory. {READ}",
        "nats.credentials: the address of the log names a user too. Take one of the two out.",
    ]
    with pytest.raises(OperatorError) as refusal:
        to_access(read_config(config)[0]).options(["tls://127.0.0.1:4222"])
    assert str(refusal.value).splitlines() == told[:-1]
    assert all(f"warning: {warning}" in checked.out for warning in told)
    assert "canary" not in checked.out


@pytest.mark.parametrize("command", ["check --live", "status", "dead-letters list", "log check", "log export"])
def test_a_cluster_without_its_extra_is_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """An install has no NATS client unless it was asked for."""
    config = tmp_path / "router.yaml"
    config.write_text("log: nats://127.0.0.1:4222\nsources: {website: {write_key: demo}}\n")
    monkeypatch.setitem(sys.modules, "nats", None)

    refused = run_command(*command.split(), "--config", config)
    checked = run_command("check", config)

    assert (refused.code, refused.err) == (2, WITHOUT_EXTRA + "\n")
    assert f"warning: {WITHOUT_EXTRA}" in checked.out
