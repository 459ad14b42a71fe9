"""Every command explains itself, and ends in a way that scripts can rely on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router.admin.server import LONGEST_PATH
from router.cli.main import commands
from tests.system.harness import run_command


def paths(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Those of all commands, of groups as well as of those in them."""
    for name, each in getattr(command, "commands", {}).items():
        yield (*path, name)
        yield from paths(each, (*path, name))


COMMANDS = sorted(paths(commands()))


def test_all_commands_of_the_design_are_there() -> None:
    designed = {"run", "check", "explain", "send", "trace", "status", "replay", "demo"}
    groups = {"destinations": "forget", "dead-letters": "list show retry discard", "sandbox": "show serve"}

    assert {path[0] for path in COMMANDS} >= designed | set(groups)
    for group, names in groups.items():
        assert {path[1] for path in COMMANDS if path[0] == group and path[1:]} >= set(names.split())


@pytest.mark.parametrize("path", [(), *COMMANDS], ids=" ".join)
def test_every_command_has_help_with_an_example(path: tuple[str, ...]) -> None:
    helped = run_command(*path, "--help")

    assert (helped.code, helped.err) == (0, "")
    assert "Example" in helped.out
    assert f"router {' '.join(path)}" in " ".join(helped.out.split())


def test_every_command_that_prints_data_prints_it_as_json_too() -> None:
    """Those without are the daemon, the demo, a stand-in alone, which prints its address, and what writes a new plugin; and
    groups, which print nothing by themselves."""
    without = [
        " ".join(path)
        for path in COMMANDS
        if not is_mere_group(find(path))
        and not any("--json" in getattr(parameter, "opts", ()) for parameter in find(path).params)
    ]
    assert without == ["demo", "log export", "new-plugin", "run", "sandbox serve"]


def test_every_option_and_argument_says_what_it_is() -> None:
    """Those of all commands; Typer's own --help included."""
    silent = [
        f"{' '.join(path)}: {parameter.name}"
        for path in COMMANDS
        for parameter in find(path).params
        if not getattr(parameter, "help", "") and not getattr(parameter, "hidden", False)
    ]
    assert silent == []


def test_an_option_without_a_value_shows_none() -> None:
    """`--json <bool>` asks for a value, and with one a command ended in "unexpected extra argument"."""
    asking = [
        f"{' '.join(path)}: {parameter.name}"
        for path in COMMANDS
        for parameter in find(path).params
        if getattr(parameter, "is_flag", False) and parameter.metavar != ""
    ]
    assert asking == []


def is_mere_group(command: Any) -> bool:
    return hasattr(command, "commands") and not command.invoke_without_command


def find(path: tuple[str, ...]) -> Any:
    command: Any = commands()
    for name in path:
        command = command.commands[name]
    return command


def test_the_version_is_printed() -> None:
    shown = run_command("--version")

    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("trait-router ")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["run"], id="run"),
        pytest.param(["check"], id="check"),
        pytest.param(["status"], id="status"),
        pytest.param(["trace", "m1"], id="trace"),
        pytest.param(["explain", "-"], id="explain"),
        pytest.param(["send", "-"], id="send"),
        pytest.param(["replay", "mixpanel", "--all"], id="replay"),
        pytest.param(["destinations", "list"], id="destinations list"),
        pytest.param(["destinations", "show", "mixpanel"], id="destinations show"),
        pytest.param(["destinations", "forget", "mixpanel"], id="destinations forget"),
        pytest.param(["dead-letters", "list"], id="dead-letters list"),
        pytest.param(["dead-letters", "show", "mixpanel", "1"], id="dead-letters show"),
        pytest.param(["dead-letters", "retry", "mixpanel", "--all"], id="dead-letters retry"),
        pytest.param(["dead-letters", "discard", "mixpanel", "1"], id="dead-letters discard"),
        pytest.param(["log", "check"], id="log check"),
        pytest.param(["log", "repair"], id="log repair"),
        pytest.param(["log", "export"], id="log export"),
        pytest.param(["log", "backup", "somewhere"], id="log backup"),
        pytest.param(["sandbox", "show", "mixpanel"], id="sandbox show"),
        pytest.param(["demo", "--no-stay"], id="demo"),
    ],
)
def test_a_config_that_is_not_there_is_said_so_with_exit_code_2(arguments: list[str], tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"

    refused = run_command(*arguments, "--config", missing)

    assert (refused.code, refused.out) == (2, "")
    assert str(missing) in refused.err
    assert "Traceback" not in refused.err


@pytest.mark.parametrize(
    ("length", "options"),
    [
        pytest.param(LONGEST_PATH + 1 - len("/admin.sock"), [], id="one process"),
        pytest.param(LONGEST_PATH + 1 - len("/admin-10.sock"), ["--processes", "10"], id="the longest of many"),
    ],
)
def test_a_folder_whose_socket_can_have_no_such_path_is_refused_at_once(
    config: Path, length: int, options: list[str]
) -> None:
    """It was a traceback once all had started, or processes that never came up."""
    data = "/tmp/".ljust(length, "x")
    config.write_text(json.dumps({**json.loads(config.read_text()), "data": data}))

    refused = run_command("run", "--config", config, *options)

    assert (refused.code, refused.out) == (2, "")
    assert f"has {LONGEST_PATH + 1} bytes, and the path of a socket {LONGEST_PATH} at most" in refused.err
    assert not Path(data).exists()


@pytest.mark.parametrize(
    "arguments",
    [["no-such-command"], ["status", "--no-such-option"], ["trace"], ["sandbox", "serve", "nobody"]],
    ids=" ".join,
)
def test_a_mistake_in_a_command_ends_with_exit_code_2(arguments: list[str]) -> None:
    refused = run_command(*arguments)

    assert (refused.code, refused.out) == (2, "")
    assert refused.err.strip()
