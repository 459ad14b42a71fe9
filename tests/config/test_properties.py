"""Whatever stands in the file: a config, or a `ConfigError` with at least one problem on one line each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from router.config import Config, ConfigError

Parse = Callable[..., Config]

EXAMPLE = (Path(__file__).parents[2] / "config" / "router.yaml").read_text(encoding="utf-8")

KEYS = [
    "server",
    "admin",
    "data",
    "log",
    "retention",
    "sources",
    "destinations",
    "plugins",
    "host",
    "port",
    "max_body",
    "write_key",
    "write_keys",
    "origins",
    "sdk",
    "public_url",
    "trusted_proxies",
    "enabled",
    "plugin",
    "sandbox",
    "settings",
    "delivery",
    "start",
    "hold",
    "formerly",
    "token",
    "region",
    "headers",
    "concurrency",
    "rate_limit",
    "timeout",
    "acme",
    "bare",
    "website",
    "consent",
    "categories",
    "filter",
    "block",
    "hash",
    "traits",
    "actions",
    "track event",
    "on",
    "where",
    "when",
    "event",
    "not",
    "present",
    "mapping",
    "rename",
    "set",
    "template",
    "(any of)",
    "(name)",
    "<<",
]
VALUES = [
    "acme",
    "bare",
    "website",
    "demo",
    "now",
    "10s",
    "1MB",
    "5/s",
    "sqlite",
    "nats://a",
    "${A}",
    "${B}",
    "${file:/}",
    "${",
    "$${",
    "127.0.0.1",
    "0.0.0.0",
    "./a",
    "track",
    "properties.plan",
    "{event}",
    "event.type == 'track'",
]

SOURCE_KEYS = ["write_key", "write_keys", "origins", "destinations", "sdk", "rate_limit", "enabled"]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(VALUES),
    st.text(max_size=10),
)
keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=5))
structures = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=25,
)
# Shaped like a config far enough that the deep parts are reached.
configs = st.fixed_dictionaries(
    {
        "sources": st.dictionaries(
            keys,
            st.one_of(
                structures,
                st.fixed_dictionaries({"write_key": scalars}),
                st.fixed_dictionaries({}, optional=dict.fromkeys(SOURCE_KEYS, structures)),
            ),
            max_size=3,
        )
    },
    optional={
        "destinations": st.dictionaries(
            st.one_of(st.sampled_from(["acme", "bare", "one"]), keys),
            st.fixed_dictionaries(
                {},
                optional={
                    "plugin": st.one_of(st.sampled_from(["acme", "bare"]), structures),
                    "settings": st.one_of(st.dictionaries(keys, structures, max_size=4), structures),
                    "delivery": structures,
                    "sandbox": structures,
                    "sources": structures,
                    "formerly": scalars,
                },
            ),
            max_size=3,
        ),
        "server": structures,
        "retention": structures,
        "log": structures,
        "plugins": st.one_of(scalars, st.lists(st.sampled_from(["", ".", "/", "a b", "..x", "${A}", "./nowhere"]))),
    },
)


def _check(parse: Parse, text: str) -> None:
    outcome: Config | ConfigError
    try:
        outcome = parse(text, A="a")
    except ConfigError as error:
        outcome = error
    if isinstance(outcome, ConfigError):
        assert outcome.problems
        assert len(str(outcome).splitlines()) == len(outcome.problems) + 1
        lines = text.count("\n") + 2
        assert all(problem.line is None or 1 <= problem.line <= lines for problem in outcome.problems)


@given(structures)
def test_any_structure_is_a_config_or_refused(parse: Parse, data: Any) -> None:
    _check(parse, json.dumps(data))


@given(configs)
def test_anything_shaped_like_a_config_is_one_or_refused(parse: Parse, data: Any) -> None:
    _check(parse, json.dumps(data, indent=1))


@given(st.text())
def test_any_text_is_a_config_or_refused(parse: Parse, text: str) -> None:
    _check(parse, text)


@given(st.text(alphabet="ab:-?{}[]&*!|>'\"%@`#, \n\t<=~.0123${}", max_size=40))
def test_any_text_of_yaml_signs_is_a_config_or_refused(parse: Parse, text: str) -> None:
    _check(parse, "sources: {a: {write_key: k}}\n" + text)


@given(st.integers(0, len(EXAMPLE)), st.integers(0, 5), st.text(alphabet="ab:-?{}[]&*!|>'\"#, \n\t<~0$", max_size=4))
def test_a_slip_in_a_good_file_is_a_config_or_refused(parse: Parse, at: int, cut: int, typed: str) -> None:
    _check(parse, EXAMPLE[:at] + typed + EXAMPLE[at + cut :])
