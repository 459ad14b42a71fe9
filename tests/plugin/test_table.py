"""The mapping table: rows, what they leave over, what becomes of values that are no scalars, and what explain is told."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.event import Event
from router.plugin import (
    GROUP_TRAITS,
    USER_TRAITS,
    Custom,
    EventType,
    Field,
    Table,
    Trait,
    Values,
    convert,
    same_name,
)
from router.plugin.trace import Lineage, Trace

KEEP_ALL = Values()


def event_of(call: EventType = "identify", **fields: Any) -> Event:
    times = {"timestamp": "2026-01-01T00:00:00.000Z", "received_at": "2026-01-01T00:00:00.000Z"}
    return Event(type=call, message_id="m-1", user_id="u-17", **times, **fields)


def apply(*rows: Field, custom: Custom | None = None, values: Values = KEEP_ALL, **traits: Any) -> Any:
    """What a table of these rows makes of an identify with these traits."""
    return Table(rows, (custom,) if custom else (), values).apply(event_of(traits=traits))


def trace_of(table: Table, event: Event) -> Trace:
    trace = Trace()
    table.apply(event, trace)
    return trace


# --- rows ---


def untyped(value: Any) -> Any:
    """What mypy would refuse."""
    return value


def test_a_row_names_where_a_trait_goes_and_how_it_is_written() -> None:
    row = Trait("createdAt", to="created_at", convert=convert.to_unix_seconds)

    assert apply(row, createdAt="2024-08-24T14:15:22Z") == {"created_at": 1724508922}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("userId", "u-17"),
        ("type", "identify"),
        ("context.page.url", "https://example.test/"),
        ("properties.a", 1),
        (("context.page.title", "context.page.url"), "https://example.test/"),
        (("context.page.title", "traits.nothing", "userId"), "u-17"),
    ],
    ids=str,
)
def test_a_source_is_a_path_into_the_event_or_the_first_of_several(source: Any, expected: Any) -> None:
    event = event_of(context={"page": {"url": "https://example.test/", "title": None}}, properties={"a": 1})

    assert Table((Field(source, "x"),)).apply(event) == {"x": expected}


@pytest.mark.parametrize(
    ("traits", "expected", "used"),
    [
        ({"size": "11-50", "employees": "40"}, {"n": 40}, "traits.employees"),
        ({"size": "", "employees": 40}, {"n": 40}, "traits.employees"),
        ({"size": 40, "employees": "many"}, {"n": 40}, "traits.size"),
        ({"size": None, "employees": "many"}, {"n": None}, "traits.size"),
        ({"size": "11-50", "employees": None}, {"n": None}, "traits.employees"),
        ({"size": "11-50", "employees": "many"}, {}, ""),
    ],
    ids=["refused", "empty", "the first is good", "null is left", "null is left of the second", "all refused"],
)
def test_of_several_sources_the_first_counts_that_the_converter_takes(traits: Any, expected: Any, used: str) -> None:
    """What a vendor can't have of one source is no reason to keep back the other: the field would be missing."""
    row = Field(("traits.size", "traits.employees"), "n", convert.to_number)
    table = Table((row,), values=Values(null="clear"))
    event = event_of(traits=traits)

    assert table.apply(event) == expected
    assert [line.source for line in trace_of(table, event).lineage] == ([used] if used else [])


@pytest.mark.parametrize("converter", [None, convert.to_text, convert.to_json_text], ids=["none", "text", "JSON"])
@pytest.mark.parametrize(
    ("category", "of_properties", "expected"),
    [("", "Shoes", "Shoes"), ("Shop", "Shoes", "Shop"), ("", "", ""), ("", None, ""), (None, "", "")],
)
def test_an_empty_text_gives_way_to_a_source_that_says_something(
    converter: Any, category: Any, of_properties: Any, expected: str
) -> None:
    """Segment's Kotlin library sends ``category: ""`` with every screen."""
    row = Field(("category", "properties.category"), "c", converter)
    event = event_of("screen", category=category, properties={"category": of_properties})

    assert Table((row,)).apply(event) == {"c": expected}


@pytest.mark.parametrize("source", ["traits.nothing", "context.page.url.deeper", "context.list.0", "nothing"])
def test_a_source_that_is_not_there_writes_nothing(source: str) -> None:
    event = event_of(context={"page": {"url": "x"}, "list": [1]})

    assert Table((Field(source, "x"),)).apply(event) == {}


def test_a_target_is_a_path_into_the_result() -> None:
    rows = (Trait("email", to="person.contact.email"), Trait("name", to="person.name"))

    assert apply(*rows, email="e", name="n") == {"person": {"contact": {"email": "e"}, "name": "n"}}


@pytest.mark.parametrize(
    ("values", "middle", "last"),
    [
        pytest.param(Values(), 1, {"w": 3}, id="a number"),
        pytest.param(Values(null="clear"), None, {"w": 3}, id="null"),
        pytest.param(Values(objects="json"), {"old": 1}, {"w": 3}, id="an object as text"),
        pytest.param(Values(), {"old": 1}, {"old": 1, "w": 3}, id="an object, which is added to"),
    ],
)
def test_of_rows_that_write_over_one_another_the_last_wins(values: Values, middle: Any, last: Any) -> None:
    rows = (Trait("a", to="x.y.z"), Trait("b", to="x.y"), Trait("c", to="x.y.w"))

    assert apply(*rows, values=values, a=1, b=middle, c=3) == {"x": {"y": last}}


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(Table((Trait("company", to="org"), Trait("email", to="org.email"))), id="of another row"),
        pytest.param(Table((Trait("company", to="org"), Trait("email", to="org.plan.email"))), id="deeper in it"),
        pytest.param(Table((Trait("email", to="org.email"),), (Custom("traits"),)), id="of a custom trait"),
        pytest.param(
            Table((), (Custom("traits", at="a"), Custom("properties", at="a.org"))),
            id="of a custom trait, by properties",
        ),
    ],
)
def test_what_is_written_into_an_object_of_the_event_is_not_written_into_the_event(table: Table) -> None:
    """Each action and each destination gets the event as it came."""
    company = {"name": "N", "plan": {"tier": 1}}
    event = event_of(traits={"company": company, "org": company, "email": "e"}, properties={"email": "e"})
    before = copy.deepcopy(event.document)

    assert "e" in str(table.apply(event))
    assert event.document == before


def test_a_row_without_a_target_sends_nothing() -> None:
    assert apply(Trait("id", note="it is the userId"), custom=Custom("traits"), id="u-17", plan="gold") == {
        "plan": "gold"
    }


def test_a_value_that_can_not_be_converted_is_left_out_and_told() -> None:
    table = Table((Trait("age", to="age", convert=convert.to_number), Trait("name", to="name")))
    event = event_of(traits={"age": "thirty-six", "name": "Ada"})

    assert table.apply(event) == {"name": "Ada"}
    assert trace_of(table, event).warnings == ["traits.age: expected a number; left out"]


def test_a_converter_that_is_no_function_is_refused_when_the_row_is_made() -> None:
    converter: Any = "to_text"

    with pytest.raises(
        ValueError, match=r"^traits\.email: convert='to_text', expected a function such as convert\.to_text$"
    ):
        Trait("email", "mail", converter)


async def to_await(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Table(untyped(Trait("email", "mail"))), "fields=Field(…), expected a tuple: (Field(…),)"),
        (lambda: Table((), untyped(Custom("traits"))), "custom=Custom(…), expected a tuple: (Custom(…),)"),
        (lambda: Custom(untyped("trait")), "Custom('trait'), expected traits or properties"),
        (lambda: Trait("email", untyped(None)), "traits.email: to=None, expected a text"),
        (
            lambda: Trait("email", "mail", untyped(to_await)),
            "traits.email: convert is an async function, expected a plain one: a plugin waits for nothing",
        ),
        (
            lambda: Custom("traits", convert=untyped(to_await)),
            "Custom('traits'): convert is an async function, expected a plain one: a plugin waits for nothing",
        ),
        (
            lambda: Values(objects=untyped("flattened")),
            "Values(objects='flattened'), expected keep or flatten or json or drop",
        ),
        (lambda: Values(null=untyped("keep")), "Values(null='keep'), expected clear or drop"),
    ],
    ids=[
        "one row without its comma", "one custom without its comma", "an object that is never there", "no target",
        "an async converter", "an async converter of custom traits", "an unknown rule", "an unknown rule for null",
    ],
)  # fmt: skip
def test_what_no_event_could_be_mapped_with_is_refused_when_it_is_made(
    make: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


def test_a_null_is_not_given_to_a_converter() -> None:
    assert apply(Trait("age", to="age", convert=convert.to_number), values=Values(null="clear"), age=None) == {
        "age": None
    }


def test_rows_can_be_added_to_a_table() -> None:
    assert (Table(same_name("email")) + same_name("name", at="person")).apply(
        event_of(traits={"email": "e", "name": "n"})
    ) == {"email": "e", "person": {"name": "n"}}


# --- an object and its parts ---

PARTS = (Trait("address.city", to="city"), Trait("address.country", to="country"))
WHOLE = Trait("address", to="address")


@pytest.mark.parametrize("rows", [(*PARTS, WHOLE), (WHOLE, *PARTS)], ids=["parts first", "whole first"])
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ({"city": "London", "floor": 3}, {"city": "London", "address": {"floor": 3}}),
        ({"city": "London", "country": "GB"}, {"city": "London", "country": "GB"}),
        ({"floor": 3}, {"address": {"floor": 3}}),
        ({}, {}),
        ("12 Main St", {"address": "12 Main St"}),
        (7, {"address": 7}),
        (["London"], {"address": ["London"]}),
    ],
    ids=str,
)
def test_a_row_for_a_whole_object_gets_what_its_parts_leave(
    rows: tuple[Field, ...], address: Any, expected: Any
) -> None:
    assert apply(*rows, address=address) == expected


def test_what_no_row_takes_of_an_object_is_told() -> None:
    trace = trace_of(Table(PARTS), event_of(traits={"address": {"city": "London", "floor": 3}}))

    assert trace.unmapped == ["traits.address.floor"]


def test_a_text_where_only_parts_are_mapped_is_told() -> None:
    assert trace_of(Table(PARTS), event_of(traits={"address": "12 Main St"})).unmapped == ["traits.address"]


# --- custom traits ---


def test_custom_traits_keep_their_names_dots_included() -> None:
    custom: dict[str, Any] = {"plan": "gold", "a.b": 1, "": 2, "$set": 3, "first_name": 4}

    assert apply(custom=Custom("traits", at="x.y"), **custom) == {"x": {"y": custom}}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(Trait("plan", to="tier"), {"tier": "gold", "seats": 3}, id="a row that takes it"),
        pytest.param(Trait("plan", note="not sent"), {"seats": 3}, id="a row that sends it nowhere"),
        pytest.param(Field("properties.plan", "tier"), {"plan": "gold", "seats": 3}, id="a row for a property"),
        pytest.param(
            Field("traits", "all"),
            {"plan": "gold", "seats": 3, "all": {"plan": "gold", "seats": 3}},
            id="a row for all",
        ),
    ],
)
def test_a_trait_that_a_row_names_is_not_sent_as_a_custom_one(row: Field, expected: Any) -> None:
    assert apply(row, custom=Custom("traits"), plan="gold", seats=3) == expected


def test_a_mapped_value_wins_over_a_custom_one_of_the_same_name() -> None:
    assert apply(Trait("email", to="mail"), custom=Custom("traits"), mail="custom", email="mapped") == {
        "mail": "mapped"
    }


@pytest.mark.parametrize(
    ("call", "reserved"), [("identify", USER_TRAITS), ("group", GROUP_TRAITS)], ids=["identify", "group"]
)
def test_reserved_traits_are_never_custom(call: EventType, reserved: tuple[str, ...]) -> None:
    table = Table((), (Custom("traits"),))
    event = event_of(call, traits=dict.fromkeys((*reserved, "tier"), 1))

    assert table.apply(event) == {"tier": 1}
    assert trace_of(table, event).unmapped == [f"traits.{trait}" for trait in reserved]


def test_what_is_reserved_for_a_group_is_a_persons_own() -> None:
    assert apply(custom=Custom("traits"), plan="gold", employees=3) == {"plan": "gold", "employees": 3}


@pytest.mark.parametrize("name", ["$token", "user_id"])
def test_a_name_the_vendor_reserves_is_left_out_and_told(name: str) -> None:
    table = Table((), (Custom("traits", forbidden=frozenset({"$token", "user_id"})),))
    event = event_of(traits={name: "x", "plan": "gold"})

    trace = trace_of(table, event)

    assert table.apply(event) == {"plan": "gold"}
    assert trace.unmapped == [f"traits.{name}"]
    assert trace.warnings == [f"traits.{name}: the vendor reserves this name; left out"]


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        pytest.param("$x", "the vendor takes no such name", id="None"),
        pytest.param("tier", "not among the names to be sent", id="a reason of its own"),
        pytest.param("Token", "the vendor reserves this name", id="a name that becomes a reserved one"),
    ],
)
def test_a_name_the_vendor_does_not_take_is_left_out_and_told_why(key: str, reason: str) -> None:
    def rename(name: str) -> str | None:
        if name == "tier":
            raise ValueError("not among the names to be sent")
        return None if name.startswith("$") else name.lower()

    table = Table((), (Custom("traits", rename=rename, forbidden=frozenset({"token"})),))
    event = event_of(traits={key: "x", "Plan": "gold"})

    trace = trace_of(table, event)

    assert table.apply(event) == {"plan": "gold"}
    assert trace.unmapped == [f"traits.{key}"]
    assert trace.warnings == [f"traits.{key}: {reason}; left out"]


def test_of_two_names_that_come_out_alike_the_last_is_sent_and_that_is_told() -> None:
    table = Table((), (Custom("traits", at="fields", rename=lambda key: key.upper()[:8]),), Values(null="drop"))
    event = event_of(traits={"subscribed_at": 1, "plan": "gold", "subscribed_to": 2, "subscribed_by": None})

    assert table.apply(event) == {"fields": {"SUBSCRIB": 2, "PLAN": "gold"}}
    assert trace_of(table, event).warnings == [
        "traits.subscribed_to: comes out as SUBSCRIB, as traits.subscribed_at does; the last one is sent",
        "traits.subscribed_by: null is not sent to this vendor; left out",
    ]


def test_flattening_can_not_make_a_name_the_vendor_reserves() -> None:
    table = Table((), (Custom("traits", forbidden=frozenset({"user_id"})),), Values(objects="flatten"))
    event = event_of(traits={"user": {"id": "another", "tier": 1}})

    assert table.apply(event) == {"user_tier": 1}
    assert trace_of(table, event).warnings == ["traits.user: the vendor reserves the name user_id; left out"]


@pytest.mark.parametrize(
    ("traits", "expected"),
    [({"a": 1}, {"x_a": 1}), ({"user_id": 1}, {"x_user_id": 1}), ({"drop": 1, "id2": 1}, {"x_id2": 1})],
    ids=str,
)
def test_the_vendors_form_of_a_name_counts(traits: dict[str, Any], expected: dict[str, Any]) -> None:
    custom = Custom(
        "traits",
        rename=lambda key: None if key == "drop" else f"x_{key}",
        forbidden=frozenset({"user_id"}),
    )

    assert apply(custom=custom, **traits) == expected


def test_custom_values_are_converted_or_left_out() -> None:
    table = Table((), (Custom("properties", at="p", convert=convert.to_text),), Values(null="clear"))
    event = event_of("track", properties={"a": 1, "b": [], "c": None})

    trace = trace_of(table, event)

    assert table.apply(event) == {"p": {"a": "1", "c": None}}
    assert trace.warnings == ["properties.b: expected text; left out"]
    assert Lineage("properties.a", "p.a", "to_text") in trace.lineage


def test_what_flattens_to_a_name_longer_than_any_vendors_is_left_out_alone() -> None:
    """Within one long name, thousands of values were gigabytes, by an event of half a megabyte. Beside a long name, such as the
    text of a question, lie the answers to others."""
    table = Table((), (Custom("traits"),), Values(objects="flatten"))
    many = {f"n{number}": number for number in range(4_000)}
    answers = {"b" * 498: 1, "Why? " * 100: 2, "d": {"e" * 496: 3, "f": 4}}
    event = event_of(traits={"k" * 400_000: many, "a": answers, "g": {"h": 5}})

    assert table.apply(event) == {f"a_{'b' * 498}": 1, f"a_d_{'e' * 496}": 3, "a_d_f": 4, "g_h": 5}
    assert trace_of(table, event).warnings == [
        f"traits.{name}: expected names of at most 500 characters when it is flattened; {number} left out"
        for name, number in (("k" * 400_000, 4_000), ("a", 1))
    ]


def test_what_is_told_of_values_left_out_does_not_repeat_a_long_name_with_each() -> None:
    """Explain took two gigabytes, within the router where a dead letter was shown, by an event of half a megabyte."""
    table = Table((), (Custom("traits"),), Values(objects="flatten", lists="drop"))

    warnings = trace_of(
        table, event_of(traits={"a": {"k" * 400_000: {f"n{number}": [] for number in range(9)}}})
    ).warnings

    told = f"traits.a.{'k' * 491}.n8: a list is not sent to this vendor; left out"
    assert told in warnings
    assert {len(told), len(warnings[-1])} == set(map(len, warnings))


# --- values that are no scalars ---

NESTED = {"a": {"b": {"c": 1}, "d": [2, {"e": 3}]}, "f": [4], "g": None, "h": {}, "i": []}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (Values(), {"a": NESTED["a"], "f": [4], "h": {}, "i": []}),
        (Values(null="clear"), NESTED),
        (Values(objects="drop"), {"f": [4], "i": []}),
        (Values(lists="drop"), {"a": NESTED["a"], "h": {}}),
        (Values(objects="json"), {"a": '{"b":{"c":1},"d":[2,{"e":3}]}', "f": [4], "h": "{}", "i": []}),
        (Values(lists="json"), {"a": NESTED["a"], "f": "[4]", "h": {}, "i": "[]"}),
        (Values(objects="flatten"), {"a_b_c": 1, "a_d": [2, {"e": 3}], "f": [4], "i": []}),
        (Values(objects="flatten", lists="flatten"), {"a_b_c": 1, "a_d_0": 2, "a_d_1_e": 3, "f_0": 4}),
        (Values(objects="flatten", lists="json"), {"a_b_c": 1, "a_d": '[2,{"e":3}]', "f": "[4]", "i": "[]"}),
        (Values(objects="flatten", lists="drop"), {"a_b_c": 1}),
        (Values(objects="flatten", separator="."), {"a.b.c": 1, "a.d": [2, {"e": 3}], "f": [4], "i": []}),
    ],
    ids=str,
)
def test_objects_lists_and_nulls_are_written_as_the_vendor_takes_them(values: Values, expected: Any) -> None:
    assert apply(custom=Custom("traits"), values=values, **NESTED) == expected


@pytest.mark.parametrize(("null", "expected"), [("clear", {"n": None, "o": None}), ("drop", {})])
def test_nulls_inside_flattened_objects_follow_the_rule(null: Any, expected: Any) -> None:
    values = Values(objects="flatten", null=null)

    made = apply(Trait("name", to="n"), custom=Custom("traits"), values=values, name=None, o=None)
    inside = apply(custom=Custom("traits"), values=values, a={"b": None})

    assert made == expected
    assert inside == ({"a_b": None} if null == "clear" else {})


@pytest.mark.parametrize(
    ("traits", "expected"),
    [({}, {}), ({"timezone": None}, {"zone": None}), ({"timezone": "UTC"}, {"zone": "UTC"})],
    ids=["of the context alone", "of a trait", "beside a trait"],
)
@pytest.mark.parametrize("nothing", [None, ""], ids=["null", "an empty text"])
def test_nothing_in_the_context_clears_nothing(traits: Any, expected: Any, nothing: Any) -> None:
    """A library that does not know the time zone sends null or "": what the vendor has of the person is left alone."""
    event = event_of(traits=traits, context={"timezone": nothing, "ip": nothing, "traits": {"phone": nothing}})
    rows = (
        Field("context.ip", "ip", convert.to_ip),
        Field("context.traits.phone", "phone"),
        Field(("traits.timezone", "context.timezone"), "zone"),
    )

    assert Table(rows, values=Values(null="clear")).apply(event) == expected


ADDRESS = (
    Trait("address", to="place.whole"),
    Trait("address.city", to="city", convert=convert.to_text),
    Field(("traits.address.country", "traits.country"), to="place.country"),
    Trait("address.geo.lat", to="lat"),
    Trait("address.floor", to="place.whole.floor"),
    Trait("address.since"),
)


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({}, {}),
        (
            {"address": None},
            {"city": None, "place": {"whole": None, "country": None}, "lat": None},
        ),
        (
            {"address": None, "country": "GB", "lat": 51.5},
            {"city": None, "place": {"whole": None, "country": "GB"}, "lat": 51.5},
        ),
        ({"address": {"city": "London", "geo": None}}, {"city": "London", "lat": None}),
        ({"address": "12 Main St"}, {"place": {"whole": "12 Main St"}}),
        ({"address": {}}, {}),
    ],
    ids=["absent", "null", "beside other traits", "an object within", "a text", "empty"],
)
def test_a_null_trait_clears_what_rows_make_of_its_parts(traits: Any, expected: Any) -> None:
    """Whatever else the event tells counts more; and what goes with the whole isn't made anew to be cleared."""
    table = Table(ADDRESS, (Custom("traits"),), Values(null="clear"))

    assert table.apply(event_of(traits=traits)) == expected


def test_a_null_trait_that_clears_its_parts_is_told_as_their_source() -> None:
    rows = tuple(row for row in ADDRESS if row.source != "traits.address")
    trace = trace_of(Table(rows, values=Values(null="clear")), event_of(traits={"address": None}))

    assert [(line.source, line.to) for line in trace.lineage] == [
        ("traits.address", to) for to in ("city", "place.country", "lat", "place.whole.floor")
    ]


def test_a_null_object_clears_nothing_where_a_null_is_dropped_or_outside_of_the_traits() -> None:
    dropping = Table(ADDRESS)
    reading = Table((Field("context.page.url", "url"), Field("properties.a.b", "b")), values=Values(null="clear"))

    assert dropping.apply(event_of(traits={"address": None})) == {}
    assert reading.apply(event_of(context={"page": None}, properties={"a": None})) == {}


def test_the_rules_hold_for_mapped_values_too() -> None:
    row = Trait("company", to="org")

    assert apply(row, values=Values(objects="flatten"), company={"name": "N", "id": 9}) == {
        "org_name": "N",
        "org_id": 9,
    }


@pytest.mark.parametrize(
    ("value", "kind"), [({"a": 1}, "an object"), ([1], "a list"), (None, "null")], ids=["object", "list", "null"]
)
def test_what_is_dropped_is_told(value: Any, kind: str) -> None:
    table = Table((Trait("title", to="title"),), values=Values(objects="drop", lists="drop"))
    trace = trace_of(table, event_of(traits={"title": value}))

    assert trace.warnings == [f"traits.title: {kind} is not sent to this vendor; left out"]
    assert trace.lineage == []


def test_what_is_dropped_from_within_an_object_is_told() -> None:
    table = Table((Trait("title", to="title"),), values=Values(objects="flatten", lists="drop"))
    trace = trace_of(table, event_of(traits={"title": {"a": {"b": [1], "c": None}, "d": 1}}))

    assert trace.warnings == [
        "traits.title.a.b: a list is not sent to this vendor; left out",
        "traits.title.a.c: null is not sent to this vendor; left out",
    ]


# --- what explain is told ---


def test_lineage_says_from_where_to_where_and_how() -> None:
    table = Table(
        (Trait("createdAt", to="c", convert=convert.to_unix_seconds), Field(("context.ip", "userId"), "who.id")),
        (Custom("traits", at="more"),),
    )

    trace = trace_of(table, event_of(traits={"createdAt": "2024-08-24", "plan": "gold"}))

    assert trace.lineage == [
        Lineage("traits.plan", "more.plan"),
        Lineage("traits.createdAt", "c", "to_unix_seconds"),
        Lineage("userId", "who.id"),
    ]
    assert (trace.unmapped, trace.warnings) == ([], [])


class _Prefixed:
    def __call__(self, value: Any) -> str:
        return f"to:{value}"


@pytest.mark.parametrize(
    ("converter", "written", "name"),
    [
        pytest.param(partial(round, ndigits=1), 1.2, "round", id="partial"),
        pytest.param(_Prefixed(), "to:1.23", "_Prefixed", id="object"),
        pytest.param(convert.chain(partial(round, ndigits=1), convert.to_text), "1.2", "round, to_text", id="chain"),
        pytest.param(convert.at_most(9, _Prefixed()), "to:1.23", "_Prefixed, at_most(9)", id="at most"),
    ],
)
def test_what_can_be_called_is_a_converter_whether_or_not_it_has_a_name(
    converter: convert.Converter, written: Any, name: str
) -> None:
    """It was taken as one, and then every event of the destination became a dead letter."""
    event = event_of(traits={"score": 1.23})
    table, custom = (
        Table((Trait("score", to="score", convert=converter),)),
        Table((), (Custom("traits", convert=converter),)),
    )

    assert (table.apply(event), custom.apply(event)) == ({"score": written}, {"score": written})
    assert [line.converter for each in (table, custom) for line in trace_of(each, event).lineage] == [name, name]


def test_what_no_row_and_no_custom_takes_is_unmapped() -> None:
    trace = trace_of(Table(same_name("email")), event_of(traits={"email": "e", "plan": 1}, properties={"a": 1}))

    assert trace.unmapped == ["traits.plan", "properties.a"]


@pytest.mark.parametrize(
    ("rows", "traits", "unmapped"),
    [
        pytest.param((Trait("age", note="no field"),), {"age": 36}, ["traits.age"], id="a row that sends nothing"),
        pytest.param(
            (Trait("age", note="in `name`", is_within=True),), {"age": 36}, [], id="what another row's value holds"
        ),
        pytest.param((Trait("age", note="no field"),), {"age": None}, [], id="of a null"),
        pytest.param((Trait("age", note="no field"),), {}, [], id="of what isn't there"),
        pytest.param(
            (Trait("age", note="no field"), Trait("age", to="age")), {"age": 36}, [], id="beside one that does"
        ),
        pytest.param(
            (Trait("address", note="no field"), Trait("address.city", to="city")),
            {"address": {"city": "Porto", "street": "1 Main St"}},
            ["traits.address.street"],
            id="with more than its parts",
        ),
        pytest.param(
            (Trait("address", note="no field"), Trait("address.city", to="city")),
            {"address": {"city": "Porto"}},
            [],
            id="with its parts alone",
        ),
    ],
)
def test_what_a_row_sends_nowhere_is_unmapped(
    rows: tuple[Field, ...], traits: dict[str, Any], unmapped: list[str]
) -> None:
    """A plugin says of a reserved trait that its vendor has no place for it; explain has to say so of the event."""
    assert trace_of(Table(rows, (Custom("traits"),)), event_of(traits=traits)).unmapped == unmapped


def test_what_is_no_trait_and_no_property_is_not_told_of_where_a_row_sends_it_nowhere() -> None:
    table = Table((Field("userId", note="in the path"), Field("context.traits.age", note="no field")))
    event = event_of(context={"traits": {"age": 36}})

    assert trace_of(table, event).unmapped == ["context.traits.age"]


def test_a_row_for_all_traits_leaves_nothing_unmapped() -> None:
    table = Table((Field("traits", "person"), Field("properties", "about")))
    event = event_of(traits={"email": "e", "plan": 1}, properties={"a": 1})

    assert table.apply(event) == {"person": {"email": "e", "plan": 1}, "about": {"a": 1}}
    assert trace_of(table, event).unmapped == []


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(
    st.sampled_from(["email", "address", "createdAt", "company", "a.b", ""]) | st.text(), JSON, max_size=5
)
RULES = st.sampled_from(["keep", "flatten", "json", "drop"])
ROWS = (
    Trait("email", to="email", convert=convert.to_lower),
    Trait("createdAt", to="at.created", convert=convert.to_unix_seconds),
    *PARTS,
    WHOLE,
    Trait("company.name", to="company"),
    Field(("context.traits.email", "userId"), "who"),
)


@given(
    traits=OBJECTS,
    properties=OBJECTS,
    context=OBJECTS,
    objects=RULES,
    lists=RULES,
    null=st.sampled_from(["clear", "drop"]),
)
def test_any_event_is_mapped_without_an_exception_and_stays_as_it_is(
    traits: dict[str, Any], properties: dict[str, Any], context: dict[str, Any], objects: Any, lists: Any, null: Any
) -> None:
    custom = (Custom("traits"), Custom("properties", at="about", forbidden=frozenset({"a_b"})))
    table = Table(ROWS, custom, Values(objects, lists, null))
    event = event_of(traits=traits, properties=properties, context=context)
    before = copy.deepcopy(event.document)

    first, traced = table.apply(event), table.apply(event, Trace())

    assert first == traced
    assert event.document == before
