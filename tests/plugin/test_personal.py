"""Names that tell who somebody is."""

from __future__ import annotations

import pytest

from router.plugin import tells_person, tells_whose_name


@pytest.mark.parametrize(
    ("name", "is_personal"),
    [
        pytest.param("email", True, id="as it is"),
        pytest.param("First Name", True, id="with a blank"),
        pytest.param("lastName", True, id="in camel case"),
        pytest.param("address_line_1", True, id="with a number"),
        pytest.param("name", False, id="that of a product, or of a page"),
        pytest.param("email_opened", False, id="a longer name that begins so"),
        pytest.param("city", False, id="what somebody may look for"),
        pytest.param("", False, id="none"),
    ],
)
def test_a_name_tells_a_person_in_whatever_spelling(name: str, is_personal: bool) -> None:
    assert tells_person(name) is is_personal


def test_a_vendor_may_have_further_names_that_tell_a_person() -> None:
    assert tells_person("zip_code", {"zipcode"})


@pytest.mark.parametrize(
    ("names", "is_somebodys"),
    [
        pytest.param(["name", "Email"], True, id="an email"),
        pytest.param(["name", "phone_number"], True, id="a phone"),
        pytest.param(["name", "lastName"], True, id="another name"),
        pytest.param(["name", "price", "city"], False, id="a product's"),
        pytest.param([], False, id="nothing"),
    ],
)
def test_a_name_is_a_persons_beside_what_only_persons_have(names: list[str], is_somebodys: bool) -> None:
    assert tells_whose_name(names) is is_somebodys
