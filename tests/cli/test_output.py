"""What events and vendors say is shown as it is, and nothing that a terminal would obey."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from router.cli.output import console, fail, plain, print_json, print_line, print_table
from router.errors import OperatorError


@pytest.mark.parametrize(
    "text", ["400 [invalid email]", "[/b] closes nothing", "[bold]", "a\\[b", "order:100:b", ":x:"]
)
def test_words_in_brackets_are_no_markup_and_those_in_colons_no_pictures(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anybody with a write key could end a command with a traceback, and vendors' words were left out."""
    console.print(text)
    console.print(text, style="bold")
    print_table("", ("reason",), [(text,)])

    assert capsys.readouterr().out.count(text) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("\x1b[2Jgone", "?[2Jgone", id="clear the screen"),
        pytest.param("\x9b31m", "?31m", id="the same in one character"),
        pytest.param("a\rb\x08c\x7f", "a?b?c?", id="write over what stands there"),
        pytest.param("txt\u202egpj", "txt?gpj", id="turn the direction"),
        pytest.param("caf\udce9", "caf?", id="a name that is no text"),
        pytest.param("two\nlines\tand a tab, é 日本", "two\nlines\tand a tab, é 日本", id="plain text"),
    ],
)
def test_codes_for_the_terminal_are_not_sent_to_it(
    text: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_table("", ("reason",), [(text,)])
    fail(OperatorError(text))

    told = capsys.readouterr()
    print_json({"reason": text})
    in_json = capsys.readouterr().out
    assert json.loads(in_json) == {"reason": text}
    assert not set("\x1b\x9b\r\x08\x7f\u202e") & set(in_json)
    assert plain(text) == expected
    assert not set("\x1b\x9b\r\x08\x7f\u202e") & set(told.out + told.err)
    assert told.err == expected + "\n"


@pytest.mark.parametrize("show", [print_line, console.print])
def test_a_long_line_is_whole_where_no_terminal_reads_it(
    show: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """`router status | grep crm` showed the beginning of what its vendor said."""
    line = f"crm: blocked: 401 {'no such key ' * 20}(nothing is lost)"

    show(line)

    assert capsys.readouterr().out == f"{line}\n"


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\n\n", "\u2028"])
def test_a_line_break_in_what_is_told_begins_no_line_of_its_own(
    breaks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever can send an event could have `router status` say what they like of a destination."""
    print_line(f'integrations: "x{breaks}crm: all is well"')

    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize("has_lines", [True, False])
def test_a_table_breaks_no_word_where_its_room_suffices(has_lines: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """In 80 columns, the demo's own table had ``address.posta`` and, below it, ``lCode``."""
    names = ("address.postalCode", "postal_code", "address_postal_code", "address.postalCode", "address.postalCode")

    print_table("", ("trait", "Mixpanel", "Intercom", "Customer.io", "Webhook"), [names], has_lines)

    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80
    assert (told.count("address"), told.count("postalCode"), told.count("postal_"), told.count("code")) == (4, 3, 2, 2)
