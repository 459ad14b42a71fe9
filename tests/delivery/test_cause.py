"""Which reasons are of one cause."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.delivery.cause import MAX_CAUSE, cause_of, code_of

ALIKE = [
    pytest.param(
        [
            '400 {"error": "user 7f3a9c21-1111-4a43-9a4e-0c4f5f0b6a11 not found"}',
            '400 {"error": "user 00000000-2222-4a43-9a4e-0c4f5f0b6a12 not found"}',
        ],
        '400 {"error": "user … not found"}',
        id="UUIDs",
    ),
    pytest.param(
        ["400 invalid email ada@example.test", "400 invalid email b.c+d@mail.example.test"],
        "400 invalid email …",
        id="emails",
    ),
    pytest.param(
        ["400 items[3].price is 12.50", "400 items[17].price is 1,234.00", "400 items[0].price is -7"],
        "400 items[#].price is #",
        id="numbers",
    ),
    pytest.param(
        ["gave up after 72 hours: 503 try later", "gave up after 13 hours: 503 try later"],
        "gave up after # hours: 503 try later",
        id="the router's own numbers",
    ),
    pytest.param(
        ["400 time 2024-08-24T14:15:22Z is too old", "400 time 2025-01-01 00:00:00.123+02:00 is too old"],
        "400 time … is too old",
        id="times",
    ),
    pytest.param(
        ["mapping: ValueError: can't read 'abc', it's no date", "mapping: ValueError: can't read 'x y', it's no date"],
        "mapping: ValueError: can't read '…', it's no date",
        id="what is quoted, and no apostrophe",
    ),
    pytest.param(
        [r'400 {"detail": "name \"Ada\" is taken"}', r'400 {"detail": "name \"Bob B.\" is taken"}'],
        r'400 {"detail": "name \"…\" is taken"}',
        id="what is quoted within JSON",
    ),
    pytest.param(
        ["404 no contact user001-00042", "404 no contact u_77", "404 no contact 01KDX3V0M3J8Q3WZ4T1R2S5Y6Z"],
        "404 no contact …",
        id="words with digits",
    ),
    pytest.param(
        ["400 /data/attributes/events/3/email and items.4.sku", "400 /data/attributes/events/12/email and items.9.sku"],
        "400 /data/attributes/events/#/email and items.#.sku",
        id="pointers keep their names",
    ),
    pytest.param(
        ["log damaged: events 5 to 9", "log damaged: events 105 to 1009"], "log damaged: events # to #", id="sequences"
    ),
]


@pytest.mark.parametrize(("reasons", "cause"), ALIKE)
def test_reasons_that_differ_in_ids_and_numbers_have_one_cause(reasons: list[str], cause: str) -> None:
    assert {cause_of(reason) for reason in reasons} == {cause}


def test_a_list_of_ids_is_one_id() -> None:
    lists = ("a1", "a1, b2, c3", "a1,b2", "1, 2", "ada@example.test, u2")
    assert {cause_of(f"400 unknown ids: {ids}") for ids in lists} == {"400 unknown ids: …"}
    assert cause_of("404 no user u_77-x", ["u_77"]) == "404 no user …-x"
    assert cause_of("404 no user u_77-x7", ["u_77"]) == "404 no user …"


@pytest.mark.parametrize(
    "reasons",
    [
        pytest.param(["400 no email", "422 no email"], id="another status"),
        pytest.param(["not now: 404 no contact", "not now: 409 no contact"], id="another status within"),
        pytest.param(["400 no email", "400 no phone"], id="other words"),
        pytest.param(["track event: 400 no", "identify person: 400 no"], id="another action"),
    ],
)
def test_reasons_that_mean_something_else_are_kept_apart(reasons: list[str]) -> None:
    assert len({cause_of(reason) for reason in reasons}) == len(reasons)


def test_the_ids_of_the_event_are_taken_out_whatever_they_look_like() -> None:
    assert cause_of("404 no user Ada Lovelace here", ["Ada Lovelace", "m-1"]) == "404 no user … here"
    assert cause_of("404 a user is missing", ["a"]) == "404 a user is missing", "a short one might be a word"
    assert cause_of("404 no user Ada Lovelace-King", ["Ada Lovelace", "Ada Lovelace-King"]) == "404 no user …"
    assert cause_of("404 adalove is not ada", ["adal", "(", ""]) == "404 adalove is not ada"


def test_a_code_is_short_and_tells_causes_apart() -> None:
    codes = {code_of(cause) for cause in ("", "400 no email", "400 no phone", "lone \ud800")}

    assert len(codes) == 4
    assert all(len(code) == 6 for code in codes)


WORDS = st.lists(st.sampled_from(["no", "user", "can't", '"code":', "[", "}", "(id", "it's", "/a/b"]), max_size=6)


@given(WORDS, WORDS, st.sampled_from(["400 ", "", "not now: 404 "]), st.data())
def test_whatever_stands_around_it_what_varies_is_taken_out(
    before: list[str], after: list[str], status: str, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from([st.integers(600, 10**12).map(str), st.uuids().map(str), _emails()]))
    reasons = [f"{status}{' '.join(before)} {data.draw(kind)} {' '.join(after)}" for _ in range(2)]

    assert len({cause_of(reason) for reason in reasons}) == 1


def _emails() -> st.SearchStrategy[str]:
    return st.builds("{}@{}.test".format, st.from_regex(r"[a-z0-9.+_-]{1,20}", fullmatch=True), st.just("example"))


@given(st.text(max_size=100), st.lists(st.text(max_size=10), max_size=2))
def test_any_text_has_a_cause_of_bounded_length(reason: str, ids: list[str]) -> None:
    assert len(cause_of(reason * 10, ids)) <= MAX_CAUSE


@pytest.mark.parametrize("sign", ["a", "1", "a1", "'", '\\"', "@", "a.", "-", "1,", "a@"])
def test_no_reason_takes_long(sign: str) -> None:
    """A vendor's words may be anything, and each dead letter is looked at while events wait."""
    reason = (sign * 2_000)[:2_000]
    began = time.process_time()
    for _ in range(10):
        cause_of(reason)

    assert time.process_time() - began < 0.5
