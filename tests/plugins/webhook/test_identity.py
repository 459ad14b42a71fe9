"""The ids a receiver knows things by: stable, without a dot, fit for a header, one for each set of events."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.webhook.identity import message_key, request_id


@pytest.mark.parametrize("id", ["m-1001", "8f14e45f-ceea-467f-a8f6-1b2c3d4e5f60", "a_B-9", "x" * 100])
def test_a_plain_message_id_stays_itself(id: str) -> None:
    assert message_key(id) == id


@pytest.mark.parametrize("id", ["a.b", "a b", "a\r\nb", "é", "x" * 101, "a/b", "\ud800"], ids=ascii)
def test_an_odd_message_id_becomes_a_hash_of_it(id: str) -> None:
    assert re.fullmatch("msg_[0-9a-f]{40}", message_key(id))


@given(st.text(min_size=1))
def test_a_key_has_no_dot_and_fits_a_header(id: str) -> None:
    assert re.fullmatch("[A-Za-z0-9_-]{1,100}", message_key(id))


@given(st.lists(st.text(min_size=1, max_size=5), min_size=2, max_size=6, unique=True))
def test_different_messages_have_different_keys(ids: list[str]) -> None:
    assert len({message_key(id) for id in ids}) == len({id.encode("utf-8", "replace") for id in ids})


def test_a_request_of_one_event_has_its_key() -> None:
    assert request_id(["m-1"]) == "m-1"


def test_another_set_or_order_of_events_is_another_request() -> None:
    sets = (["a"], ["b"], ["a", "b"], ["b", "a"], ["a", "b", "c"], ["ab"])

    assert len({request_id(keys) for keys in sets}) == len(sets)
