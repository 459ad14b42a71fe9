"""Ids, and the events that join two of them."""

from __future__ import annotations

import re
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.mixpanel.identity import FORBIDDEN_IDS, known_id, to_insert_id
from tests.plugins.mixpanel.samples import DEVICE, MILLIS, body_of, make_event, make_settings, map_event

ORIGINAL = make_settings(id_merge="original")
COMMON = {"time": MILLIS, "$insert_id": "m-1", "ip": 0}


def test_an_identify_with_both_ids_also_sends_an_event_that_joins_them() -> None:
    """A profile update joins nothing in simplified id merge; the first event with both ids does."""
    event = make_event("identify", userId="u-17", anonymousId=DEVICE, traits={"plan": "gold"})

    assert map_event(event) == {
        "update profile": [{"$distinct_id": "u-17", "$set": {"plan": "gold"}}],
        "join ids": [
            {
                "event": "Identify",
                "properties": {**COMMON, "distinct_id": "u-17", "$device_id": DEVICE, "$user_id": "u-17"},
            }
        ],
    }


def test_original_id_merge_joins_by_an_identify_event() -> None:
    event = make_event("identify", userId="u-17", anonymousId=DEVICE, traits={"plan": "gold"})

    assert body_of(event, "join ids", ORIGINAL) == {
        "event": "$identify",
        "properties": {**COMMON, "distinct_id": "u-17", "$identified_id": "u-17", "$anon_id": DEVICE},
    }


@pytest.mark.parametrize(
    ("id_merge", "ids"),
    [
        pytest.param("simplified", {"userId": "u-17"}, id="simplified, only a user"),
        pytest.param("simplified", {"anonymousId": DEVICE}, id="simplified, only a device"),
        pytest.param("simplified", {"userId": "null", "anonymousId": DEVICE}, id="simplified, forbidden user"),
        pytest.param("simplified", {"userId": "u-17", "anonymousId": "anon"}, id="simplified, forbidden device"),
        pytest.param("original", {"userId": "u-17"}, id="original, only a user"),
        pytest.param("original", {"userId": "u-17", "anonymousId": "a-1"}, id="original, no UUID"),
        pytest.param(
            "original",
            {"userId": "u-17", "anonymousId": "7f6d0c1e-8a34-1c52-9d0e-1b2f3c4d5e6f"},
            id="original, another version",
        ),
        pytest.param("original", {"userId": DEVICE, "anonymousId": DEVICE}, id="original, the same id twice"),
        pytest.param("original", {"userId": "0", "anonymousId": DEVICE}, id="original, forbidden user"),
    ],
)
def test_ids_that_mixpanel_would_not_join_send_no_event(id_merge: str, ids: dict[str, str]) -> None:
    event = make_event("identify", **ids, traits={"plan": "gold"})

    skipped = map_event(event, make_settings(id_merge=id_merge))["join ids"]

    assert isinstance(skipped, str)
    assert "join" in skipped


@pytest.mark.parametrize(
    "ids",
    [
        pytest.param({"previousId": DEVICE}, id="an id of the form SDKs make"),
        pytest.param({"previousId": "a-1", "anonymousId": "a-1"}, id="the call's own anonymousId"),
    ],
)
def test_simplified_id_merge_joins_an_anonymous_previous_id(ids: dict[str, str]) -> None:
    body = body_of(make_event("alias", userId="u-17", **ids), "alias user")

    assert body == {
        "event": "Alias",
        "properties": {**COMMON, "distinct_id": "u-17", "$device_id": ids["previousId"], "$user_id": "u-17"},
    }


def test_original_id_merge_creates_an_alias() -> None:
    body = body_of(make_event("alias", userId="u-17", previousId="u-16"), "alias user", ORIGINAL)

    assert body == {"event": "$create_alias", "properties": {**COMMON, "distinct_id": "u-16", "alias": "u-17"}}


@pytest.mark.parametrize(
    ("id_merge", "ids", "reason"),
    [
        pytest.param("simplified", {"userId": "u-17", "previousId": "u-16"}, "no two user ids", id="two user ids"),
        pytest.param("simplified", {"userId": "u-17", "previousId": "u-17"}, "the same", id="simplified, same"),
        pytest.param("original", {"userId": "u-17", "previousId": "u-17"}, "the same", id="original, same"),
        pytest.param("simplified", {"userId": "nil", "previousId": DEVICE}, "nobody", id="simplified, forbidden"),
        pytest.param("original", {"userId": "u-17", "previousId": "[]"}, "nobody", id="original, forbidden"),
    ],
)
def test_an_alias_that_mixpanel_would_not_make_says_why(id_merge: str, ids: dict[str, str], reason: str) -> None:
    skipped = map_event(make_event("alias", **ids), make_settings(id_merge=id_merge))["alias user"]

    assert isinstance(skipped, str)
    assert reason in skipped


@pytest.mark.parametrize("id_", [*sorted(FORBIDDEN_IDS), "NULL", "Anonymous", " none "])
def test_an_id_that_stands_for_nobody_is_refused(id_: Any) -> None:
    with pytest.raises(ValueError, match="nobody"):
        known_id(id_)


@pytest.mark.parametrize("id_", ["u-17", "nullable", "00", "ada@example.test", "ü"])
def test_any_other_id_is_kept_as_it_is(id_: str) -> None:
    assert known_id(id_) == id_


@pytest.mark.parametrize(
    ("message_id", "expected"),
    [
        pytest.param(DEVICE, DEVICE, id="a UUID fits"),
        pytest.param("m-1", "m-1", id="a short one fits"),
        pytest.param("ajs-next-1767225600123-" + DEVICE, "3dff4db4e491a96f6a764582e3d7e857bcaa", id="too long"),
        pytest.param("a_b", "648fa9b31bc7ff7eb914e7a7180f07e0df0f", id="another alphabet"),
        pytest.param("null", "74234e98afe7498fb5daf1f36ac2d78acc33", id="forbidden"),
    ],
)
def test_the_insert_id_is_the_message_id_or_its_hash(message_id: str, expected: str) -> None:
    assert to_insert_id(message_id) == expected


@given(st.text(min_size=1))
def test_an_insert_id_always_has_mixpanel_s_form(message_id: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9-]{1,36}", to_insert_id(message_id))


@given(st.lists(st.text("ab_", min_size=37, max_size=60), min_size=2, max_size=2, unique=True))
def test_long_message_ids_never_become_one(message_ids: list[str]) -> None:
    first, second = message_ids

    assert to_insert_id(first) != to_insert_id(second)


def test_promise_8_ids_of_any_length_are_not_kept() -> None:
    tracemalloc.start()
    for number in range(50):
        id = f"{number}" + "a" * 100_000
        assert known_id(id) == id
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept < 1_000_000
    with pytest.raises(ValueError, match="stands for nobody"):
        known_id("null".center(1_000))
