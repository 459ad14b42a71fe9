from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest
from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from router.config import (
    Config,
    ConfigError,
    Delivery,
    Destination,
    Retention,
    Server,
    load_config,
    load_storage,
    parse_config,
    read_data_folder,
)
from router.plugin import PluginSettings
from router.registry import Registry
from router.source_choice import ANY_SOURCE

Parse = Callable[..., Config]

SOURCES = "sources: {website: {write_key: k1}, app: {write_key: k2}}\n"
ACME = SOURCES + "destinations:\n  acme:\n    settings: {token: t}\n"


def test_a_config_with_sources_alone_has_defaults_for_the_rest(parse: Parse) -> None:
    config = parse(SOURCES)

    assert config.server == Server()
    assert (config.server.host, config.server.port, config.server.max_body_bytes) == ("127.0.0.1", 8080, 10_000_000)
    assert (config.admin.host, config.admin.port) == ("127.0.0.1", 8081)
    assert (config.data, config.log.get_secret_value()) == (Path("var"), "sqlite")
    assert (config.retention.age_s, config.retention.max_disk_bytes) == (604_800.0, 20_000_000_000)
    assert (config.retention.dedup_window_s, config.retention.segment_bytes) == (604_800.0, 64_000_000)
    assert (config.destinations, config.plugins) == ({}, ())


def test_a_source_carries_its_name_and_its_key(parse: Parse) -> None:
    source = parse(SOURCES + "# more").sources["website"]

    assert (source.name, source.write_key, source.enabled) == ("website", SecretStr("k1"), True)


def test_a_destination_has_its_name_as_plugin_and_all_sources_by_default(parse: Parse) -> None:
    config = parse(ACME)
    destination = config.destinations["acme"]

    assert (destination.name, destination.plugin) == ("acme", "acme")
    assert config.sources_of("acme") == ANY_SOURCE
    assert destination.delivery == Delivery()
    assert (destination.enabled, destination.sandbox, destination.opt_in, destination.start) == (
        True,
        False,
        False,
        "now",
    )
    assert (destination.hold_s, destination.max_backlog_bytes) == (604_800.0, 10_000_000_000)


def test_one_plugin_serves_many_destinations(parse: Parse) -> None:
    config = parse(
        SOURCES + "destinations:\n"
        "  one: {plugin: acme, sources: [app], settings: {token: a}}\n"
        "  two: {plugin: acme, settings: {token: b, region: eu}}\n"
    )

    assert config.sources_of("one").only == frozenset({"app"})
    assert config.destinations["one"].settings.model_dump()["token"] == SecretStr("a")
    assert config.destinations["two"].settings.model_dump()["region"] == "eu"


def test_settings_are_an_instance_of_the_plugins_own_model(parse: Parse) -> None:
    settings = parse(ACME).destinations["acme"].settings

    assert type(settings).__name__ == "AcmeSettings"
    assert settings.api_url == "https://acme.example.com"


def test_units_in_the_file_become_plain_numbers(parse: Parse) -> None:
    delivery = (
        parse(
            ACME
            + "    delivery: {concurrency: 64, rate_limit: 6000/min, timeout: 1m30s, retry_for: 2w, batch_wait: 5ms}\n"
        )
        .destinations["acme"]
        .delivery
    )

    assert delivery.rate_limit_per_s == 100.0
    assert (delivery.concurrency, delivery.timeout_s, delivery.retry_for_s, delivery.batch_wait_s) == (
        64,
        90.0,
        1_209_600.0,
        0.005,
    )


def test_a_key_without_a_value_is_as_if_absent(parse: Parse) -> None:
    text = (
        "server: {max_body: }\nretention:\nadmin: {port: }\nplugins:\nsources: {website: {write_key: k, enabled: }}\n"
    )

    assert parse(text + "destinations:\n  bare:\n  acme: {settings: {token: t}, actions: {track event: }}\n") == parse(
        "sources: {website: {write_key: k}}\n"
        "destinations: {bare: {}, acme: {settings: {token: t}, actions: {track event: {}}}}"
    )


def test_text_from_the_environment_becomes_what_the_field_is(parse: Parse) -> None:
    config = parse(
        'server: {port: "${PORT}", max_body: "${MAX}MB"}\nsources: {a: {write_key: "${KEY}", enabled: "${ON:-false}"}}\n',
        PORT="9090",
        MAX="5",
        KEY="[1,{a:${PORT}",
    )

    assert (config.server.port, config.server.max_body_bytes) == (9090, 5_000_000)
    assert config.sources["a"].write_key == SecretStr("[1,{a:${PORT}")
    assert config.sources["a"].enabled is False


def test_a_value_may_come_from_a_file(parse: Parse, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cr3t\n")

    config = parse(SOURCES + f"destinations: {{acme: {{settings: {{token: '${{file:{tmp_path}/token}}'}}}}}}")

    assert config.destinations["acme"].settings.model_dump()["token"] == SecretStr("s3cr3t")


def test_a_changed_credential_is_seen_as_a_changed_destination(parse: Parse) -> None:
    text = SOURCES + 'destinations: {acme: {settings: {token: "${TOKEN}"}}}'

    assert parse(text, TOKEN="a").destinations == parse(text, TOKEN="a").destinations
    assert parse(text, TOKEN="a").destinations != parse(text, TOKEN="b").destinations


@pytest.mark.parametrize(
    "settings",
    ["", "    settings:\n", "    settings: {token: }\n", '    settings: {token: "${TOKEN:-}", base_url: ""}\n'],
    ids=["absent", "no value", "null", "empty"],
)
def test_a_sandbox_gets_the_settings_that_were_left_empty(parse: Parse, settings: str) -> None:
    destination = parse(SOURCES + "destinations:\n  acme:\n    sandbox: true\n" + settings).destinations["acme"]

    assert destination.settings.model_dump()["token"] == SecretStr("sandbox-token")


def test_a_sandbox_keeps_the_settings_that_were_given(parse: Parse) -> None:
    destination = parse(
        SOURCES + "destinations: {acme: {sandbox: yes, settings: {token: mine, region: eu}}}"
    ).destinations["acme"]

    assert destination.settings.model_dump()["token"] == SecretStr("mine")
    assert destination.settings.model_dump()["region"] == "eu"


@pytest.mark.parametrize("value", ["", '""', '"${TOKEN:-}"'], ids=["null", "empty", "a variable that is not set"])
@pytest.mark.parametrize("sandbox", ["true", "false"])
def test_a_setting_that_there_is_not_is_refused_without_a_value_too(parse: Parse, sandbox: str, value: str) -> None:
    """A misspelt credential passed with its stand-in, and was found only on the day when that was taken out."""
    text = SOURCES + f"destinations: {{acme: {{sandbox: {sandbox}, settings: {{token: t, tokn: {value}}}}}}}"

    with pytest.raises(ConfigError) as caught:
        parse(text)

    assert [problem.key for problem in caught.value.problems] == ["destinations.acme.settings.tokn"]


class Choosy(PluginSettings):
    """What is sent depends on settings with a default."""

    token: SecretStr = Field(description="Required.")
    account: str = Field(description="Required.")
    second_token: SecretStr = Field(SecretStr(""), description="A secret.")
    events: dict[str, str] = Field(default_factory=dict, description="Which events are sent; none by default.")
    finds_by: str = Field("email", description="What finds a person.")


def test_a_rehearsal_sends_what_the_vendor_will_get(registry: Registry) -> None:
    """It sent what the stand-in's own settings say, and with the vendor most of it was skipped."""
    acme = next(each.plugin for each in registry if each.plugin.slug == "acme")
    filled = {"token": "t", "account": "a", "second_token": "s", "events": {"Paid": "paid"}, "finds_by": "id"}
    choosy = Registry([replace(acme, settings=Choosy, sandbox_settings=filled)])

    settings = parse_config(SOURCES + "destinations: {acme: {sandbox: true}}", choosy).destinations["acme"].settings

    assert settings == Choosy(token=SecretStr("t"), account="a", second_token=SecretStr("s"))


class TwoWays(PluginSettings):
    """A token, which a sandbox fills in, or a key."""

    key: SecretStr = Field(SecretStr(""), description="One way.")
    token: SecretStr = Field(SecretStr(""), validate_default=True, description="The other.")
    size: int = Field(1, description="Something else.")

    @field_validator("token")
    @classmethod
    def _is_one_of_two(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if bool(value.get_secret_value()) == bool(info.data["key"].get_secret_value()):
            raise ValueError("expected either key or token")
        return value


@pytest.fixture(scope="module")
def two_ways(registry: Registry) -> Registry:
    acme = next(each.plugin for each in registry if each.plugin.slug == "acme")
    return Registry([replace(acme, settings=TwoWays)])


@pytest.mark.parametrize(
    ("given", "token"),
    [("", "sandbox-token"), ("token: mine", "mine"), ("key: k1", "")],
    ids=["nothing", "one", "other"],
)
def test_a_sandbox_fills_in_no_second_way_to_the_vendor(two_ways: Registry, given: str, token: str) -> None:
    text = SOURCES + f"destinations: {{acme: {{sandbox: true, settings: {{{given}}}}}}}"

    settings = parse_config(text, two_ways, environ={}).destinations["acme"].settings

    assert settings.model_dump()["token"].get_secret_value() == token


@pytest.mark.parametrize("given", ["size: much", "size: much, key: k1"], ids=["one way", "the other"])
def test_a_mistake_beside_it_is_the_only_one_that_is_told(two_ways: Registry, given: str) -> None:
    text = SOURCES + f"destinations: {{acme: {{sandbox: true, settings: {{{given}}}}}}}"

    with pytest.raises(ConfigError) as caught:
        parse_config(text, two_ways, environ={})

    assert [problem.key for problem in caught.value.problems] == ["destinations.acme.settings.size"]


class Bound(PluginSettings):
    """A token, which a sandbox fills in, and two settings of which only one goes."""

    token: SecretStr = Field(description="Required.")
    bulk: bool = Field(False, description="Send in jobs.")
    hours: int = Field(0, description="Not with `bulk`.")

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.bulk and self.hours:
            raise ValueError("hours go only without bulk")
        return self


@pytest.mark.parametrize("token", ["", 'token: "", ', "token: mine, "], ids=["absent", "empty", "given"])
def test_a_sandbox_is_told_of_its_mistake_and_not_of_the_token_that_it_needs_not_have(
    registry: Registry, token: str
) -> None:
    acme = next(each.plugin for each in registry if each.plugin.slug == "acme")
    bound = Registry([replace(acme, settings=Bound, sandbox_settings={"token": "t"})])
    text = SOURCES + f"destinations: {{acme: {{sandbox: true, settings: {{{token}bulk: true, hours: 4}}}}}}"

    with pytest.raises(ConfigError) as caught:
        parse_config(text, bound, environ={})

    assert [problem.message for problem in caught.value.problems] == ["hours go only without bulk"]


def test_a_base_url_is_put_into_a_copy(parse: Parse) -> None:
    destination = parse(ACME).destinations["acme"]

    moved = destination.with_base_url("http://127.0.0.1:4711/")

    assert moved.settings.api_url == "http://127.0.0.1:4711"
    assert moved.settings.model_dump(exclude={"base_url"}) == destination.settings.model_dump(exclude={"base_url"})
    assert destination.settings.base_url == ""
    assert moved.delivery == destination.delivery


def test_aliases_and_merge_keys_spare_repetition(parse: Parse) -> None:
    config = parse(
        SOURCES + "destinations:\n"
        "  acme: {settings: {token: a}, delivery: &slow {timeout: 60s, concurrency: 1}}\n"
        "  two: {plugin: acme, settings: {token: b}, delivery: *slow}\n"
        "  three: {plugin: acme, settings: {token: c}, delivery: {<<: *slow, concurrency: 2}}\n"
    )

    assert config.destinations["two"].delivery == Delivery(timeout_s=60.0, concurrency=1)
    assert config.destinations["three"].delivery == Delivery(timeout_s=60.0, concurrency=2)


def test_a_name_that_yaml_takes_for_a_number_is_a_name(parse: Parse) -> None:
    assert list(parse("sources: {2024: {write_key: a}, true: {write_key: b}}").sources) == ["2024", "true"]


def test_code_builds_parts_of_a_config_by_the_names_it_reads() -> None:
    assert Retention(age_s=60.0, segment_bytes=20_000).age_s == 60.0
    assert Destination(name="a", plugin="a", hold_s=1.5, settings=PluginSettings()).hold_s == 1.5


def test_a_secret_shows_neither_in_the_text_nor_in_the_repr_of_a_config(parse: Parse) -> None:
    config = parse("sources: {a: {write_key: s3cr3t}}\ndestinations: {acme: {settings: {token: s3cr3t}}}")

    assert "s3cr3t" not in f"{config} {config!r} {config.model_dump()} {config.model_dump_json()}"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", '"[::1]"'], ids=["v4", "v4 other", "name", "v6", "brackets"]
)
def test_the_demo_key_is_good_on_loopback(parse: Parse, host: str) -> None:
    config = parse(f"server: {{host: {host if host[0] != ':' else repr(host)}}}\nsources: {{a: {{write_key: demo}}}}")

    assert config.sources["a"].write_key == SecretStr("demo")


def test_a_file_is_read_with_its_own_name_in_each_problem(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "router.yaml"
    path.write_bytes(b"\xef\xbb\xbf# comment\nsources: {a: {write_key: k}}\nadmn: 1\n")

    with pytest.raises(ConfigError) as caught:
        load_config(path, registry, {})

    assert str(caught.value) == (
        f'{path}:3: admn: unknown key; did you mean "admin"?\n'
        f"1 problem: nothing was done. Check again with: router check {path}"
    )


def test_a_file_that_cannot_be_read_is_an_operators_error(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"# one\n# caf\xe9\n")

    assert (
        _first_problem(tmp_path / "absent.yaml", registry)
        == "absent.yaml: cannot be read: no such file or directory; say which config with --config PATH or the variable "
        "ROUTER_CONFIG"
    )
    folder = tmp_path / "config"
    folder.mkdir()
    assert _first_problem(folder, registry) == "config: cannot be read: is a directory; name the file in it"
    (folder / "router.yaml").touch()
    assert _first_problem(folder, registry).endswith(f"; name the file in it, such as {folder}/router.yaml")
    assert _first_problem(tmp_path / "latin.yaml", registry) == "latin.yaml:2: not UTF-8 text; save it as UTF-8"


def _first_problem(path: Path, registry: Registry) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, registry, {})
    return str(caught.value.problems[0]).removeprefix(f"{path.parent}/")


def test_the_environment_of_the_process_is_the_default(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_TEST_KEY", "from-environment")

    config = parse_config('sources: {a: {write_key: "${ROUTER_TEST_KEY}"}}', registry)

    assert config.sources["a"].write_key == SecretStr("from-environment")


# --- sources ---


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param("write_key: k1", ("k1",), id="one"),
        pytest.param("write_keys: [k2, k1]", ("k2", "k1"), id="several, for a rotation"),
        pytest.param("write_keys: [k1], write_key: ", ("k1",), id="a list of one beside a key without a value"),
    ],
)
def test_a_source_has_one_write_key_or_a_list_of_them(parse: Parse, keys: str, expected: tuple[str, ...]) -> None:
    assert parse(f"sources: {{a: {{{keys}}}}}").sources["a"].keys == expected


def test_write_keys_come_from_the_environment_and_do_not_show(parse: Parse) -> None:
    config = parse('sources: {a: {write_keys: ["${NEW}", "${OLD}"]}}', NEW="s3cr3t", OLD="s3cr3t2")

    assert config.sources["a"].keys == ("s3cr3t", "s3cr3t2")
    assert "s3cr3t" not in f"{config} {config!r} {config.model_dump()} {config.model_dump_json()}"


def test_a_source_takes_any_page_and_goes_everywhere_unless_it_says_otherwise(parse: Parse) -> None:
    source = parse(SOURCES).sources["website"]

    assert (source.sdk, source.origins, source.destinations, source.rate_limit_per_s) == ("any", None, None, 1_000.0)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param("https://shop.example.com", "https://shop.example.com", id="as a browser writes it"),
        pytest.param("https://Shop.Example.com/", "https://shop.example.com", id="as people write it"),
        pytest.param("https://shop.example.com:443", "https://shop.example.com", id="the port of https"),
        pytest.param("http://shop.example.com:80", "http://shop.example.com", id="the port of http"),
        pytest.param("http://localhost:3000", "http://localhost:3000", id="a port of its own"),
        pytest.param("https://shop.example.com:80", "https://shop.example.com:80", id="the other's port"),
        pytest.param("http://[::1]:80", "http://[::1]", id="IPv6"),
    ],
)
def test_an_origin_is_read_as_browsers_write_it(parse: Parse, written: str, read: str) -> None:
    assert parse(f"sources: {{a: {{write_key: k, origins: ['{written}']}}}}").sources["a"].origins == (read,)


def test_a_name_may_have_been_spelled_otherwise(parse: Parse) -> None:
    """It could not be corrected without leaving behind what was kept under it."""
    config = parse("sources: {web: {write_key: k, formerly: Web}}\ndestinations: {crm: {plugin: bare, formerly: CRM}}")

    assert config.sources["web"].names == {"web", "Web"}
    assert config.destinations["crm"].formerly == "CRM"


BOTH_SIDES = """
sources:
  website: {write_key: k1, formerly: web}
  app: {write_key: k2, destinations: [one, two]}
  shop: {write_key: k3, destinations: [two], formerly: store}
destinations:
  one: {plugin: bare}
  two: {plugin: bare, sources: [app, shop]}
  three: {plugin: bare, sources: [website]}
  four: {plugin: bare}
"""


@pytest.mark.parametrize(
    ("destination", "sources"),
    [
        pytest.param("one", {"website", "web", "app", "gone"}, id="all, less those that leave it out"),
        pytest.param("two", {"app", "shop", "store"}, id="those it lists, all of which name it"),
        pytest.param("three", {"website", "web"}, id="one that names nobody"),
        pytest.param("four", {"website", "web", "gone"}, id="named by none of those that name some"),
    ],
)
def test_a_destination_takes_events_where_both_sides_agree(parse: Parse, destination: str, sources: set[str]) -> None:
    """Events of a former name go where those of the new one go. The log may hold some of a source that was taken out, too."""
    choice = parse(BOTH_SIDES).sources_of(destination)

    assert choice.known == frozenset({"website", "web", "app", "shop", "store"})
    assert {name for name in (*choice.known, "gone") if choice.takes(name)} == sources


# --- the public port ---


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param("https://router.example.com", "https://router.example.com", id="host"),
        pytest.param("https://router.example.com/", "https://router.example.com", id="a slash at its end"),
        pytest.param("http://localhost:8080/collect/", "http://localhost:8080/collect", id="port and path"),
    ],
)
def test_the_public_address_has_no_slash_at_its_end(parse: Parse, written: str, read: str) -> None:
    assert parse(SOURCES + f"server: {{public_url: {written}}}").server.public_url == read


@pytest.mark.parametrize(
    "written",
    ["https://", "ftp://a", "https://a:x", "https://a:0", "https://a?b", "https://a#b", "https://ä", "https://a b"],
)
def test_a_public_address_that_is_none_is_refused(parse: Parse, written: str) -> None:
    with pytest.raises(ConfigError):
        parse(SOURCES + f"server: {{public_url: '{written}'}}")


def test_trusted_proxies_are_networks_or_single_addresses(parse: Parse) -> None:
    proxies = parse(
        SOURCES + "server: {trusted_proxies: [10.1.2.3/8, 192.0.2.7, '2001:db8::/32']}"
    ).server.trusted_proxies

    assert [str(proxy) for proxy in proxies] == ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("server: {port: 0}\nadmin: {port: 8080}\n", id="server"),
        pytest.param("server: {port: 8081}\nadmin: {port: 0}\n", id="admin"),
        pytest.param("server: {port: 0}\nadmin: {port: 0}\n", id="both"),
        pytest.param("server: {port: 0}\nadmin: {port: }\n", id="one without a value"),
    ],
)
def test_a_free_port_is_not_the_port_of_the_other(parse: Parse, text: str) -> None:
    config = parse(SOURCES + text)

    assert 0 in (config.server.port, config.admin.port)


# --- what is stored ---


def test_what_is_stored_is_told_whatever_is_wrong_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "router.yaml"
    path.write_text(
        "data: /srv/router\n"
        "retention: {age: 3d}\n"
        "sources: {website: {write_key: '${UNSET}'}}\n"
        "destinations: {acme: {pluggin: none, settings: {token: '${file:/nowhere}'}}}\n"
        "plugins: ['${UNSET}']\n"
    )

    config = load_storage(path, {})

    assert (config.data, config.retention.age_s) == (Path("/srv/router"), 259_200.0)
    assert (config.sources, config.destinations) == ({}, {})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("data: '${UNSET}'", "data: UNSET is not set", id="reference"),
        pytest.param("log: 'nats://router:${UNSET}@host'", "log: UNSET is not set", id="password"),
        pytest.param("retention: {age: soon}", 'retention.age: got "soon"', id="value"),
        pytest.param("dta: /srv/router", 'dta: unknown key; did you mean "data"?', id="key"),
        pytest.param("data: {", "no valid YAML", id="no YAML"),
        pytest.param("", "it is empty", id="empty"),
        pytest.param("- data", "expected a mapping", id="list"),
    ],
)
def test_what_is_wrong_about_what_is_stored_is_told(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "router.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError) as refused:
        load_storage(path, {})

    assert len(refused.value.problems) == 1
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        pytest.param("data: /srv/router\nsauces: {}", Path("/srv/router"), id="a slip elsewhere"),
        pytest.param("sauces: {}", Path("var"), id="absent"),
        pytest.param("data:\nsauces: {}", Path("var"), id="without a value"),
        pytest.param("data: '${UNSET}'", None, id="a variable that is not set here"),
        pytest.param("data: ''", None, id="no folder"),
        pytest.param("data: {", None, id="no YAML"),
    ],
)
def test_the_folder_of_a_running_router_is_told_by_a_config_with_a_slip(
    tmp_path: Path, text: str, folder: Path | None
) -> None:
    path = tmp_path / "router.yaml"
    path.write_text(text)

    assert read_data_folder(path) == folder


# --- without secrets ---


def test_what_is_not_secret_is_read_without_the_secrets(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "router.yaml"
    path.write_text(
        "server: {host: 0.0.0.0}\n"
        "sources:\n"
        "  website: {write_key: '${UNSET}', formerly: www}\n"
        "  app: {write_keys: ['${UNSET}', demo], destinations: [acme]}\n"
        "destinations:\n"
        "  acme: {enabled: false, settings: {token: '${file:/nowhere}', size: [1], pluggin: none}}\n"
        "  crm: {plugin: acme, settings: '${UNSET}'}\n"
    )

    config = load_config(path, registry, {}, has_secrets=False)

    assert [(each.name, each.plugin, each.enabled) for each in config.destinations.values()] == [
        ("acme", "acme", False),
        ("crm", "acme", True),
    ]
    assert config.sources["website"].names == {"website", "www"}
    assert config.sources_of("crm").never == {"app"}


def test_what_is_wrong_besides_the_secrets_is_told(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "router.yaml"
    path.write_text(
        "sources: {website: {write_key: '${UNSET}', sdk: '${UNSET}', write_keyz: 1}}\n"
        "destinations: {acme: {settings: {token: '${UNSET}'}, enabled: '${UNSET}'}, none: {}}\n"
    )

    with pytest.raises(ConfigError) as refused:
        load_config(path, registry, {}, has_secrets=False)

    assert {problem.key for problem in refused.value.problems} == {
        "sources.website.sdk",
        "sources.website.write_keyz",
        "destinations.acme.enabled",
        "destinations.none",
    }
