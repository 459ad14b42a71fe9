"""Reserved traits: one name each, whichever way they were spelled. Custom traits are nobody's business."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.event import Document
from router.reserved import GROUP_SPELLINGS, USER_SPELLINGS, canonical_traits, fill_name
from router.traits import DATE_TRAITS, GROUP_TRAITS, NESTED_TRAITS, USER_TRAITS, camel_case, snake_case


def canonical(traits: Document, *, of_group: bool = False) -> tuple[Document, list[str]]:
    warnings: list[str] = []
    return canonical_traits(traits, GROUP_SPELLINGS if of_group else USER_SPELLINGS, "traits", warnings), warnings


def sample(name: str) -> Any:
    """A value that is in order already."""
    if name in DATE_TRAITS:
        return "2024-08-24T14:15:22Z"
    if name in NESTED_TRAITS:
        return {"custom": "kept"}
    return "x"


@pytest.mark.parametrize("name", USER_TRAITS)
@pytest.mark.parametrize("spell", [camel_case, snake_case])
def test_each_user_trait_in_each_spelling_has_one_name(name: str, spell: Any) -> None:
    assert canonical({spell(name): sample(name)}) == ({name: sample(name)}, [])


@pytest.mark.parametrize("name", GROUP_TRAITS)
@pytest.mark.parametrize("spell", [camel_case, snake_case])
def test_each_group_trait_in_each_spelling_has_one_name(name: str, spell: Any) -> None:
    assert canonical({spell(name): sample(name)}, of_group=True) == ({name: sample(name)}, [])


@pytest.mark.parametrize(
    ("parent", "name"), [(parent, name) for parent, names in NESTED_TRAITS.items() for name in names]
)
@pytest.mark.parametrize("spell", [camel_case, snake_case])
def test_each_nested_trait_in_each_spelling_has_one_name(parent: str, name: str, spell: Any) -> None:
    assert canonical({parent: {spell(name): "x"}}) == ({parent: {name: "x"}}, [])


@pytest.mark.parametrize(
    ("traits", "expected", "warning"),
    [
        pytest.param(
            {"firstName": "A", "first_name": "B"}, {"firstName": "A"}, "firstName and first_name", id="camel-first"
        ),
        pytest.param({"first_name": "B", "firstName": "A"}, {"firstName": "A"}, "firstName is used", id="snake-first"),
        pytest.param(
            {"address": {"postal_code": "1", "postalCode": "2"}},
            {"address": {"postalCode": "2"}},
            "traits.address: postalCode and postal_code",
            id="nested",
        ),
        pytest.param(
            {"company": {"employee_count": 1, "employeeCount": 2}},
            {"company": {"employee_count": 2}},
            "traits.company: employeeCount and employee_count",
            id="canonical-is-snake",
        ),
        pytest.param(
            {"company": {"employeeCount": 2, "employee_count": 1}},
            {"company": {"employee_count": 2}},
            "employeeCount is used",
            id="canonical-is-snake-camel-first",
        ),
        pytest.param(
            {"firstName": None, "first_name": "B"}, {"firstName": None}, "firstName is used", id="null-is-a-value"
        ),
    ],
)
def test_camel_case_wins_a_clash_and_the_clash_is_told(traits: Document, expected: Document, warning: str) -> None:
    result, warnings = canonical(traits)

    assert result == expected
    assert len(warnings) == 1
    assert warning in warnings[0]


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"firstName": "A", "first_name": "A"}, {"firstName": "A"}, id="same-value"),
        pytest.param(
            {"createdAt": 1724508922, "created_at": "2024-08-24T14:15:22Z"},
            {"createdAt": "2024-08-24T14:15:22Z"},
            id="same-moment",
        ),
        pytest.param({"firstName": "", "first_name": "B"}, {"firstName": "B"}, id="empty-camel"),
        pytest.param({"first_name": " ", "firstName": "A"}, {"firstName": "A"}, id="blank-snake"),
    ],
)
def test_two_spellings_that_agree_are_no_clash(traits: Document, expected: Document) -> None:
    assert canonical(traits) == (expected, [])


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"email": ""}, {}, id="empty-text"),
        pytest.param({"phone": "  "}, {}, id="blank-text"),
        pytest.param({"address": {}}, {}, id="empty-object"),
        pytest.param({"company": []}, {}, id="empty-list"),
        pytest.param({"company": " "}, {}, id="company-blank"),
        pytest.param({"createdAt": ""}, {}, id="empty-date"),
        pytest.param({"birthday": "  ", "createdAt": []}, {}, id="blank-date"),
        pytest.param({"address": {"city": ""}}, {}, id="nothing-left-inside"),
        pytest.param({"address": {"city": "", "mine": ""}}, {"address": {"mine": ""}}, id="custom-inside-stays"),
        pytest.param({"email": None, "createdAt": None}, {"email": None, "createdAt": None}, id="null-stays"),
        pytest.param({"address": {"city": None}}, {"address": {"city": None}}, id="null-inside-stays"),
        pytest.param({"age": 0}, {"age": 0}, id="zero-stays"),
        pytest.param({"title": False}, {"title": False}, id="false-stays"),
        pytest.param(
            {"mine": "", "more": [], "most": {}}, {"mine": "", "more": [], "most": {}}, id="custom-empties-stay"
        ),
    ],
)
def test_an_empty_reserved_trait_is_absent_and_an_empty_custom_one_a_value(
    traits: Document, expected: Document
) -> None:
    assert canonical(traits) == (expected, [])


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"email": " ada@example.com\n"}, {"email": "ada@example.com"}, id="email-trimmed"),
        pytest.param({"email": 5}, {"email": 5}, id="email-no-text"),
        pytest.param({"company": "Analytical"}, {"company": {"name": "Analytical"}}, id="company-as-text"),
        pytest.param({"company": {"id": 5}}, {"company": {"id": 5}}, id="company-id-stays-a-number"),
        pytest.param({"company": 5}, {"company": 5}, id="company-odd"),
        pytest.param({"address": "12 St James's Square"}, {"address": "12 St James's Square"}, id="address-as-text"),
        pytest.param({"birthday": "1815-12-10"}, {"birthday": "1815-12-10"}, id="date-stays-a-date"),
        pytest.param(
            {"birthday": "1990-12-10T00:00:00.000+02:00"},
            {"birthday": "1990-12-10"},
            id="birthday-as-midnight-of-its-zone",
        ),
        pytest.param({"birthday": "1990-12-10T00:00:00-05:00"}, {"birthday": "1990-12-10"}, id="birthday-in-the-west"),
        pytest.param({"birthday": "1990-12-10T00:00:00Z"}, {"birthday": "1990-12-10T00:00:00Z"}, id="birthday-in-utc"),
        pytest.param(
            {"birthday": "1990-12-10T01:30:00+02:00"}, {"birthday": "1990-12-09T23:30:00Z"}, id="birthday-as-a-moment"
        ),
        pytest.param({"created_at": "1724508922123"}, {"createdAt": "2024-08-24T14:15:22.123Z"}, id="milliseconds"),
        pytest.param({"id": 7, "age": "36"}, {"id": 7, "age": "36"}, id="other-types-stay"),
        pytest.param({"my_plan": 1, "myPlan": 2}, {"my_plan": 1, "myPlan": 2}, id="custom-never-renamed"),
        pytest.param(
            {"FirstName": "A", "First Name": "B"}, {"FirstName": "A", "First Name": "B"}, id="other-spellings"
        ),
    ],
)
def test_values_are_put_right(traits: Document, expected: Document) -> None:
    assert canonical(traits) == (expected, [])


@pytest.mark.parametrize("value", ["soon", True, ["2024"], {"a": 1}, 1e20])
def test_an_unreadable_date_is_kept_as_it_came_and_told(value: Any) -> None:
    result, warnings = canonical({"created_at": value})

    assert result == {"createdAt": value}
    assert len(warnings) == 1
    assert warnings[0].startswith("traits.createdAt: no date")


def test_group_traits_are_not_user_traits() -> None:
    traits = {"first_name": "kept", "company": "kept", "created_at": 0, "employees": ""}

    assert canonical(traits, of_group=True)[0] == {
        "first_name": "kept",
        "company": "kept",
        "createdAt": "1970-01-01T00:00:00Z",
    }


@pytest.mark.parametrize(
    ("traits", "name"),
    [
        pytest.param({"firstName": "Ada", "lastName": "Lovelace"}, "Ada Lovelace", id="both"),
        pytest.param({"firstName": " Ada ", "lastName": " Lovelace"}, "Ada Lovelace", id="trimmed"),
        pytest.param({"firstName": "Ada", "lastName": "Lovelace", "name": "Countess"}, "Countess", id="given"),
        pytest.param({"firstName": "Ada", "lastName": "Lovelace", "name": None}, None, id="null-is-given"),
        pytest.param({"firstName": "Ada"}, "absent", id="first-alone"),
        pytest.param({"lastName": "Lovelace"}, "absent", id="last-alone"),
        pytest.param({"firstName": "Ada", "lastName": None}, "absent", id="null-last"),
        pytest.param({"firstName": None, "lastName": None}, None, id="both-null"),
        pytest.param({"firstName": None, "lastName": None, "name": "Countess"}, "Countess", id="both-null-but-given"),
        pytest.param({"firstName": 1, "lastName": 2}, "absent", id="no-text"),
    ],
)
def test_name_is_filled_from_first_and_last(traits: Document, name: str | None) -> None:
    fill_name(traits)

    assert traits.get("name", "absent") == name


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["postal_code", "postalCode", "employeeCount", "employee_count", "x"]), inner)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(sorted(USER_SPELLINGS)) | st.text(max_size=4)


@given(st.dictionaries(KEYS, VALUES, max_size=8), st.booleans())
def test_canonical_traits_stay_as_they_are(traits: Document, of_group: bool) -> None:
    before = repr(traits)
    once, _ = canonical(traits, of_group=of_group)
    twice, _ = canonical(once, of_group=of_group)

    assert twice == once
    assert repr(traits) == before
