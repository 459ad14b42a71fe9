"""Changes of an event: what each makes of it, that the event itself stays, and what lineage says of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pytest

from router.actions import Allow, Change, Constant, Drop, DropCustom, Fill, Hash, Rename, Template
from router.actions.draft import Draft
from router.event import Document, Event
from router.plugin import Custom, Field, Table, Trait, convert
from router.plugin.trace import Trace
from tests.events import event


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


TRAITS = {
    "email": "Ada@Example.com",
    "plan_name": "pro",
    "phone": "+1 (415) 555-0123",
    "address": {"city": "Paris", "zone": 7},
}
PROPERTIES = {
    "orderId": 7,
    "other": 8,
    "secret": "s",
    "emails": ["A@x.io", "b@x.io"],
    "products": [{"sku": "s1", "price": 1}, {"sku": "s2", "price": 2}],
    "a.b": 1,
}


def call(**fields: Any) -> Event:
    given = {"type": "track", "userId": "u1", "event": "Order Completed", "properties": deepcopy(PROPERTIES)}
    return event(
        **{**given, "traits": deepcopy(TRAITS), "context": {"ip": "192.0.2.1", "traits": {"vip": True}}, **fields}
    )


def changed(changes: Sequence[Change], before: Event | None = None) -> tuple[Document, list[str]]:
    """What became of the event, as the fields that are not as they were, and the notes."""
    before = before or call()
    draft = Draft(before, {})
    for change in changes:
        change.apply(draft)
    after = draft.finish().document
    return _differences(before.document, after), list(draft.notes or ())


def _differences(before: Document, after: Document, at: str = "") -> Document:
    found: Document = {}
    for key in {**before, **after}:
        old, new = before.get(key, "absent"), after.get(key, "absent")
        if isinstance(old, dict) and isinstance(new, dict):
            found |= _differences(old, new, f"{at}{key}.")
        elif old != new:
            found[at + key] = new
    return found


RENAME = Rename({("properties", "orderId"): ("properties", "order_id")})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param([RENAME], {"properties.orderId": "absent", "properties.order_id": 7}, id="rename"),
        pytest.param(
            [Rename({("traits", "plan_name"): ("traits", "company", "plan")})],
            {"traits.plan_name": "absent", "traits.company": {"plan": "pro"}},
            id="rename-into-an-object",
        ),
        pytest.param(
            [
                Rename(
                    {
                        ("properties", "orderId"): ("properties", "other"),
                        ("properties", "other"): ("properties", "orderId"),
                    }
                )
            ],
            {"properties.orderId": 8, "properties.other": 7},
            id="rename-two-change-places",
        ),
        pytest.param(
            [Rename({("properties", "orderId"): ("properties", "secret")})],
            {"properties.orderId": "absent", "properties.secret": 7},
            id="rename-replaces",
        ),
        pytest.param([Rename({("properties", "nope"): ("properties", "secret")})], {}, id="rename-of-nothing"),
        pytest.param(
            [Constant({("properties", "a", "b"): 2}), Rename({("properties", "a", "b"): ("properties", "c")})],
            {"properties.a": {}, "properties.c": 2},
            id="rename-leaves-a-key-with-a-dot-that-it-does-not-take",
        ),
        pytest.param(
            [Constant({("properties", "a"): [{"b": 2}]}), Rename({("properties", "a", "b"): ("properties", "c")})],
            {"properties.a": [{"b": 2}], "properties.a.b": "absent", "properties.c": 1},
            id="rename-leaves-what-is-in-a-list",
        ),
        pytest.param(
            [Rename({("properties", "orderId"): ("userId",)})],
            {"properties.orderId": "absent", "userId": "7"},
            id="rename-to-an-id-is-text",
        ),
        pytest.param(
            [Rename({("properties", "products"): ("userId",)})],
            {"properties.products": "absent"},
            id="rename-of-an-object-to-an-id",
        ),
        pytest.param([Drop((("properties", "secret"),))], {"properties.secret": "absent"}, id="drop"),
        pytest.param([Drop((("traits",),))], {"traits": "absent"}, id="drop-an-object"),
        pytest.param([Drop((("properties", "a", "b"),))], {"properties.a.b": "absent"}, id="drop-a-key-with-a-dot"),
        pytest.param(
            [Drop((("properties", "products", "price"),))],
            {"properties.products": [{"sku": "s1"}, {"sku": "s2"}]},
            id="drop-in-a-list",
        ),
        pytest.param([Hash((("traits", "email"),))], {"traits.email": sha256("ada@example.com")}, id="hash"),
        pytest.param(
            [Hash((("traits", "email"),)), Hash((("traits", "email"),))],
            {"traits.email": sha256("ada@example.com")},
            id="hash-once",
        ),
        pytest.param([Hash((("traits", "phone"),))], {"traits.phone": sha256("+14155550123")}, id="hash-a-phone"),
        pytest.param(
            [
                Rename({("traits", "phone"): ("properties", "homePhone")}),
                Drop((("traits", "phone"),)),
                Hash((("properties", "homePhone"),)),
            ],
            {"traits.phone": "absent", "properties.homePhone": sha256("+14155550123")},
            id="hash-a-phone-of-another-name",
        ),
        pytest.param([Hash((("properties", "orderId"),))], {"properties.orderId": sha256("7")}, id="hash-a-number"),
        pytest.param(
            [Hash((("properties", "emails"),))],
            {"properties.emails": [sha256("a@x.io"), sha256("b@x.io")]},
            id="hash-a-list",
        ),
        pytest.param([Hash((("traits", "address"),))], {"traits.address": "absent"}, id="hash-of-an-object-is-none"),
        pytest.param([Hash((("userId",),))], {"userId": sha256("u1")}, id="hash-an-id"),
        pytest.param(
            [Constant({("properties", "channel"): "web", ("context", "app", "name"): {"x": [1]}})],
            {"properties.channel": "web", "context.app": {"name": {"x": [1]}}},
            id="set",
        ),
        pytest.param([Constant({("traits", "email"): None})], {"traits.email": None}, id="set-null"),
        pytest.param([Constant({("event",): "Purchase"})], {"event": "Purchase"}, id="set-the-name"),
        pytest.param([Constant({("event",): ""})], {}, id="set-a-blank-name"),
        pytest.param(
            [Fill({("properties", "title"): Template("{traits.plan_name}: {event}")})],
            {"properties.title": "pro: Order Completed"},
            id="template",
        ),
        pytest.param(
            [Fill({("properties", "copy"): Template("{properties.orderId}")})],
            {"properties.copy": 7},
            id="template-copies",
        ),
        pytest.param([Fill({("event",): Template("{properties.nope}")})], {}, id="template-without-its-field"),
        pytest.param(
            [Allow(traits=(("email",), ("address", "city")))],
            {
                "traits.plan_name": "absent",
                "traits.phone": "absent",
                "traits.address.zone": "absent",
                "context.traits.vip": "absent",
            },
            id="allow-traits",
        ),
        pytest.param(
            [Allow(properties=(("products", "sku"), ("emails",)))],
            {
                **dict.fromkeys((f"properties.{key}" for key in ("orderId", "other", "secret", "a.b")), "absent"),
                "properties.products": [{"sku": "s1"}, {"sku": "s2"}],
            },
            id="allow-properties",
        ),
        pytest.param(
            [Allow(properties=(("emails", "x"), ("a",)))],
            dict.fromkeys((f"properties.{key}" for key in PROPERTIES), "absent"),
            id="allow-no-list-of-texts",
        ),
        pytest.param([Allow(context=(("ip",),))], {"context.traits": "absent"}, id="allow-context"),
        pytest.param(
            [Allow(traits=())],
            {f"traits.{key}": "absent" for key in TRAITS} | {"context.traits.vip": "absent"},
            id="allow-none",
        ),
        pytest.param([DropCustom(frozenset({"plan_name"}))], {"context.traits.vip": "absent"}, id="custom"),
        pytest.param(
            [RENAME, Hash((("properties", "order_id"),)), Drop((("properties", "orderId"),))],
            {"properties.orderId": "absent", "properties.order_id": sha256("7")},
            id="in-their-order",
        ),
    ],
)
def test_a_change_changes_this_and_nothing_else(changes: list[Change], expected: Document) -> None:
    assert changed(changes)[0] == expected


def test_the_event_itself_is_never_changed() -> None:
    before = call()
    kept = deepcopy(before.document)
    everything: list[Change] = [
        RENAME,
        Drop((("properties", "products", "price"), ("traits", "address", "city"))),
        Hash((("properties", "emails"), ("traits", "email"))),
        Constant({("context", "traits", "vip"): False}),
        Allow(traits=(("email",),)),
    ]

    changed(everything, before)

    assert before.document == kept


@pytest.mark.parametrize(
    ("other", "is_equal"),
    [
        pytest.param(Rename({("properties", "orderId"): ("properties", "order_id")}), True, id="the same"),
        pytest.param(Rename({("properties", "orderId"): ("properties", "id")}), False, id="another name"),
        pytest.param(Drop((("properties", "orderId"),)), False, id="another change"),
    ],
)
def test_changes_are_equal_when_they_do_the_same(other: Change, is_equal: bool) -> None:
    """By that a reload finds what has changed."""
    assert (other == RENAME) is is_equal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({("traits", "a"): 1}, {("traits", "a"): True}, id="which Python takes for equal"),
        pytest.param(
            {("traits", "a"): 1, ("traits", "a", "b"): 2}, {("traits", "a", "b"): 2, ("traits", "a"): 1}, id="the order"
        ),
    ],
)
def test_constants_that_are_written_otherwise_are_not_equal(one: Any, other: Any) -> None:
    assert one == other
    assert Constant(one) != Constant(other)


def test_an_event_that_no_change_meets_is_not_copied() -> None:
    before = event(type="page", userId="u1", name="Home")
    draft = Draft(before)

    for change in (RENAME, Drop((("context", "ip"),)), Hash((("traits", "email"),)), Allow(traits=()), DropCustom()):
        change.apply(draft)

    assert draft.finish() is before


def test_a_groups_own_reserved_traits_are_not_custom() -> None:
    before = event(type="group", userId="u1", groupId="g1", traits={"employees": 5, "age": 3, "mood": "good"})

    assert changed([DropCustom()], before)[0] == {"traits.age": "absent", "traits.mood": "absent"}


def test_a_trait_that_the_table_names_is_not_custom() -> None:
    table = Table((Trait("mood", to="mood"), Field(("traits.a", "context.b"), to="a")))

    assert DropCustom().for_table(table).named == {"mood", "a"}


def test_the_notes_say_what_was_done_and_show_no_value() -> None:
    _, notes = changed(
        [
            RENAME,
            Drop((("properties", "products", "price"),)),
            Hash((("traits", "email"), ("traits", "address"))),
            Constant({("properties", "channel"): "web"}),
            Fill({("properties", "x"): Template("{properties.nope}"), ("properties", "y"): Template("{event}")}),
            Allow(traits=(("email",),)),
            DropCustom(),
        ]
    )

    assert notes == [
        "rename: properties.orderId to properties.order_id",
        "drop: properties.products.price",
        "hash: traits.email",
        "hash: traits.address has no hash (blank, or no single value); left out",
        "set: properties.channel",
        "template: properties.nope is absent, so properties.x is left as it is",
        "template: properties.y",
        "allow: traits.plan_name is not on the list; left out",
        "allow: traits.phone is not on the list; left out",
        "allow: context.traits.vip is not on the list; left out",
    ]


def test_a_constant_that_a_field_does_not_take_is_not_told_as_set() -> None:
    differences, notes = changed([Constant({("event",): " ", ("userId",): [1]})])

    assert differences == {}
    assert notes == [
        "set: event must be text, and the constant is none; left as it is",
        "set: userId must be text, and the constant is none; left as it is",
    ]


TABLE = Table(
    (
        Trait("email", to="$email", convert=convert.to_text),
        Trait("address", to="address"),
        Field("event", to="name"),
        Field("properties.total", to="amount", convert=convert.to_cents),
    ),
    custom=(Custom("properties", at="properties"),),
)


def lineage(changes: Sequence[Change], before: Event | None = None) -> list[tuple[str, str, str]]:
    draft, trace = Draft(before or call(), {}), Trace()
    for change in changes:
        change.apply(draft)
    TABLE.apply(draft.finish(), trace)
    draft.retrace(trace)
    return [(line.source, line.to, line.converter) for line in trace.lineage]


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        pytest.param([], [("traits.email", "$email", "to_text"), ("event", "name", "")], id="none"),
        pytest.param([RENAME], [("properties.orderId", "properties.order_id", "")], id="rename"),
        pytest.param(
            [Rename({("properties", "orderId"): ("properties", "total")})],
            [("properties.orderId", "amount", "to_cents")],
            id="rename-to-a-row",
        ),
        pytest.param([Hash((("traits", "email"),))], [("traits.email", "$email", "to_sha256, to_text")], id="hash"),
        pytest.param(
            [Hash((("properties", "secret"),)), Rename({("properties", "secret"): ("traits", "email")})],
            [("properties.secret", "$email", "to_sha256, to_text")],
            id="hash-then-rename",
        ),
        pytest.param(
            [Rename({("properties", "secret"): ("traits", "email")}), Hash((("traits", "email"),))],
            [("properties.secret", "$email", "to_sha256, to_text")],
            id="rename-then-hash",
        ),
        pytest.param(
            [Hash((("traits", "address", "city"),))],
            [("traits.address", "address", ""), ("traits.address.city", "address.city", "to_sha256")],
            id="a-part-of-a-row",
        ),
        pytest.param(
            [Hash((("traits", "address", "city"),)), Rename({("traits", "address"): ("properties", "place")})],
            [
                ("traits.address", "properties.place", ""),
                ("traits.address.city", "properties.place.city", "to_sha256"),
            ],
            id="a-part-of-what-is-renamed",
        ),
        pytest.param([Constant({("event",): "x"})], [("(constant)", "name", "")], id="constant"),
        pytest.param(
            [Fill({("event",): Template("{traits.plan_name} {properties.orderId}")})],
            [("traits.plan_name", "name", "template"), ("properties.orderId", "name", "template")],
            id="template-of-two",
        ),
        pytest.param(
            [Fill({("event",): Template("{traits.nope:-a} {properties.orderId}")})],
            [("properties.orderId", "name", "template")],
            id="template-without-a-field-that-is-absent",
        ),
        pytest.param(
            [Fill({("event",): Template("{traits.nope:-a}")})],
            [("(constant)", "name", "template")],
            id="template-of-its-default",
        ),
        pytest.param(
            [RENAME, Hash((("properties", "order_id"),)), Fill({("event",): Template("{properties.order_id}!")})],
            [
                ("properties.orderId", "name", "to_sha256, template"),
                ("properties.orderId", "properties.order_id", "to_sha256"),
            ],
            id="template-of-what-was-changed",
        ),
        pytest.param(
            [Hash((("properties", "emails"),))], [("properties.emails", "properties.emails", "to_sha256")], id="list"
        ),
        pytest.param(
            [Hash((("traits", "email"),)), Constant({("traits", "email"): "x"})],
            [("(constant)", "$email", "to_text")],
            id="what-was-replaced-is-forgotten",
        ),
        pytest.param(
            [
                Rename({("properties", "secret"): ("traits", "address", "city")}),
                Drop((("traits", "address", "city"),)),
            ],
            [("traits.address", "address", "")],
            id="what-was-dropped-is-forgotten",
        ),
    ],
)
def test_lineage_speaks_of_the_event_as_it_arrived(changes: list[Change], lines: list[tuple[str, str, str]]) -> None:
    assert set(lines) <= set(lineage(changes)) <= {*lines, *lineage([])}


def test_what_nothing_maps_is_named_as_it_arrived() -> None:
    draft, trace = Draft(call(), {}), Trace()
    Rename({("properties", "orderId"): ("traits", "order")}).apply(draft)

    TABLE.apply(draft.finish(), trace)
    draft.retrace(trace)

    assert "properties.orderId" in trace.unmapped
    assert "traits.order" not in trace.unmapped
