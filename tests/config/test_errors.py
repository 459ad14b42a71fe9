"""Every mistake an operator can make, and what they read then: file, line, key, what was found, what is expected.

The table is in ``mistakes.txt``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from router.config import Config, ConfigError

Problems = Callable[..., list[str]]

SOURCES = "sources: {website: {write_key: k1}}\n"


def _mistakes() -> Sequence[object]:
    table = (Path(__file__).parent / "mistakes.txt").read_text(encoding="utf-8")
    cases = []
    for case in table.split("\n=== ")[1:]:
        name, _, body = case.partition("\n")
        text, _, said = body.partition("\n---8<---\n")
        cases.append(pytest.param(text + "\n", said.strip().splitlines(), id=name))
    return cases


@pytest.mark.parametrize(("text", "expected"), _mistakes())
def test_a_mistake_is_answered_with_its_line_and_what_is_expected(
    problems: Problems, text: str, expected: list[str]
) -> None:
    assert problems(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", ["it is empty; see config/router.yaml for a config that runs"], id="empty"),
        pytest.param("# a\nb: \x01\n", ["2: a control character, which YAML does not allow"], id="control character"),
        pytest.param(
            "server:\n\tport: 1\n",
            [
                "2: no valid YAML: while scanning for the next token, found character '\\t' that cannot start any token; "
                "indent with blanks, not with tabs"
            ],
            id="tab",
        ),
        pytest.param(
            SOURCES + f"server: {{port: {'9' * 5_000}}}\n",
            ["2: server.port: a number that cannot be read; if it is text, put it in quotes"],
            id="long number",
        ),
        pytest.param(
            SOURCES + 'nats: {synced: "\\e[31m\\nred"}\n',
            ['2: nats.synced: got "?[31m?red", expected "always" or "interval"'],
            id="terminal codes",
        ),
    ],
)
def test_a_text_that_cannot_be_shown_in_the_table_is_answered_as_well(
    problems: Problems, text: str, expected: list[str]
) -> None:
    assert problems(text) == expected


def test_all_mistakes_are_told_in_one_run_in_the_order_of_lines(parse: Callable[..., Config]) -> None:
    text = (
        "server: {port: 0.5}\n"
        "sources:\n"
        "  website: {write_key: a}\n"
        "destinations:\n"
        "  crm:\n"
        "    plugin: acme\n"
        "    plugn: acme\n"
        "    settings:\n"
        '      token: "${ACME_TOKEN}"\n'
        "      region: au\n"
        "    delivery:\n"
        "      concurrency: 0\n"
    )

    with pytest.raises(ConfigError) as caught:
        parse(text)

    assert str(caught.value) == (
        "router.yaml:1: server.port: got 0.5, expected 0 to 65535 (default 8080)\n"
        'router.yaml:7: destinations.crm.plugn: unknown key; did you mean "plugin"?\n'
        "router.yaml:9: destinations.crm.settings.token: ACME_TOKEN is not set\n"
        'router.yaml:10: destinations.crm.settings.region: got "au", expected "us" or "eu" (default "us")\n'
        "router.yaml:12: destinations.crm.delivery.concurrency: got 0, expected 1 to 64 (default 4)\n"
        "5 problems: nothing was done. Check again with: router check router.yaml"
    )


def test_a_rule_over_several_values_is_told_in_the_plugins_words_if_these_hold_no_secret(problems: Problems) -> None:
    text = SOURCES + (
        "destinations:\n"
        '  bare: {settings: {url: locked, key: ""}}\n'
        "  acme: {settings: {token: hunter-2, region: eu, workspace: us-only}}\n"
    )

    assert problems(text) == [
        "3: destinations.bare.settings: no key ()",
        "4: destinations.acme.settings: got a mapping, expected another value (see the README of acme)",
    ]


def test_a_value_that_is_missing_causes_no_further_problems(problems: Problems) -> None:
    text = SOURCES + (
        "destinations:\n"
        '  crm: {plugin: "${PLUGIN}", settings: {anything: 1}}\n'
        '  acme: {settings: {token: "${TOKEN}", region: eu, workspace: us-only}}\n'
        '  bare: {settings: {url: locked, key: "${KEY}"}}\n'
    )

    assert problems(text) == [
        "3: destinations.crm.plugin: PLUGIN is not set",
        "4: destinations.acme.settings.token: TOKEN is not set",
        "5: destinations.bare.settings.key: KEY is not set",
    ]


def test_aliases_that_stand_for_billions_of_values_are_refused(problems: Problems) -> None:
    rows = ["a0: &a0 [1, 1]"] + [f"a{row}: &a{row} [{', '.join([f'*a{row - 1}'] * 10)}]" for row in range(1, 12)]

    assert any("too many values" in problem for problem in problems("\n".join(rows)))


@pytest.mark.parametrize("depth", [60, 800])
def test_a_file_nested_without_end_is_refused(problems: Problems, depth: int) -> None:
    assert any("nested too deeply" in problem for problem in problems("a: " + "[" * depth + "]" * depth))
