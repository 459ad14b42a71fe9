"""Promise 7: credentials and write keys never show in what a refused config says, wherever they were put."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config import Config, ConfigError

Parse = Callable[..., Config]

SECRET = "Zx9-s3cr3t-Qy7"

WHOLE: dict[str, Any] = {
    "server": {
        "host": "127.0.0.1",
        "port": 1,
        "public_url": "https://router.example.com/collect",
        "trusted_proxies": ["10.0.0.0/8"],
        "max_body": "10MB",
        "max_event": "1MB",
        "max_events": 1000,
        "max_keys": 1000,
        "max_depth": 50,
        "max_held": "50MB",
        "max_head": "16KB",
        "max_connections": 100,
        "head_timeout": "5s",
        "body_timeout": "5s",
        "idle_timeout": "5s",
    },
    "admin": {"host": "127.0.0.1", "port": 2},
    "data": "var",
    "log": "sqlite",
    "retention": {"age": "7d", "max_disk": "20GB", "dedup_window": "7d", "segment": "64MB", "reserve": "0MB"},
    "sources": {
        "website": {"write_key": "k1", "enabled": True},
        "app": {"write_key": "k2"},
        "shop": {
            "write_keys": ["k3", "k4"],
            "sdk": "segment",
            "origins": ["https://shop.example.com"],
            "destinations": ["crm"],
            "rate_limit": "50/s",
        },
    },
    "destinations": {
        "crm": {
            "plugin": "acme",
            "enabled": True,
            "sandbox": False,
            "sources": ["website", "app"],
            "opt_in": False,
            "start": "now",
            "hold": "7d",
            "formerly": "old",
            "max_backlog": "10GB",
            "settings": {
                "base_url": "http://127.0.0.1:1",
                "token": "t0ken",
                "region": "us",
                "workspace": "main",
                "batch": 5,
                "headers": {"X-Key": "v"},
                "pair": 1,
                "code": "c0de",
                "tags": ["a"],
            },
            "delivery": {
                "concurrency": 4,
                "rate_limit": "100/s",
                "timeout": "10s",
                "retry_for": "3d",
                "batch_wait": "100ms",
                "max_parked": 10,
                "max_in_flight": 10,
            },
        }
    },
    "plugins": [],
}
SECRETS = [
    ("sources", "app", "write_key"),
    ("sources", "shop", "write_keys", 0),
    ("destinations", "crm", "settings", "token"),
    ("destinations", "crm", "settings", "code"),
]


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _paths(inner, (*path, key))


def _with(path: tuple[str | int, ...], value: Any) -> str:
    """The whole config with *value* at *path*, as JSON, which is YAML."""
    copy = json.loads(json.dumps(WHOLE))
    place = copy
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return json.dumps(copy)


def _said(parse: Parse, text: str, **environ: str) -> str:
    """What an operator reads; nothing, where the config is good."""
    try:
        parse(text, **environ)
    except ConfigError as error:
        return f"{error} {error!r} {error.problems} {error.__cause__}"
    return ""


def test_the_config_that_these_tests_spoil_is_good(parse: Parse) -> None:
    assert _said(parse, json.dumps(WHOLE)) == ""


@pytest.mark.parametrize("form", ["${SECRET}", "x ${SECRET}", "${SECRET}/s", "${NO:-" + SECRET + "}"])
def test_what_comes_out_of_a_reference_never_shows(parse: Parse, form: str) -> None:
    assert [path for path in _paths(WHOLE) if SECRET in _said(parse, _with(path, form), SECRET=SECRET)] == []


@pytest.mark.parametrize(
    "value",
    [
        [SECRET],
        {SECRET: SECRET},
        {"value": SECRET},
        [[{"a": SECRET}]],
        SECRET + " with a blank",
        SECRET + "\u00e9",
        SECRET + "${NOT_SET}",
        SECRET + "${broken",
        "${" + SECRET + "}",
    ],
    ids=["list", "key", "mapping", "nested", "blank", "letter", "reference", "broken reference", "in braces"],
)
@pytest.mark.parametrize("path", SECRETS, ids=["write key", "one of several", "token", "code"])
def test_a_secret_of_the_wrong_kind_never_shows(parse: Parse, path: tuple[str | int, ...], value: object) -> None:
    said = _said(parse, _with(path, value))

    assert said == "" or (SECRET not in said.replace(f"${{{SECRET}}}", ""))


@pytest.mark.parametrize("number", [90817263, 908.17263])
@pytest.mark.parametrize("path", SECRETS, ids=["write key", "one of several", "token", "code"])
def test_a_secret_that_yaml_takes_for_a_number_never_shows(
    parse: Parse, path: tuple[str | int, ...], number: float
) -> None:
    said = _said(parse, _with(path, number))

    assert "got ********, expected text; put it in quotes" in said
    assert str(number) not in said


@pytest.mark.parametrize("sign", [*"*&!@%`'\"{[>|?-#:,]}", "!!", "!<", "&a *", "- ", "? ", ": ", "\t", "\\"])
@pytest.mark.parametrize("around", ["{0}", '"{0}', "{0} : {0}", "{{a: {0}}}", "[{0}", '"\\{0}"'])
def test_a_secret_that_lacks_its_quotes_never_shows(parse: Parse, sign: str, around: str) -> None:
    line = around.format(sign + SECRET)

    assert SECRET not in _said(parse, f"sources:\n  app:\n    write_key: {line}\n")
    assert SECRET not in _said(parse, f"sources: {{app: {{write_key: {line}}}}}\n")
    assert SECRET not in _said(parse, f"sources:\n  app:\n    write_key:{line}\n")


@given(
    path=st.sampled_from(list(_paths(WHOLE))),
    before=st.text(alphabet="ab1:/ .-{}$[]#\n", max_size=6),
    after=st.text(alphabet="ab1:/ .-{}$[]#\n", max_size=6),
    other=st.sampled_from(list(_paths(WHOLE))),
)
def test_a_secret_from_the_environment_never_shows_whatever_else_is_wrong(
    parse: Parse,
    path: tuple[str | int, ...],
    before: str,
    after: str,
    other: tuple[str | int, ...],
) -> None:
    copy: Any = json.loads(_with(path, "${SECRET}"))
    place: Any = copy
    for part in other[:-1]:
        place = place[part] if isinstance(place, dict) and part in place else {}
    if isinstance(place, dict):
        place[other[-1]] = "${SECRET}"

    assert SECRET not in _said(parse, json.dumps(copy), SECRET=before + SECRET + after)
