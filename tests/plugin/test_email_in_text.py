"""Emails inside other text, and addresses without them."""

from __future__ import annotations

import pytest

from router.plugin import holds_email, without_email


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("ada@example.test", True),
        (" Ada <ada+news@mail.example.test>, twice", True),
        ("adä@exämple.test", True),
        ("https://example.test/?email=ada%40example.test", True),
        ("https://example.test/users/ada@example.test/edit", True),
        ("https://ada@example.test/", True),
        ("", False),
        ("@ada", False),
        ("ada@localhost", False),
        ("6 @ 1.50", False),
        ("https://example.test/@ada.lovelace/post", False),
        ("https://example.test/logo@2x.png", False),
        ("https://example.test/lib@1.2.3/index.html", False),
        ("2 x 5@3.50", False),
        ('{"to":"ada@example.test"}', True),
        ("ада@пример.рф", True),
        ("https://example.test/login?next=%2Fconfirm%3Femail%3Dada%2540example.test", True),
        ("https://example.test/?next=%2Flogin%3Fnext%3D%252Fconfirm%253Femail%253Dada%252540example.test", True),
        ("https://example.test/?next=%2Flib%25401.2.3", False),
        ("100%2525", False),
    ],
)
def test_an_email_is_found_wherever_it_is(text: str, is_there: bool) -> None:
    assert holds_email(text) is is_there


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("https://example.test/a?b=1#c", "https://example.test/a?b=1#c", id="none"),
        pytest.param("https://example.test/a?e=ada%40example.test#c", "https://example.test/a", id="in the query"),
        pytest.param("https://example.test#ada@example.test", "https://example.test", id="in the fragment"),
        pytest.param("https://example.test:8443/ada@example.test?b=1", "https://example.test:8443/", id="in the path"),
        pytest.param("/a?e=ada@example.test", "/a", id="without a host"),
    ],
)
def test_an_address_is_cut_before_the_email_in_it(address: str, expected: str) -> None:
    assert without_email(address) == expected


@pytest.mark.parametrize(
    "address", ["ada@example.test", "/ada@example.test", "https://ada@example.test/", "?ada@b.test"]
)
def test_an_address_of_which_nothing_is_left_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="no email"):
        without_email(address)
