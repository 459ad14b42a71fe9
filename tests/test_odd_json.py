"""Values that no strict JSON reader takes are mended, and their neighbours kept."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.odd_json import MAX_DEPTH, Doubled, DoubledHook, Mending, is_plain
from router.rejection import Rejected, RejectionCode

NAN, INFINITY = float("nan"), float("inf")


def nested(levels: int, innermost: Any = 1) -> Any:
    for _ in range(levels):
        innermost = [innermost]
    return innermost


@pytest.mark.parametrize(
    ("value", "mended", "warning"),
    [
        pytest.param(NAN, None, "a number that is not finite; left out", id="nan"),
        pytest.param(INFINITY, None, "a number that is not finite; left out", id="infinity"),
        pytest.param(-INFINITY, None, "a number that is not finite; left out", id="minus-infinity"),
        pytest.param(10**400, None, "a number that is not finite; left out", id="beyond-floats"),
        pytest.param(1 << 64, 2.0**64, "an integer beyond 64 bits; rounded", id="beyond-unsigned"),
        pytest.param(-(1 << 63) - 1, -(2.0**63), "an integer beyond 64 bits; rounded", id="beyond-signed"),
        pytest.param("a\ud800b", "a�b", "half a character (a lone surrogate)", id="lone-surrogate"),
        pytest.param("\ude00", "�", "half a character (a lone surrogate)", id="low-surrogate"),
        pytest.param("\ud83d\ude00", "😀", "half a character (a lone surrogate)", id="two-halves"),
        pytest.param("a\0b", "a�b", "NUL in a text", id="nul"),
        pytest.param("\0", "�", "NUL in a text", id="nul-alone"),
        pytest.param(object(), None, "no JSON value; left out", id="no-json"),
    ],
)
def test_an_odd_value_is_mended_and_told(value: Any, mended: Any, warning: str) -> None:
    warnings: list[str] = []

    result = Mending(warnings).mend({"traits": {"odd": value, "list": [1, value], "kept": 1}})

    assert result["traits"]["list"] == [1, mended]
    assert result["traits"].get("odd", None) == mended
    assert ("odd" in result["traits"]) is (mended is not None)
    assert result["traits"]["kept"] == 1
    assert len(warnings) == 1
    assert warnings[0].startswith(f"traits.odd: {warning}")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"a": None, "b": [None, 1.5, "é", True], "c": {}}, id="nulls"),
        pytest.param({"a": (1 << 64) - 1, "b": -(1 << 63)}, id="64-bits"),
        pytest.param({"a": [[1]] * 500}, id="wide"),
        pytest.param({"a": [None, *[[1]] * 500]}, id="wide-with-null"),
        pytest.param({"a": nested(MAX_DEPTH - 1)}, id="as-deep-as-allowed"),
        pytest.param({"a": "\\u0000", "\\u0000": None}, id="what-only-looks-like-nul"),
        pytest.param({}, id="empty"),
    ],
)
def test_what_is_plain_stays_as_it_is_without_a_word(value: Any) -> None:
    warnings: list[str] = []

    assert is_plain(value)
    assert orjson.dumps(Mending(warnings).mend(value)) == orjson.dumps(value), "true is not 1"
    assert warnings == []


@pytest.mark.parametrize("levels", [MAX_DEPTH, 253, 300, 900])
def test_deeper_than_allowed_is_refused_with_the_field(levels: int) -> None:
    value = {"kept": 1, "properties": nested(levels, {"a": None})}

    assert not is_plain(value)
    with pytest.raises(Rejected) as refusal:
        Mending([]).mend(value)
    assert (refusal.value.code, refusal.value.field) == (RejectionCode.TOO_DEEP, "properties")


def test_a_thousand_odd_values_are_one_warning_a_kind() -> None:
    warnings: list[str] = []

    Mending(warnings).mend({"properties": {"a": [NAN] * 1000, "b": ["\ud800"] * 1000}})

    assert warnings == [
        "properties.a: a number that is not finite; left out",
        "properties.b: half a character (a lone surrogate) or bytes that are no UTF-8; replaced",
    ]


def test_numbers_to_be_kept_are_kept_at_the_top_only() -> None:
    warnings: list[str] = []

    mended = Mending(warnings).mend({"userId": 10**30, "traits": {"userId": 10**30}}, ("userId", "absent"))

    assert mended == {"userId": 10**30, "traits": {"userId": 1e30}}
    assert warnings == ["traits.userId: an integer beyond 64 bits; rounded"]


def test_odd_names_are_mended_too() -> None:
    odd = {"\ud800a": {"b\ud800": 1}, 5: 1, "c\0": 1}

    assert not is_plain({"c\0": 1})
    assert Mending([]).mend(odd) == {"�a": {"b�": 1}, "5": 1, "c�": 1}  # type: ignore[arg-type]


def test_a_path_that_is_shown_is_short() -> None:
    warnings: list[str] = []

    Mending(warnings).mend({"k" * 10_000: NAN})

    assert len(warnings[0]) < 300


# --- keys that stand twice ---


def read(text: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(text, object_pairs_hook=DoubledHook())
    return value


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        pytest.param('{"a": 1, "b": {"a": 1}, "c": [{"a": 1}, {"a": 2}]}', [], id="none"),
        pytest.param('{"a": 1, "a": 2}', ["a"], id="at-the-top"),
        pytest.param('{"a": 1, "a": 1, "a": 1}', ["a"], id="three-times-the-same"),
        pytest.param('{"a": {"b": {"c": 1, "c": null}}}', ["a.b.c"], id="deep"),
        pytest.param('{"a": [1, [{"c": 1, "c": 2}]]}', ["a.c"], id="in-lists"),
        pytest.param('{"a": {"c": 1, "c": 2}, "b": {"c": 1, "c": 2}}', ["a.c"], id="the-first-of-many"),
        pytest.param('{"\\ud800": 1, "\\ud800": 2}', [": half", "�"], id="an-odd-name"),
        pytest.param('{"a\\"": 1, "a\\u0022": 2}', ['a"'], id="spelled-in-two-ways"),
    ],
)
def test_a_key_that_stands_twice_is_told(text: str, warnings: list[str]) -> None:
    told: list[str] = []
    value = read(text)

    mended = Mending(told).mend(value)

    assert is_plain(value) is (not warnings)
    assert is_plain(mended)
    assert type(mended) is dict
    assert len(told) == len(warnings)
    assert all(part in warning for part, warning in zip(warnings, told, strict=True))
    assert not warnings or told[-1].endswith("stands there twice; the last one counts")


@given(st.dictionaries(st.text(), st.recursive(st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=9)))
def test_keys_that_stand_once_leave_no_trace(value: dict[str, Any]) -> None:
    assert type(read(json.dumps(value))) is dict


def test_promise_8_no_more_objects_are_marked_than_it_takes_to_tell() -> None:
    twice = '{"b":1,"b":2}'
    many = read('{"a":[' + ",".join([twice] * (DoubledHook.MOST + 5)) + "]}")["a"]
    late = read('{"a":[' + ",".join([twice] * DoubledHook.MOST) + '],"c":{"d":{"b":1,"b":2}}}')

    assert [type(item) for item in many] == [Doubled] * DoubledHook.MOST + [dict] * 5
    assert (type(late), type(late["c"])) == (Doubled, dict)


def test_lists_deeper_than_an_event_may_be_are_not_looked_through() -> None:
    assert type(read('{"a":' + "[" * 500 + '{"b":1,"b":2}' + "]" * 500 + "}")) is dict


def test_both_json_readers_lead_to_the_same_value() -> None:
    text = '{"a": 123456789012345678901234567890, "b": -1e3, "c": "\\u00e9"}'

    assert Mending([]).mend(json.loads(text)) == orjson.loads(text)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters()), ODD, max_size=4))
def test_mended_is_plain_and_mending_again_changes_nothing(value: dict[str, Any]) -> None:
    mended = Mending([]).mend(value)

    assert is_plain(mended)
    assert orjson.loads(orjson.dumps(mended)) == mended
    assert Mending([]).mend(mended) == mended
    if is_plain(value):
        assert mended == value
