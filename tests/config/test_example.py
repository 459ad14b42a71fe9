"""``config/router.yaml`` runs as it is, and what it says of defaults is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.config import Admin, Config, Delivery, Destination, Retention, Server, Source, load_config
from router.config.nats import Nats
from router.registry import Registry

EXAMPLE = Path(__file__).parents[2] / "config" / "router.yaml"


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config(EXAMPLE, Registry.load(), environ={})


def test_the_example_loads_without_any_environment_and_sends_nothing_out(config: Config) -> None:
    assert list(config.destinations) == ["mixpanel", "intercom", "customerio", "webhook"]
    assert all(destination.sandbox for destination in config.destinations.values())
    assert all(destination.enabled for destination in config.destinations.values())
    assert config.sources["website"].keys == ("demo",)


def test_the_example_spells_out_the_defaults(config: Config) -> None:
    assert (config.server, config.admin, config.retention) == (Server(), Admin(), Retention())
    assert (config.data, config.log, config.plugins) == (Config().data, Config().log, Config().plugins)
    source = config.sources["website"]
    assert source == Source(name="website", write_key=source.write_key)
    webhook = config.destinations["webhook"]
    plain = Destination(name="webhook", plugin="webhook", settings=webhook.settings)
    assert webhook.model_copy(update={"sandbox": False, "sources": None}) == plain
    assert webhook.delivery == Delivery()


def test_the_example_takes_credentials_from_the_environment() -> None:
    config = load_config(EXAMPLE, Registry.load(), environ={"MIXPANEL_TOKEN": "from-environment"})

    settings = config.destinations["mixpanel"].settings
    assert "from-environment" in [getattr(value, "get_secret_value", str)() for _, value in settings]


def test_every_key_there_is_stands_in_the_example() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    keys = {
        field.alias or name
        for model in (Config, Server, Admin, Retention, Nats, Source, Destination, Delivery)
        for name, field in model.model_fields.items()
    } - {"(name)"}

    assert {key for key in keys if f"{key}:" not in text} == set()
