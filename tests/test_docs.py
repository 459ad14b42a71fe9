"""What the documents show works: the code, the configs and the commands in them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from router.cli.main import commands
from router.config import parse_config
from router.destination import Destination
from router.explain import explain
from router.registry import Registry
from router.testing import make_event
from tests.events import identify

ROOT = Path(__file__).parent.parent
SECRET_URL = "https://hooks.slack.com/services/T0/B0/secret"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
"""Stands for every secret of an example; has the form that the pickiest setting asks for."""
README = (ROOT / "README.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_plugin_in_the_readme_is_a_plugin() -> None:
    [code] = [block for block in blocks(README, "python") if "router_plugins" in block]
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec", dont_inherit=True), names)
    plugin = names["router_plugins"]()  # type: ignore[operator]
    destination = Destination("example", plugin[0], plugin[0].settings(token="t"))

    answer = explain(identify(createdAt="2024-08-24T14:15:22Z", plan="gold"), [destination])

    [entry] = answer["destinations"]
    [request] = entry["requests"]
    assert request["url"] == "https://api.example.com/people"
    assert request["body"] == [{"id": "u1", "plan": "gold", "created_at": 1724508922}]
    [anonymous] = explain(make_event("identify", anonymousId="a"), [destination])["destinations"]
    assert anonymous["decision"] == "skip", "not a person whose id is null"


def test_the_config_in_the_readme_is_right(tmp_path: Path) -> None:
    [text] = blocks(README, "yaml")
    secret = tmp_path / "intercom"
    secret.write_text("a secret")
    text = text.replace("/run/secrets/intercom", str(secret))

    config = parse_config(text, Registry.load(), environ={"MIXPANEL_TOKEN": "t", "BACKEND_WRITE_KEY": "k"})

    assert set(config.destinations) == {"mixpanel", "crm"}
    assert config.sources_of("crm").takes("website")
    assert not config.sources_of("crm").takes("backend")


@pytest.mark.parametrize("path", sorted((ROOT / "plugins").glob("*/README.md")), ids=lambda path: path.parent.name)
def test_the_configs_in_plugins_readmes_are_right(path: Path, tmp_path: Path) -> None:
    """With every variable set and every file there, each example loads."""
    examples = [block for block in blocks(path.read_text(), "yaml") if "destinations:" in block]
    assert examples
    for number, text in enumerate(examples):
        for name in re.findall(r"\$\{file:([^}]+)\}", text):
            file = tmp_path / f"{number}-{os.path.basename(name)}"
            file.write_text(SECRET)
            text = text.replace(name, str(file))
        names = re.findall(r"\$\{([A-Z0-9_]+)", text)
        environ = {name: SECRET_URL if name.endswith("_URL") else SECRET for name in names}
        if "sources:\n" not in text and not text.startswith("sources:"):
            text = "sources: {website: {write_key: demo}}\n" + text

        parse_config(text, Registry.load(), path=str(path), environ=environ)


def test_every_command_in_the_readme_exists() -> None:
    shown = set(re.findall(r"^\| `router ([a-z-]+)", README, re.MULTILINE))

    assert shown == set(commands().commands)
