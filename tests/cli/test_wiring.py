"""What stands in the config is what runs."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from ruamel.yaml import YAML

from router.cli.wiring import to_assignments, to_limits, to_sources, to_surroundings
from router.config import Config, parse_config
from router.destination import Destination
from router.gateway import Limits, Source, Surroundings
from router.plugin import PluginSettings
from router.registry import Registry
from tests.delivery.stand import PLUGIN
from tests.events import identify


def parse(text: str) -> Config:
    return parse_config(text, Registry.load(), environ={})


BOTH_SIDES = """
sources:
  website: {write_key: k1}
  shop:
    write_keys: [k2, k3]
    enabled: false
    sdk: segment
    origins: [https://shop.example.com]
    rate_limit: 5/s
    destinations: [two]
destinations:
  one: {plugin: webhook, sandbox: true}
  two: {plugin: webhook, sandbox: true}
"""


def test_a_source_keeps_its_events_from_destinations_it_does_not_name() -> None:
    one, two = (assignment.destination for assignment in to_assignments(parse(BOTH_SIDES), Registry.load()))

    assert two.decide(identify(), "shop").is_delivered
    decision = one.decide(identify(), "shop")
    assert (decision.is_delivered, decision.reason.partition(":")[0]) == (False, "source")
    assert one.decide(identify(), "website").is_delivered


def test_sources_reach_the_gateway_with_all_they_say() -> None:
    assert to_sources(parse(BOTH_SIDES)) == {
        "website": Source(("k1",), max_requests_per_s=1_000.0),
        "shop": Source(("k2", "k3"), False, frozenset({"https://shop.example.com"}), "segment", 5.0),
    }


def test_the_defaults_of_the_config_are_those_of_the_gateway() -> None:
    assert to_limits(Config()) == Limits()
    assert to_surroundings(Config()) == Surroundings()


def test_limits_and_surroundings_come_from_the_public_port() -> None:
    config = parse(
        "sources: {a: {write_key: k}}\nserver: {max_keys: 100, head_timeout: 2s, max_connections: 50, max_held: 20MB, "
        "public_url: https://router.example.com, trusted_proxies: [10.0.0.0/8]}"
    )

    expected = Limits(max_keys=100, head_timeout_s=2.0, max_connections=50, max_held_bytes=20_000_000)
    assert to_limits(config) == expected
    assert to_surroundings(config) == Surroundings("https://router.example.com", (ip_network("10.0.0.0/8"),))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("mapping: [{set: {traits.a: true}}]", "mapping: [{set: {traits.a: 1}}]", id="a constant's type"),
        pytest.param(
            "mapping: [{set: {traits.a: 1}}]", "mapping: [{set: {traits.a: 1.0}}]", id="a constant's fraction"
        ),
        pytest.param("where: {traits.a: true}", "where: {traits.a: 1}", id="what is matched"),
        pytest.param("where: {traits.a: {not: true}}", "where: {traits.a: {not: 1}}", id="what is not"),
        pytest.param(
            "mapping: [{rename: {traits.a: traits.c, traits.b: traits.c}}]",
            "mapping: [{rename: {traits.b: traits.c, traits.a: traits.c}}]",
            id="which of two fields wins",
        ),
        pytest.param(
            'mapping: [{template: {traits.a: "{traits.b}", traits.b: "x"}}]',
            'mapping: [{template: {traits.b: "x", traits.a: "{traits.b}"}}]',
            id="which template comes first",
        ),
    ],
)
def test_a_reload_sees_every_change_of_an_action(before: str, after: str) -> None:
    """What is equal is left as it runs."""

    def assigned(rule: str) -> object:
        text = "sources: {a: {write_key: k}}\ndestinations: {mixpanel: {sandbox: true, actions: {track event: {%s}}}}"
        return to_assignments(parse(text % rule), Registry.load())

    assert assigned(before) == assigned(before)
    assert assigned(before) != assigned(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("{a: {z: 1}, b: {}}", "{b: {}, a: {z: 1}}", id="in a mapping"),
        pytest.param("{a: {y: 1, z: 1}}", "{a: {z: 1, y: 1}}", id="deep in it"),
        pytest.param("{a: [{y: 1, z: 1}]}", "{a: [{z: 1, y: 1}]}", id="in a list"),
    ],
)
def test_a_reload_sees_another_order_in_the_settings(before: str, after: str) -> None:
    """Of two entries that write one field of a vendor's, the last one counts."""

    class Mapped(PluginSettings):
        fields: dict[str, Any] = {}

    def destination(written: str) -> Destination:
        return Destination("a", PLUGIN, Mapped(fields=YAML(typ="safe").load(written)))

    assert destination(before) == destination(before)
    assert destination(before) != destination(after)


def test_every_plugin_has_its_tables_without_the_secrets_of_the_config() -> None:
    registry = Registry.load()
    destinations = "".join(f"  {slug}: {{settings: {{base_url: '${{UNSET}}'}}}}\n" for slug in registry.slugs)
    text = f"sources: {{website: {{write_key: k}}}}\ndestinations:\n{destinations}"

    config = parse_config(text, registry, environ={}, has_secrets=False)

    assert [each.name for each in to_assignments(config, registry)] == list(registry.slugs)
