"""docs/plugins.md: its code is the package's beside this file, and its steps work, in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.harness import Command, Stage, run_command

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs/plugins.md").read_text("utf-8")
PACKAGE = Path(__file__).with_name("router-my-loops")


def python(*arguments: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python with this checkout's router on its path."""
    path = os.pathsep.join([str(ROOT), *filter(None, [env.pop("PYTHONPATH", ""), os.environ.get("PYTHONPATH", "")])])
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def router(*arguments: str | Path, cwd: Path, **env: str) -> Command:
    done = python("-m", "router", *arguments, cwd=cwd, **env)
    return Command(done.returncode, done.stdout, done.stderr)


def test_every_piece_of_code_on_the_page_is_the_packages_or_the_kits() -> None:
    shown = [*PACKAGE.rglob("*.py"), PACKAGE / "pyproject.toml", ROOT / "tests/test_testing.py"]
    files = {path: path.read_text("utf-8") for path in shown}
    pieces = re.findall(r"```(?:python|toml)\n(.*?)```", TUTORIAL, re.DOTALL)

    assert len(pieces) >= 10
    assert [piece for piece in pieces if not any(piece in text for text in files.values())] == []


def test_every_file_the_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:router_my_loops|tests|plugins)/[\w./]+\.(?:py|md))`", TUTORIAL))

    assert len(named) >= 7
    assert [name for name in named if not ((PACKAGE / name).exists() or (ROOT / name).exists())] == []


def test_the_page_says_where_a_name_of_the_api_is_explained(tmp_path: Path) -> None:
    [command] = re.findall(r"python -c '(.*?)'", TUTORIAL)
    shown = python("-c", command, cwd=tmp_path)

    folder, named = Path(shown.stdout.strip()), re.findall(r"`(\w+\.py)`", TUTORIAL)
    assert len(named) >= 9
    assert [name for name in named if not (folder / name).exists()] == []


@pytest.mark.full
def test_a_new_plugin_passes_its_own_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = run_command("new-plugin", "acme_crm", "--name", "Acme CRM")
    folder = tmp_path / "router-acme-crm"

    assert (made.code, made.err) == (0, "")
    assert "/var/" in (folder / ".gitignore").read_text().splitlines()
    tested = python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
    assert tested.returncode == 0, tested.stdout[-3000:]
    assert not [path for path in folder.rglob("*") if "acme" in path.name.replace("acme-crm", "").replace("acme_crm", "")]
    linted = python("-m", "ruff", "check", "--isolated", "--line-length", "120", "--extend-select", "I,B,UP,SIM", "--ignore", "RUF012", cwd=folder)
    assert linted.returncode == 0, linted.stdout
    checked = router("check", "router.yaml", cwd=folder)
    assert (checked.code, checked.err) == (0, "")


@pytest.mark.full
def test_the_finished_plugin_passes_its_own_tests() -> None:
    tested = python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=PACKAGE)

    assert tested.returncode == 0, tested.stdout[-3000:]


def test_an_event_sent_as_the_page_says_arrives_at_the_stand_in(stage: Stage) -> None:
    loops = {"my_loops": {"sandbox": True}}
    running = stage.router(loops, plugins=[str(PACKAGE / "router_my_loops")])

    status, _ = running.post({"type": "identify", "userId": "u1", "traits": {"email": "ada@example.test"}})

    assert status == 200
    running.until_settled("my_loops")
    shown = stage.process("sandbox", "show", "my_loops", "--json")
    [taken] = shown.json["items"]
    assert (taken["kind"], taken["item"]) == ("contact", {"userId": "u1", "email": "ada@example.test"})


@pytest.mark.full
def test_a_package_installed_beside_the_router_is_found_by_its_entry_point(tmp_path: Path) -> None:
    site = tmp_path / "site"
    options = ("--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check")
    source = tmp_path / "router-my-loops"
    subprocess.run(["cp", "-r", PACKAGE, source], check=True)
    installed = python("-m", "pip", "install", *options, "--target", site, source, cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr
    (tmp_path / "router.yaml").write_text(
        "sources: {website: {write_key: demo}}\ndestinations: {my_loops: {sandbox: true}}\n"
    )

    listed = router("destinations", "plugins", "--json", cwd=tmp_path, PYTHONPATH=str(site))
    checked = router("check", "router.yaml", cwd=tmp_path, PYTHONPATH=str(site))

    [loops] = [each for each in listed.json if each["plugin"] == "my_loops"]
    assert (loops["name"], loops["origin"]) == ("My Loops", "router-my-loops 0.1.0")
    assert (checked.code, checked.err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["Acme"], "can't be a plugin's slug", id="a capital"),
        pytest.param(["../acme"], "can't be a plugin's slug", id="a path"),
        pytest.param(["mixpanel"], 'a plugin "mixpanel" already', id="one that is there"),
        pytest.param(["acme", "--name", 'a"b'], "can't be a vendor's name", id="a name with quotes"),
        pytest.param(["taken"], "is there already; nothing was written", id="a folder that is there"),
    ],
)
def test_what_cannot_be_a_new_plugin_is_refused_and_nothing_written(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "router-taken").mkdir()
    monkeypatch.chdir(tmp_path)

    refused = run_command("new-plugin", *arguments)

    assert refused.code == 2
    assert message in refused.err
    assert [path.name for path in tmp_path.rglob("*")] == ["router-taken"]


