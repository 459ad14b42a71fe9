"""Fields of an event by their dotted path."""

from __future__ import annotations

from typing import Any

import pytest

from router.actions.path import ABSENT, Path, canonical, find, place_of, places, put, read_changeable, read_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param("event", ("event",), id="top"),
        pytest.param("properties.cart.total", ("properties", "cart", "total"), id="deep"),
        pytest.param("traits", ("traits",), id="whole-object"),
        pytest.param("traits.first_name", ("traits", "firstName"), id="snake-case-of-a-reserved-trait"),
        pytest.param("context.traits.created_at", ("context", "traits", "createdAt"), id="riding-along"),
        pytest.param("traits.address.postal_code", ("traits", "address", "postalCode"), id="nested-reserved"),
        pytest.param("traits.company.employeeCount", ("traits", "company", "employee_count"), id="canonical-is-snake"),
        pytest.param("traits.plan_name", ("traits", "plan_name"), id="custom-trait-stays"),
        pytest.param("properties.first_name", ("properties", "first_name"), id="properties-stay"),
    ],
)
def test_a_path_is_read_with_reserved_traits_in_their_canonical_spelling(text: str, path: Path) -> None:
    assert read_path(text) == path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("trait.plan", 'did you mean "traits.plan"?', id="near"),
        pytest.param("propertys.a.b", 'did you mean "properties.a.b"?', id="near-deep"),
        pytest.param("user_id", 'did you mean "userId"?', id="snake-case-id"),
        pytest.param("event.properties.plan", 'did you mean "properties.plan"?', id="as-in-cel"),
        pytest.param("plan", "it begins with traits., properties. or context.", id="bare"),
        pytest.param("traits..plan", "write it as traits.plan", id="empty-part"),
        pytest.param("", "write it as traits.plan", id="empty"),
        pytest.param("name.first", "name is a single value", id="below-a-text"),
    ],
)
def test_what_is_no_field_is_refused_with_a_suggestion(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read_path(text)

    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["type", "messageId", "timestamp", "integrations", "integrations.All", "receivedAt"])
def test_what_is_the_routers_own_cant_be_changed(text: str) -> None:
    with pytest.raises(ValueError, match="can't be changed"):
        read_changeable(text)


def test_a_whole_object_may_only_go() -> None:
    assert read_changeable("traits", is_whole_allowed=True) == ("traits",)
    with pytest.raises(ValueError, match="a whole object"):
        read_changeable("traits")


DOCUMENT: dict[str, Any] = {
    "traits": {"a": {"b": 1, "c.d": 2}, "a.b": 3, "x.y": {"z": 4}, "n": None},
    "properties": {"products": [{"sku": "s1", "price": 1}, {"sku": "s2"}, "text"]},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("traits", "a", "b"), 1, id="nested"),
        pytest.param(("traits", "a", "c", "d"), 2, id="a-key-with-a-dot"),
        pytest.param(("traits", "x", "y", "z"), 4, id="below-a-key-with-a-dot"),
        pytest.param(("traits", "n"), None, id="null-is-something"),
        pytest.param(("traits", "nope"), ABSENT, id="absent"),
        pytest.param(("traits", "a", "b", "c"), ABSENT, id="below-a-value"),
        pytest.param(("properties", "products", "sku"), ABSENT, id="not-into-lists"),
    ],
)
def test_a_field_is_found(path: Path, value: Any) -> None:
    place = place_of(DOCUMENT, path)

    assert find(DOCUMENT, path) == value
    assert (ABSENT if place is None else place.holder[place.key]) == value


@pytest.mark.parametrize(
    ("path", "values"),
    [
        pytest.param(("traits", "a", "b"), [1, 3], id="nested-and-with-a-dot"),
        pytest.param(("properties", "products", "sku"), ["s1", "s2"], id="each-item-of-a-list"),
        pytest.param(("properties", "products"), [DOCUMENT["properties"]["products"]], id="a-whole-list"),
        pytest.param(("traits", "nope"), [], id="absent"),
    ],
)
def test_every_place_of_a_field_is_found(path: Path, values: list[Any]) -> None:
    found = list(places(DOCUMENT, path))

    assert [place.holder[place.key] for place in found] == values
    assert all(place.path == path for place in found)


def test_put_makes_the_objects_on_its_way() -> None:
    document: dict[str, Any] = {"traits": {"company": "Acme"}}

    put(document, ("traits", "company", "name"), "Acme")
    put(document, ("context", "app", "name"), "shop")

    assert document == {"traits": {"company": {"name": "Acme"}}, "context": {"app": {"name": "shop"}}}


def test_a_canonical_path_stays() -> None:
    for path in [("traits", "firstName"), ("traits", "address", "postalCode"), ("context", "traits"), ("event",)]:
        assert canonical(path) == path
