from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config.reference import MAX_FILE_BYTES, resolve

ENVIRON = {"TOKEN": "abc", "EMPTY": "", "TRICKY": "${TOKEN}: [1"}
EXPECTED = "expected ${NAME}, ${NAME:-default} or ${file:PATH} ($${ is a plain ${)"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain $ text {}", "plain $ text {}"),
        ("${TOKEN}", "abc"),
        ("a-${TOKEN}-${TOKEN}", "a-abc-abc"),
        ("${EMPTY}", ""),
        ("${EMPTY:-other}", "other"),
        ("${ABSENT:-other}", "other"),
        ("${ABSENT:-}", ""),
        ("${ABSENT:-a:-b}", "a:-b"),
        ("${TOKEN:-other}", "abc"),
        ("$${TOKEN}", "${TOKEN}"),
        ("$${${TOKEN}", "${abc"),
        ("${TRICKY}", "${TOKEN}: [1"),
    ],
)
def test_references_give_way_to_what_they_stand_for(text: str, result: str) -> None:
    resolved = resolve(text, ENVIRON)

    assert (resolved.text, resolved.problems) == (result, [])


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("${ABSENT}", ["ABSENT is not set"]),
        ("${ABSENT}${OTHER}", ["ABSENT is not set", "OTHER is not set"]),
        ("${}", [f"cannot read what stands in ${{…}}; {EXPECTED}"]),
        ("${s3cr3t token}", [f"cannot read what stands in ${{…}}; {EXPECTED}"]),
        (
            "${ABSENT:-${TOKEN}}",
            [f"there is a reference within a reference; its default can only be plain text; {EXPECTED}"],
        ),
        (
            "${TOKEN:-${file:/run/secrets/token}}",
            [f"there is a reference within a reference; its default can only be plain text; {EXPECTED}"],
        ),
        ("${TOKEN", [f'"${{" is never closed; {EXPECTED}']),
        ("${file:/nowhere/token}", ["cannot read file /nowhere/token: no such file"]),
        ("${file:/}", ["cannot read file /: not a file"]),
        ("${file:}", ["cannot read file : not a file"]),
        ("${file:a\0b}", ["cannot read file a\0b: no such file"]),
    ],
)
def test_a_reference_that_leads_nowhere_says_so(text: str, problems: list[str]) -> None:
    assert resolve(text, ENVIRON).problems == problems


def test_a_file_gives_its_text_without_the_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xef\xbb\xbfline one\nline two\r\n")

    assert resolve(f"<${{file:{tmp_path}/token}}>", {}).text == "<line one\nline two>"


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"\xff\xfe", "it is no UTF-8 text"), (b"x" * (MAX_FILE_BYTES + 1), "larger than 1000000 bytes")],
    ids=["binary", "large"],
)
def test_a_file_that_is_no_secret_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "token").write_bytes(data)

    assert resolve(f"${{file:{tmp_path}/token}}", {}).problems == [f"cannot read file {tmp_path}/token: {reason}"]


@given(st.text(alphabet="${}:-Af/ \n\0é"))
def test_any_text_is_resolved_or_refused_and_never_an_error(text: str) -> None:
    resolved = resolve(text, {"A": "$"})

    assert resolved.problems or "${" not in text or resolved.has_references or "$${" in text
