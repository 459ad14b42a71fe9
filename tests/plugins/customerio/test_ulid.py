"""The ULID of an event: valid, and always the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.customerio.ulid import is_ulid, to_ulid

LAST_MILLISECOND = 2**48 - 1


@given(st.text(), st.integers())
def test_every_message_id_and_time_makes_a_valid_ulid(message_id: str, unix_millis: int) -> None:
    assert is_ulid(to_ulid(message_id, unix_millis))


@given(st.text(), st.integers())
def test_the_same_event_has_the_same_ulid(message_id: str, unix_millis: int) -> None:
    assert to_ulid(message_id, unix_millis) == to_ulid(message_id, unix_millis)


@given(st.uuids(), st.uuids())
def test_different_message_ids_at_one_moment_have_different_ulids(one: object, other: object) -> None:
    assert (to_ulid(str(one), 0) == to_ulid(str(other), 0)) == (one == other)


@given(st.integers(0, LAST_MILLISECOND - 1))
def test_ulids_sort_by_time(unix_millis: int) -> None:
    assert to_ulid("z", unix_millis) < to_ulid("a", unix_millis + 1)


@pytest.mark.parametrize(
    ("unix_millis", "start"),
    [
        pytest.param(0, "0000000000", id="1970"),
        pytest.param(1_469_918_176_385, "01ARYZ6S41", id="the ULID specification's own example"),
        pytest.param(-5, "0000000000", id="before 1970"),
        pytest.param(LAST_MILLISECOND + 1, "7ZZZZZZZZZ", id="later than a ULID can say"),
    ],
)
def test_the_first_ten_characters_are_the_time(unix_millis: int, start: str) -> None:
    assert to_ulid("m-1", unix_millis).startswith(start)


@pytest.mark.parametrize("message_id", ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "01arz3ndektsv4rrffq69g5fav"])
def test_a_message_id_that_is_a_ulid_is_kept(message_id: str) -> None:
    assert to_ulid(message_id, 0) == "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("81ARZ3NDEKTSV4RRFFQ69G5FAV", id="more than 128 bits"),
        pytest.param("01ARZ3NDEKTSV4RRFFQ69G5FA", id="25 characters"),
        pytest.param("01ARZ3NDEKTSV4RRFFQ69G5FAI", id="a letter Crockford leaves out"),
        pytest.param("", id="nothing"),
    ],
)
def test_other_texts_are_no_ulid(text: str) -> None:
    assert not is_ulid(text)
