"""The names of reserved traits, and their two spellings."""

from __future__ import annotations

import pytest

from router.traits import DATE_TRAITS, GROUP_TRAITS, NESTED_TRAITS, USER_TRAITS, camel_case, canonical_trait, snake_case


def test_there_are_as_many_reserved_traits_as_the_spec_has() -> None:
    assert (len(set(USER_TRAITS)), len(set(GROUP_TRAITS))) == (17, 12)
    assert set(NESTED_TRAITS) | DATE_TRAITS <= set(USER_TRAITS)


@pytest.mark.parametrize(
    ("camel", "snake"),
    [
        ("createdAt", "created_at"),
        ("postalCode", "postal_code"),
        ("employeeCount", "employee_count"),
        ("email", "email"),
    ],
)
def test_each_spelling_leads_to_the_other_and_to_itself(camel: str, snake: str) -> None:
    assert (camel_case(snake), camel_case(camel)) == (camel, camel)
    assert (snake_case(camel), snake_case(snake)) == (snake, snake)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("created_at", "createdAt"),
        ("createdAt", "createdAt"),
        ("address.postal_code", "address.postalCode"),
        ("company.employeeCount", "company.employee_count"),
        ("company.employee_count", "company.employee_count"),
        ("company.head_office", "company.head_office"),
        ("head_office.postal_code", "head_office.postal_code"),
        ("plan_tier", "plan_tier"),
    ],
)
def test_a_trait_that_an_operator_names_is_found_by_its_canonical_name(path: str, expected: str) -> None:
    assert canonical_trait(path, USER_TRAITS) == expected


def test_what_is_reserved_of_a_person_alone_stays_as_it_is_of_a_group() -> None:
    assert canonical_trait("first_name", GROUP_TRAITS) == "first_name"
