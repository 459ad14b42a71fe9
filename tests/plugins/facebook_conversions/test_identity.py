"""What finds a person: each reserved trait in both spellings, normalised and hashed, and never hashed twice."""

from __future__ import annotations

from typing import Any

import pytest

from router.explain import explain
from router.plugin import USER_TRAITS, camel_case, snake_case
from router.testing import make_event
from tests.plugins.facebook_conversions.mapped import body_of, rehearse, sha256, skipped

ADDRESS = {"city": "London", "state": "LDN", "country": "GB", "postalCode": "N1 9GU", "street": "1 Main St"}

CASES: dict[str, tuple[Any, dict[str, str]]] = {
    "address": (ADDRESS, {"ct": "london", "st": "ldn", "country": "gb", "zp": "n19gu"}),
    "age": ("36", {}),
    "avatar": ("https://example.test/a.png", {}),
    "birthday": ("1990-12-10", {"db": "19901210"}),
    "company": ({"name": "Acme"}, {}),
    "createdAt": ("2024-08-24T14:15:22Z", {}),
    "description": ("Countess", {}),
    "email": (" Ada@Example.test ", {"em": "ada@example.test"}),
    "firstName": (" Ada ", {"fn": "ada"}),
    "gender": ("Female", {"ge": "f"}),
    "id": ("u-17", {}),
    "lastName": ("O'Lovelace", {"ln": "olovelace"}),
    "name": ("Ada King Lovelace", {"fn": "ada", "ln": "king lovelace"}),
    "phone": ("+44 (20) 7946-0000", {"ph": "442079460000"}),
    "title": ("Analyst", {}),
    "username": ("ada", {}),
    "website": ("https://example.test", {}),
}
"""What is sent, and what is hashed of it, by Meta's keys."""


def user_of(traits: dict[str, Any] | None = None, settings: dict[str, Any] | None = None, **fields: Any) -> Any:
    """``user_data`` of an event of a person, but for what is there in any case."""
    event = make_event("track", **{"userId": "u-17", "event": "E", "context": {"traits": traits or {}}} | fields)
    user = dict(body_of(event, "track event", action_source="other", **(settings or {}))["user_data"])
    if user.get("external_id") == sha256("u-17"):
        del user["external_id"]
    return user


def test_every_reserved_trait_has_a_case() -> None:
    assert CASES.keys() == set(USER_TRAITS)


@pytest.mark.parametrize("spell", [camel_case, snake_case], ids=["camelCase", "snake_case"])
@pytest.mark.parametrize("trait", USER_TRAITS)
def test_a_reserved_trait_arrives_in_either_spelling(trait: str, spell: Any) -> None:
    value, expected = CASES[trait]
    spelled = {spell(key): item for key, item in value.items()} if isinstance(value, dict) else value

    assert user_of({spell(trait): spelled}) == {key: sha256(text) for key, text in expected.items()}


@pytest.mark.parametrize("trait", [name for name in USER_TRAITS if name != "address"])
def test_what_is_hashed_already_is_not_hashed_again(trait: str) -> None:
    """A hashed full name is neither a first nor a last name."""
    hashed = sha256("x").upper()
    keys = set(CASES[trait][1]) - ({"fn", "ln"} if trait == "name" else set())

    assert user_of({trait: hashed}) == dict.fromkeys(keys, sha256("x"))


def test_parts_of_an_address_may_be_hashed_already() -> None:
    hashed = dict.fromkeys(ADDRESS, sha256("x"))

    assert user_of({"address": hashed}) == dict.fromkeys(("ct", "st", "country", "zp"), sha256("x"))


@pytest.mark.parametrize(
    ("value", "hash"),
    [
        pytest.param(
            {"email": "ada.lovelace@example.org"},
            {"em": "7799473ff091b38137e0698047364e040446fe7cb3209e8321d5a865127853d0"},
            id="email",
        ),
        pytest.param(
            {"phone": "+1 555 555-0123"},
            {"ph": "6d420c869d4eb97fe7de4576c9d04bb34d1a5788e0b3a657f61d7be020d8ead0"},
            id="phone",
        ),
        pytest.param(
            {"address": {"city": "London", "country": "GB"}},
            {
                "ct": "6089854c94ca5454b76be6752c562901a985f64c9a946f62976aeab593b83161",
                "country": "0b407281768f0e833afef47ed464b6571d01ca4d53c12ce5c51d1462f4ad6677",
            },
            id="city and country",
        ),
        pytest.param(
            {"gender": "F"}, {"ge": "252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111"}, id="gender"
        ),
        pytest.param(
            {"firstName": "Valéry"},
            {"fn": "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"},
            id="a name with an accent, from Meta's page",
        ),
    ],
)
def test_hashes_are_those_of_the_vendor_s_examples(value: dict[str, Any], hash: dict[str, str]) -> None:
    assert user_of(value) == hash


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param({"phone": "0044 20 7946 0000"}, {"ph": "442079460000"}, id="00 before the country"),
        pytest.param({"phone": "+44 (0)20 7946 0000"}, {"ph": "442079460000"}, id="a 0 that is dialled at home alone"),
        pytest.param({"phone": "(0)20 7946 0000"}, {}, id="that 0 without a country"),
        pytest.param({"phone": 442079460000}, {"ph": "442079460000"}, id="a phone as a number"),
        pytest.param({"phone": "020 7946 0000"}, {}, id="a phone without a country"),
        pytest.param({"phone": "ask Ada"}, {}, id="a phone that is none"),
        pytest.param({"email": "not an email"}, {}, id="an email that is none"),
        pytest.param({"gender": "non-binary"}, {}, id="a gender Meta does not know"),
        pytest.param({"gender": "other"}, {}, id="another gender"),
        pytest.param({"gender": "Woman"}, {"ge": "f"}, id="a gender in another word"),
        pytest.param({"birthday": "1815-12-10"}, {}, id="born before 1900"),
        pytest.param({"birthday": {"year": 1990}}, {}, id="a birthday that is no date"),
        pytest.param({"address": "12 Main St, London"}, {}, id="address as text"),
        pytest.param(
            {"address": {"city": "St. Louis 7", "state": "New York", "postalCode": "94025-1234", "country": "USA"}},
            {"ct": "stlouis", "st": "ny", "zp": "94025"},
            id="an address in the US, whose country has three letters",
        ),
        pytest.param({"address": {"postalCode": "00-950"}}, {"zp": "00-950"}, id="a postal code with a dash"),
        pytest.param(
            {"first_name": "Ada", "name": "Eve King"}, {"fn": "ada", "ln": "king"}, id="firstName before name"
        ),
        pytest.param({"name": "Ada"}, {"fn": "ada"}, id="one name"),
        pytest.param({"name": "!!!", "firstName": "🚀"}, {}, id="names of no letters"),
        pytest.param({"company": "Engine Ltd", "email": ""}, {}, id="nothing of use"),
        pytest.param(dict.fromkeys(USER_TRAITS), {}, id="all null"),
    ],
)
def test_traits_of_odd_shapes(traits: dict[str, Any], expected: dict[str, str]) -> None:
    assert user_of(traits) == {key: sha256(text) for key, text in expected.items()}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"userId": " U-18 ", "anonymousId": "a-1"}, {"external_id": sha256("u-18")}, id="a user"),
        pytest.param({"userId": None, "anonymousId": "a-1"}, {"external_id": sha256("a-1")}, id="nobody known"),
        pytest.param(
            {"userId": "u_77"},
            {"external_id": "7d3969e308475853cbb22aab2d4c4ab4312a26bfea974f943042d0dc47b0d221"},
            id="the user of the vendor's example",
        ),
        pytest.param(
            {"userId": "ada@example.test"},
            {"external_id": sha256("ada@example.test"), "em": sha256("ada@example.test")},
            id="a userId that is an email",
        ),
        pytest.param(
            {"properties": {"email": "a@b.test", "phone": "+442079460000", "first_name": "A", "lastName": "B"}},
            {"em": sha256("a@b.test"), "ph": sha256("442079460000"), "fn": sha256("a"), "ln": sha256("b")},
            id="a person in the properties",
        ),
        pytest.param(
            {"context": {"ip": "2001:DB8::1", "userAgent": "Mozilla/5.0"}},
            {"client_ip_address": "2001:db8::1", "client_user_agent": "Mozilla/5.0"},
            id="where from",
        ),
        pytest.param({"context": {"ip": "not an address"}}, {}, id="no address"),
        pytest.param(
            {"context": {"cookies": {"_fbp": "fb.1.1.2", "_fbc": "fb.1.1.x"}}},
            {"fbp": "fb.1.1.2", "fbc": "fb.1.1.x"},
            id="cookies",
        ),
        pytest.param({"properties": {"fbclid": "IwAR"}}, {"fbc": "fb.1.1772619630123.IwAR"}, id="a click id"),
        pytest.param(
            {"context": {"page": {"search": "?a=1&fbclid=IwAR#x"}}},
            {"fbc": "fb.1.1772619630123.IwAR"},
            id="a click id in the page's address",
        ),
    ],
)
def test_who_and_where_from(fields: dict[str, Any], expected: dict[str, str]) -> None:
    assert user_of(**fields) == expected


def test_an_external_id_is_sent_only_where_it_is_wanted() -> None:
    assert user_of({"email": "a@b.test"}, {"send_external_id": False}) == {"em": sha256("a@b.test")}


@pytest.mark.parametrize(
    "traits",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"address": {"country": "GB"}}, id="a country"),
        pytest.param({"address": ADDRESS, "gender": "f"}, id="an address and a gender"),
        pytest.param({"birthday": "1990-12-10"}, id="a birthday"),
        pytest.param({"firstName": "Ada", "gender": "f"}, id="a first name and a gender"),
        pytest.param({"lastName": "King", "gender": "f"}, id="a last name and a gender"),
    ],
)
def test_what_fits_too_many_people_is_not_sent(traits: dict[str, Any]) -> None:
    event = make_event("track", userId="u-17", event="E", context={"traits": traits})

    reason = skipped(event, "track event", action_source="other", send_external_id=False)

    assert reason == "nothing that Meta finds a person by"


def test_what_is_left_out_is_told() -> None:
    event = make_event("track", userId="u-17", event="E", context={"traits": {"phone": "020 7946 0000"}})

    [told] = explain(event, [rehearse(action_source="other").destination])["destinations"]

    assert any(
        "context.traits.phone: expected a phone number with its country code" in each for each in told["warnings"]
    )
