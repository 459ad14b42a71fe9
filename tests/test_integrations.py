"""Integrations flags: the inputs of facts/event-spec.md section 6.3 with the verdicts that design.md gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.event import Document
from router.integrations import DestinationNames, Flag, folded_names, read_flags, unknown_names

MIXPANEL = DestinationNames("mixpanel", "Mixpanel", "mixpanel", ("Mixpanel (Actions)", "Mixpanel (Legacy)"))
CRM = DestinationNames("crm", "Inter Com", "intercom", ("Intercom Cloud Mode (Actions)",))


@pytest.mark.parametrize(
    ("integrations", "is_on", "warns"),
    [
        pytest.param({}, True, False, id="absent-or-empty"),
        pytest.param({"All": True}, True, False, id="all-true"),
        pytest.param({"All": False}, False, False, id="all-false"),
        pytest.param({"Mixpanel": True}, True, False, id="named-true"),
        pytest.param({"Mixpanel": False}, False, False, id="named-false"),
        pytest.param({"All": True, "Mixpanel": False}, False, False, id="all-but-this"),
        pytest.param({"All": False, "Mixpanel": True}, True, False, id="only-this"),
        pytest.param({"Mixpanel": {}}, True, False, id="empty-options"),
        pytest.param({"All": False, "Mixpanel": {}}, True, False, id="only-this-empty-options"),
        pytest.param({"All": False, "Mixpanel": {"k": 1}}, True, False, id="only-this-options"),
        pytest.param({"mixpanel": False}, False, False, id="wrong-case-false"),
        pytest.param({"MIXPANEL": False}, False, False, id="upper-case-false"),
        pytest.param({"All": False, "mixpanel": True}, True, False, id="only-this-wrong-case"),
        pytest.param({"all": False}, False, False, id="all-lower-case"),
        pytest.param({"ALL": False}, False, False, id="all-upper-case"),
        pytest.param({"All": "false"}, False, True, id="all-text-false"),
        pytest.param({"All": "true"}, True, True, id="all-text-true"),
        pytest.param({"All": 0}, False, True, id="all-zero"),
        pytest.param({"All": None}, True, True, id="all-null"),
        pytest.param({"Mixpanel": None}, True, True, id="null"),
        pytest.param({"All": False, "Mixpanel": None}, False, True, id="null-all-false"),
        pytest.param({"Mixpanel": 0}, False, True, id="zero"),
        pytest.param({"Mixpanel": 1}, False, True, id="one"),
        pytest.param({"Mixpanel": ""}, False, True, id="empty-text"),
        pytest.param({"Mixpanel": "yes"}, False, True, id="other-text"),
        pytest.param({"Mixpanel": "false"}, False, True, id="text-false"),
        pytest.param({"Mixpanel": " False "}, False, True, id="text-false-any-case"),
        pytest.param({"All": False, "Mixpanel": "true"}, True, True, id="text-true-all-false"),
        pytest.param({"All": False, "Mixpanel": []}, False, True, id="list-all-false"),
        pytest.param({"Mixpanel": [True]}, False, True, id="list"),
        pytest.param({"Segment.io": False}, True, False, id="segment-false-has-no-meaning"),
        pytest.param({"All": False, "Segment.io": True}, False, False, id="segment-true-has-no-meaning"),
        pytest.param({"All": {}}, True, True, id="all-object"),
    ],
)
def test_truth_table(integrations: Document, is_on: bool, warns: bool) -> None:
    flag = read_flags(integrations, MIXPANEL)

    assert flag.is_on is is_on
    assert bool(flag.warnings) is warns
    assert flag.reason


@pytest.mark.parametrize(
    ("integrations", "is_on"),
    [
        pytest.param({}, False, id="absent"),
        pytest.param({"All": True}, False, id="all-true-does-not-name-it"),
        pytest.param({"All": "true"}, False, id="all-text-true"),
        pytest.param({"All": {}}, False, id="all-object"),
        pytest.param({"All": False}, False, id="all-false"),
        pytest.param({"Mixpanel": None}, False, id="null-does-not-name-it"),
        pytest.param({"Mixpanel": False}, False, id="named-false"),
        pytest.param({"Mixpanel": 1}, False, id="malformed"),
        pytest.param({"Mixpanel": True}, True, id="named-true"),
        pytest.param({"mixpanel (actions)": {"k": 1}}, True, id="alias-with-options"),
        pytest.param({"All": False, "Mixpanel": True}, True, id="named-beats-all"),
    ],
)
def test_a_destination_with_opt_in_is_off_unless_the_event_names_it(integrations: Document, is_on: bool) -> None:
    assert read_flags(integrations, MIXPANEL, opt_in=True).is_on is is_on


@pytest.mark.parametrize(
    ("integrations", "is_on"),
    [
        pytest.param({"crm": True, "Inter Com": False}, True, id="destination-beats-display"),
        pytest.param({"crm": False, "Inter Com": True, "All": True}, False, id="destination-beats-display-off"),
        pytest.param({"Inter Com": True, "intercom": False}, True, id="display-beats-slug"),
        pytest.param({"intercom": True, "Intercom Cloud Mode (Actions)": False}, True, id="slug-beats-alias"),
        pytest.param({"Intercom Cloud Mode (Actions)": True, "All": False}, True, id="alias-beats-all"),
        pytest.param({"crm": None, "Inter Com": False}, False, id="null-leaves-it-to-the-next"),
        pytest.param({"crm": 1, "Inter Com": True}, False, id="malformed-decides-too"),
        pytest.param({"CRM": False}, False, id="destination-any-case"),
        pytest.param({"INTERCOM CLOUD MODE (ACTIONS)": False}, False, id="alias-any-case"),
        pytest.param({" crm ": False}, False, id="blanks-around"),
    ],
)
def test_the_most_specific_name_decides(integrations: Document, is_on: bool) -> None:
    backwards = dict(reversed(integrations.items()))

    assert read_flags(integrations, CRM).is_on is is_on
    assert read_flags(backwards, CRM).is_on is is_on


@pytest.mark.parametrize(
    ("integrations", "quoted"),
    [
        pytest.param({"Mixpanel": True, "mixpanel": False}, '"Mixpanel" and "mixpanel"', id="spellings"),
        pytest.param({"Mixpanel": {"k": 1}, "MIXPANEL": "false"}, '"Mixpanel" and "MIXPANEL"', id="options-and-text"),
        pytest.param(
            {"Mixpanel (Legacy)": True, "Mixpanel (Actions)": False},
            '"Mixpanel (Legacy)" and "Mixpanel (Actions)"',
            id="aliases",
        ),
        pytest.param({"All": True, "all": False}, '"All" and "all"', id="all"),
    ],
)
def test_two_that_disagree_mean_off_and_are_named(integrations: Document, quoted: str) -> None:
    flag = read_flags(integrations, MIXPANEL)

    assert not flag.is_on
    assert quoted in flag.reason
    assert flag.reason in flag.warnings


@pytest.mark.parametrize(
    ("integrations", "options"),
    [
        pytest.param({"Mixpanel": {"k": 1}}, {"k": 1}, id="object"),
        pytest.param({"Mixpanel": {"k": 1}, "mixpanel": True}, {"k": 1}, id="object-and-boolean"),
        pytest.param({"Mixpanel": {"k": 1}, "mixpanel": {"l": 2}}, {"k": 1, "l": 2}, id="two-objects"),
        pytest.param({"Mixpanel": {"k": 1}, "mixpanel": False}, {}, id="off-has-none"),
        pytest.param({"Mixpanel": True}, {}, id="boolean"),
        pytest.param({"Mixpanel (Actions)": {"k": 1}, "Mixpanel": True}, {}, id="of-a-name-that-does-not-decide"),
        pytest.param({"All": {"k": 1}}, {"k": 1}, id="all"),
    ],
)
def test_options_are_those_of_the_name_that_decides(integrations: Document, options: Document) -> None:
    assert read_flags(integrations, MIXPANEL).options == options


@pytest.mark.parametrize(
    ("integrations", "reason"),
    [
        ({"All": False}, 'integrations: "All" is false'),
        ({"mixpanel": False}, 'integrations: "mixpanel" is false'),
        ({"Mixpanel": {"k": 1}}, 'integrations: "Mixpanel" is an object with options'),
        ({"Mixpanel": "FALSE"}, 'integrations: "Mixpanel" is the text "FALSE"'),
        ({"Mixpanel": 0}, 'integrations: "Mixpanel" is malformed (a number), which is read as off'),
        ({}, "integrations: not named, so on"),
        ({"Other": False}, "integrations: not named, so on"),
    ],
)
def test_the_reason_says_which_flag_decided(integrations: Document, reason: str) -> None:
    assert read_flags(integrations, MIXPANEL).reason == reason


@pytest.mark.parametrize(
    ("integrations", "is_on"),
    [
        pytest.param({"crm": False}, False, id="off by the former name"),
        pytest.param({"CRM": False, "Mixpanel": True}, False, id="which is its own, and more than its vendor's"),
        pytest.param({"All": False, "crm": True}, True, id="on by the former name"),
        pytest.param({"crm": False, "sales": True}, False, id="off where both are named and disagree"),
    ],
)
def test_what_was_said_of_a_destination_by_its_former_name_holds(integrations: Document, is_on: bool) -> None:
    """Events that were accepted before it was renamed say that one, and callers who have not heard of the new one."""
    renamed = DestinationNames("sales", "Mixpanel", "mixpanel", former="crm")

    assert read_flags(integrations, renamed).is_on is is_on
    assert unknown_names(integrations, renamed.folded) == ()


def test_a_destination_called_all_does_not_take_the_word_away() -> None:
    names = DestinationNames("all", "Mixpanel", "mixpanel")

    assert read_flags({"All": True}, names, opt_in=True).is_on is False
    assert read_flags({"All": False, "Mixpanel": True}, names).is_on is True


def test_names_that_match_nothing_are_told_as_they_were_written() -> None:
    known = folded_names([MIXPANEL, CRM])
    integrations = {
        "All": False,
        "MixPanel": True,
        "CRM": True,
        "inter com": {},
        "Intercom Cloud Mode (Actions)": True,
        "Segment.io": True,
        "Customer.io Data Pipelines": {},
        "Warehouses": {"all": False},
        "Amplitud": None,
        "x" * 100: True,
    }

    assert unknown_names(integrations, known) == ("Warehouses", "Amplitud", "x" * 60 + "…")


def test_without_destinations_every_name_is_unknown() -> None:
    assert unknown_names({"Mixpanel": True}, folded_names([])) == ("Mixpanel",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    st.sampled_from(["All", "all", "Mixpanel", "mixpanel", "MIXPANEL", "Mixpanel (Actions)", "Segment.io"]) | st.text()
)


@given(st.dictionaries(NAMES, JSON, max_size=6), st.booleans())
def test_any_json_has_a_verdict_that_order_does_not_change(integrations: dict[str, Any], opt_in: bool) -> None:
    flag = read_flags(integrations, MIXPANEL, opt_in=opt_in)
    backwards = read_flags(dict(reversed(integrations.items())), MIXPANEL, opt_in=opt_in)

    assert flag.is_on is backwards.is_on
    assert isinstance(flag, Flag)
    unknown_names(integrations, folded_names([MIXPANEL]))


@given(st.dictionaries(NAMES, JSON, max_size=6), st.booleans())
def test_what_is_refused_by_its_own_name_in_any_spelling_is_never_sent(
    integrations: dict[str, Any], opt_in: bool
) -> None:
    for spelling in ("Mixpanel", "mixpanel", " MIXPANEL"):
        assert not read_flags({**integrations, spelling: False}, MIXPANEL, opt_in=opt_in).is_on
