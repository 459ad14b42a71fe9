"""What is generated is what the declarations say, and is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from router.config import parse_config
from router.config.destination import Destination
from router.generate.__main__ import COMMAND, ROOT, stale
from router.generate.catalogue import catalogue, traits_that_arrive
from router.registry import Registry
from router.traits import GROUP_TRAITS, USER_TRAITS

REGISTRY = Registry.load()
PLUGINS = [registered.plugin for registered in REGISTRY]
SCHEMA = orjson.loads((ROOT / "config/router.schema.json").read_bytes())
FULL = ROOT / "config/full.yaml"


def problems(text: str) -> list[str]:
    """Where the schema finds fault with a config."""
    document = YAML(typ="safe").load(text)
    return sorted(
        "/".join(map(str, error.absolute_path)) for error in Draft202012Validator(SCHEMA).iter_errors(document)
    )


def test_nothing_generated_is_stale() -> None:
    assert [str(path.relative_to(ROOT)) for path in stale()] == [], f"rewrite with: {COMMAND}"


def test_the_full_config_is_right_and_changes_no_default() -> None:
    config = parse_config(FULL.read_text(), REGISTRY, environ={})

    assert set(config.destinations) == {plugin.slug for plugin in PLUGINS}
    name, first = next(iter(config.destinations.items()))
    usual = parse_config(
        f"sources: {{a: {{write_key: k}}}}\ndestinations: {{{name}: {{sandbox: true}}}}", REGISTRY, environ={}
    )
    assert first == usual.destinations[name]
    assert (config.server, config.admin, config.retention) == (usual.server, usual.admin, usual.retention)


def test_the_full_config_names_every_setting_of_every_plugin() -> None:
    text = FULL.read_text()
    keys = [field.alias or name for name, field in Destination.model_fields.items()]
    keys += [name for plugin in PLUGINS for name in plugin.settings.model_fields]

    assert [key for key in keys if key != "(name)" and f" {key}:" not in text] == []


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_the_configs_that_come_along_fit_the_schema(path: Path) -> None:
    assert problems(path.read_text()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("sorces: {}", [""], id="an unknown section"),
        pytest.param(
            "destinations: {mixpanel: {settings: {tokn: x}}}",
            ["destinations/mixpanel/settings"],
            id="an unknown setting",
        ),
        pytest.param(
            "destinations: {m: {plugin: mixpanel, settings: {tokn: x}}}", ["destinations/m/settings"], id="plugin:"
        ),
        pytest.param(
            "destinations: {mixpanel: {settings: {region: mars}}}",
            ["destinations/mixpanel/settings/region"],
            id="a choice",
        ),
        pytest.param("destinations: {mixpanel: {settings: {region: '${R}'}}}", [], id="a reference for a choice"),
        pytest.param("server: {port: x}", ["server/port"], id="a wrong kind"),
        pytest.param("server: {port: '${PORT:-80}'}", [], id="a reference for a number"),
        pytest.param("server: {max_body: 10MB}", [], id="a size"),
        pytest.param("server: {max_body: 10}", ["server/max_body"], id="a size without its unit"),
        pytest.param("destinations: {mixpanel: {delivery: {rate_limit: 100/s}}}", [], id="a rate that may be left out"),
        pytest.param(
            "destinations: {mixpanel: {delivery: {rate_limit: 100}}}",
            ["destinations/mixpanel/delivery/rate_limit"],
            id="a rate without its unit",
        ),
        pytest.param("server:\n  port:", [], id="a key without a value"),
    ],
)
def test_the_schema_finds_what_an_editor_should_underline(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


def test_the_catalogue_has_every_plugin_and_leads_to_its_readme() -> None:
    page = catalogue(PLUGINS)

    for plugin in PLUGINS:
        assert f"\n## {plugin.name}\n" in page
        assert (ROOT / "plugins" / plugin.slug / "README.md").exists()
        assert f"(../plugins/{plugin.slug}/README.md)" in page


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.slug)
def test_the_catalogue_counts_no_more_traits_than_there_are(plugin: Any) -> None:
    assert 0 < traits_that_arrive(plugin, "identify") <= len(USER_TRAITS)
    assert 0 <= traits_that_arrive(plugin, "group") <= len(GROUP_TRAITS)
