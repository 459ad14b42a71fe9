"""A row: what goes in comes out, and nothing that was changed passes for sound."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from router.log import row
from router.log.dedup_key import dedup_key
from router.log.record import Entry
from router.log.row import Row
from tests.log.harness import NOW_S, entry, record

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
OPTIONAL = st.none() | TEXTS
ENTRIES = st.builds(
    Entry,
    source=TEXTS,
    message_id=TEXTS,
    user_key=TEXTS,
    user_id=OPTIONAL,
    anonymous_id=OPTIONAL,
    email=OPTIONAL,
    type=TEXTS,
    received_at_s=st.floats(allow_nan=False, allow_infinity=False),
    event=st.binary(max_size=50),
)


@given(sequence=st.integers(1, 2**62), of=ENTRIES)
def test_a_row_is_sound_and_gives_back_its_entry(sequence: int, of: Entry) -> None:
    row = Row.of(sequence, of)

    assert row.is_sound()
    assert row.record() == record(sequence, of)
    assert (row.user_id, row.anonymous_id, row.email) == (of.user_id, of.anonymous_id, of.email)


@given(
    of=ENTRIES, column=st.sampled_from(Row._fields), value=st.none() | st.integers() | st.floats() | TEXTS | st.binary()
)
def test_a_column_that_changed_is_noticed_whatever_became_of_it(of: Entry, column: str, value: object) -> None:
    row = Row.of(7, of)
    assume(getattr(row, column) != value)
    values: list[Any] = [value if name == column else getattr(row, name) for name in Row._fields]

    assert not Row(*values).is_sound()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (replace(entry(1), source="ab", message_id="c"), replace(entry(1), source="a", message_id="bc")),
        (replace(entry(1), user_id="x", anonymous_id=None), replace(entry(1), user_id=None, anonymous_id="x")),
        (replace(entry(1), email=None), replace(entry(1), email="")),
        (replace(entry(1), user_id=None), replace(entry(1), user_id="")),
        (replace(entry(1), anonymous_id=None), replace(entry(1), anonymous_id="")),
        (replace(entry(1), type="a", event=b"bc"), replace(entry(1), type="ab", event=b"c")),
    ],
    ids=["where a text ends", "which column it is in", *["none and empty"] * 3, "the event"],
)
def test_rows_that_differ_have_different_checksums(one: Entry, other: Entry) -> None:
    assert Row.of(1, one).checksum != Row.of(1, other).checksum


@pytest.mark.parametrize(
    "bad",
    [
        replace(entry(1), message_id="\ud800"),
        replace(entry(1), email="ada\udfff"),
        replace(entry(1), received_at_s=math.nan),
        replace(entry(1), received_at_s=math.inf),
    ],
    ids=["half a pair", "half a pair in the email", "no number", "infinite"],
)
def test_what_sqlite_would_not_give_back_is_refused(bad: Entry) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the words are of Python's codec
        Row.of(1, bad)


def test_a_time_is_always_a_float() -> None:
    """So that a row has one checksum, before it is stored and after."""
    assert Row.of(1, replace(entry(1), received_at_s=int(NOW_S))) == Row.of(1, entry(1))
    assert math.copysign(1, Row.of(1, replace(entry(1), received_at_s=-0.0)).received_at_s) == 1


@given(source=TEXTS, message_id=TEXTS, other_source=TEXTS, other_id=TEXTS)
def test_keys_are_equal_only_for_the_same_source_and_message(
    source: str, message_id: str, other_source: str, other_id: str
) -> None:
    key = dedup_key(source, message_id)

    assert len(key) == 16
    assert (key == dedup_key(other_source, other_id)) == ((source, message_id) == (other_source, other_id))


def test_promise_8_a_row_that_is_larger_than_sqlite_may_take_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row, "MAX_ROW_BYTES", 1_000)

    assert Row.of(1, entry(1, size=800)).is_sound()
    with pytest.raises(ValueError, match="at most 1000 bytes"):
        Row.of(1, entry(1, size=1_000))
