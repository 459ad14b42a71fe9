"""Track, page and screen calls."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.mixpanel.events import RESERVED_PROPERTIES
from plugins.mixpanel.sandbox_rules import check_event
from tests.plugins.mixpanel.samples import (
    DEVICE,
    MILLIS,
    body_of,
    make_event,
    make_settings,
    map_event,
    payloads_of,
    trace_of,
)
from tests.plugins.mixpanel.test_mapping import json_values

BASE = {"time": MILLIS, "distinct_id": "u-17", "$user_id": "u-17", "$insert_id": "m-1", "ip": 0}


def track(**fields: Any) -> Any:
    event = make_event("track", event="Order Completed", userId="u-17", **fields)
    return body_of(event, "track event")["properties"]


def test_the_name_of_an_event_has_no_blanks_around_it() -> None:
    assert body_of(make_event("track", event=" Signed Up ", userId="u-17"), "track event")["event"] == "Signed Up"


PRODUCTS = [{"product_id": f"p-{number:03}", "name": "x" * 80} for number in range(100)]
DEEP = {"a": {"b": {"c": {"d": 1}}}}


@pytest.mark.parametrize(
    ("properties", "kept", "note"),
    [
        pytest.param({"a": {"b": {"c": 1}}, "n": 1}, {"a": {"b": {"c": 1}}, "n": 1}, "", id="three levels"),
        pytest.param({"a": DEEP, "n": 1}, {"n": 1}, "deeper or larger", id="four levels"),
        pytest.param({"a": [[{"b": [{"c": [1]}]}]]}, {"a": [[{"b": [{"c": [1]}]}]]}, "", id="lists are no levels"),
        pytest.param({"a": [DEEP], "n": 1}, {"n": 1}, "deeper or larger", id="four levels in a list"),
        pytest.param({"a": {str(n): n for n in range(255)}, "n": 1}, {"n": 1}, "deeper or larger", id="255 keys"),
        pytest.param({"a": {"b": "x" * 9_000}, "n": 1}, {"n": 1}, "deeper or larger", id="8 KB of an object"),
        pytest.param({"a": ["x" * 9_000], "n": 1}, {"n": 1}, "deeper or larger", id="8 KB of an item"),
        pytest.param({"a": list(range(300))}, {"a": list(range(254))}, "the last items", id="255 items"),
        pytest.param({"products": PRODUCTS}, {"products": PRODUCTS[:70]}, "the last items", id="8 KB of products"),
        pytest.param({"a": ["x" * 30] * 254}, {"a": ["x" * 30] * 242}, "the last items", id="8 KB of texts"),
        pytest.param({"a": "x" * 9_000}, {"a": "x" * 9_000}, "", id="a text, which Mixpanel cuts"),
    ],
)
def test_one_object_or_list_never_costs_the_event(properties: Any, kept: Any, note: str) -> None:
    event = make_event("track", event="E", userId="u-17", properties=properties)
    [payload] = payloads_of(event, "track event")

    assert payload.body["properties"] == {**BASE, **kept}
    assert check_event(payload.body, MILLIS / 1_000) is None
    assert [note in told for told in payload.notes] == ([True] if note else [])


def test_of_too_many_properties_mixpanel_s_own_stay() -> None:
    properties = {f"k{number}": number for number in range(300)}
    event = make_event("page", userId="u-17", name="Home", properties=properties, context={"locale": "en-GB"})
    [payload] = payloads_of(event, "track page")

    assert check_event(payload.body, MILLIS / 1_000) is None
    assert payload.body["properties"].items() >= {**BASE, "$locale": "en-GB", "name": "Home", "k299": 299}.items()
    assert "more than 252 properties; left out: k0, k1" in payload.notes[0]


CONTEXT = [
    ({"ip": "203.0.113.9"}, {"ip": "203.0.113.9"}),
    ({"ip": "2001:db8::1"}, {"ip": "2001:db8::1"}),
    ({"ip": "203.0.113.9, 198.51.100.1"}, {"ip": 0}),
    (
        {"campaign": {"source": "news", "medium": "mail", "name": "may", "term": "t", "content": "c"}},
        {"utm_source": "news", "utm_medium": "mail", "utm_campaign": "may", "utm_term": "t", "utm_content": "c"},
    ),
    (
        {"page": {"url": "https://shop.example.test/done", "referrer": "https://www.example.test/a?b"}},
        {
            "$current_url": "https://shop.example.test/done",
            "$referrer": "https://www.example.test/a?b",
            "$referring_domain": "www.example.test",
        },
    ),
    ({"page": {"referrer": ""}, "os": {"name": ""}}, {}),
    ({"os": {"name": "iOS", "version": "17"}}, {"$os": "iOS", "$os_version": "17"}),
    (
        {"device": {"manufacturer": "Acme", "model": "A1", "name": "Ada's"}},
        {"$manufacturer": "Acme", "$model": "A1", "$device": "Ada's"},
    ),
    (
        {"app": {"version": "1.2", "build": "7", "name": "Shop", "namespace": "test.shop"}},
        {"$app_version_string": "1.2", "$app_build_number": "7", "$app_name": "Shop", "$app_namespace": "test.shop"},
    ),
    (
        {"screen": {"width": 320, "height": 568, "density": 2}},
        {"$screen_width": 320, "$screen_height": 568, "$screen_dpi": 2},
    ),
    (
        {"network": {"carrier": "Acme", "wifi": True, "bluetooth": False}},
        {"$carrier": "Acme", "$wifi": True, "$bluetooth_enabled": False},
    ),
    ({"library": {"name": "a.js", "version": "3"}}, {"mp_lib": "a.js", "$lib_version": "3"}),
    ({"locale": "en-GB", "timezone": "Europe/London"}, {"$locale": "en-GB", "timezone": "Europe/London"}),
    ({"groupId": "acme-1"}, {"$group_id": ["acme-1"]}),
    ({"userAgent": "Mozilla/5.0"}, {}),
]


@pytest.mark.parametrize(("context", "expected"), CONTEXT, ids=[str(row[0])[:40] for row in CONTEXT])
def test_the_context_becomes_mixpanel_s_own_properties(context: dict[str, Any], expected: dict[str, Any]) -> None:
    assert track(context=context) == {**BASE, **expected}


@pytest.mark.parametrize(
    "name",
    sorted(RESERVED_PROPERTIES | {"mp_country_code", "mp_lib", "$mp_anything"}),
)
def test_a_property_of_a_reserved_name_is_left_out_and_reported(name: str) -> None:
    event = make_event("track", event="Bid", userId="u-17", properties={name: "x", "kept": 1})

    assert body_of(event, "track event")["properties"] == {**BASE, "kept": 1}
    assert trace_of(event, "track event").unmapped == [f"properties.{name}"]


def test_properties_of_any_shape_are_kept_but_a_null_is_not() -> None:
    properties = {"revenue": 42.5, "products": [{"sku": "a", "price": 1}], "size": {"w": 1}, "note": "", "gone": None}

    assert track(properties=properties) == {
        **BASE,
        "revenue": 42.5,
        "products": [{"sku": "a", "price": 1}],
        "size": {"w": 1},
        "note": "",
    }


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        pytest.param({"userId": "u-17"}, {"distinct_id": "u-17", "$user_id": "u-17"}, id="user"),
        pytest.param(
            {"anonymousId": DEVICE}, {"distinct_id": f"$device:{DEVICE}", "$device_id": DEVICE}, id="anonymous"
        ),
        pytest.param(
            {"userId": "u-17", "anonymousId": DEVICE},
            {"distinct_id": "u-17", "$user_id": "u-17", "$device_id": DEVICE},
            id="both",
        ),
        pytest.param(
            {"userId": "undefined", "anonymousId": DEVICE},
            {"distinct_id": f"$device:{DEVICE}", "$device_id": DEVICE},
            id="forbidden user",
        ),
        pytest.param({"userId": "None", "anonymousId": "anon"}, {"distinct_id": ""}, id="nobody"),
    ],
)
def test_simplified_id_merge_gets_both_ids(ids: dict[str, str], expected: dict[str, str]) -> None:
    body = body_of(make_event("track", event="E", **ids), "track event")

    assert body["properties"] == {"time": MILLIS, "$insert_id": "m-1", "ip": 0, **expected}


@pytest.mark.parametrize(
    ("ids", "distinct_id"),
    [
        pytest.param({"userId": "u-17"}, "u-17", id="user"),
        pytest.param({"anonymousId": DEVICE}, DEVICE, id="anonymous"),
        pytest.param({"userId": "u-17", "anonymousId": DEVICE}, "u-17", id="both"),
        pytest.param({"userId": "undefined", "anonymousId": DEVICE}, DEVICE, id="forbidden user"),
        pytest.param({"userId": "null"}, "", id="nobody"),
    ],
)
def test_original_id_merge_gets_one_id(ids: dict[str, str], distinct_id: str) -> None:
    body = body_of(make_event("track", event="E", **ids), "track event", make_settings(id_merge="original"))

    assert body["properties"] == {"time": MILLIS, "$insert_id": "m-1", "ip": 0, "distinct_id": distinct_id}


@pytest.mark.parametrize(
    ("properties", "context", "expected"),
    [
        pytest.param({}, {"groupId": "acme-1"}, {"company_id": ["acme-1"]}, id="the context's group, first key"),
        pytest.param({"company_id": 7}, {"groupId": "acme-1"}, {"company_id": ["7"]}, id="the property wins"),
        pytest.param({"team_id": ["a", "b"]}, {}, {"team_id": ["a", "b"]}, id="several groups of another key"),
        pytest.param({"team_id": ["a", "null", {}]}, {}, {"team_id": ["a"]}, id="what is no id is left out"),
        pytest.param({"team_id": True}, {}, {}, id="no id at all"),
    ],
)
def test_an_event_counts_for_its_groups(
    properties: dict[str, Any], context: dict[str, Any], expected: dict[str, Any]
) -> None:
    event = make_event("track", event="E", userId="u-17", properties=properties, context=context)

    body = body_of(event, "track event", make_settings(group_keys=["company_id", "team_id"]))

    assert body["properties"] == {**BASE, **expected}


@pytest.mark.parametrize(
    ("template", "call", "expected"),
    [
        pytest.param("Loaded a Page", {"name": "Home", "category": "Docs"}, "Loaded a Page", id="one name for all"),
        pytest.param("Viewed {category} {name} Page", {"name": "Home"}, "Viewed Home Page", id="no category, no gap"),
        pytest.param(
            "Viewed {category} {name} Page", {"name": " Home ", "category": "Docs"}, "Viewed Docs Home Page", id="both"
        ),
        pytest.param("Viewed {name}", {}, "Loaded a {}", id="no name, no trailing blank"),
        pytest.param("Viewed {name}", {"name": "  "}, "Loaded a {}", id="a blank name"),
        pytest.param("Viewed {category} {name} Page", {"category": "Docs"}, "Loaded a {}", id="only a category"),
        pytest.param("Viewed {category}", {"category": "Docs"}, "Viewed Docs", id="template of the category"),
        pytest.param("Viewed {name}", {"properties": {"name": "Home"}}, "Viewed Home", id="the name in the properties"),
        pytest.param("Viewed {name}", {"name": "{category}"}, "Viewed {{category}}", id="braces in a name"),
    ],
)
@pytest.mark.parametrize("call_type", ["page", "screen"])
def test_pages_and_screens_get_the_name_the_operator_chose(
    call_type: str, template: str, call: dict[str, Any], expected: str
) -> None:
    event = make_event(call_type, userId="u-17", **call)

    body = body_of(event, f"track {call_type}", make_settings(**{f"{call_type}_event": template}))

    assert body["event"] == expected.format(call_type.capitalize())


def test_a_page_has_its_name_category_and_address_as_properties() -> None:
    event = make_event(
        "page", userId="u-17", name="Home", category="Docs", properties={"url": "https://example.test/", "title": "Hi"}
    )

    assert body_of(event, "track page") == {
        "event": "Loaded a Page",
        "properties": {
            **BASE,
            "name": "Home",
            "category": "Docs",
            "url": "https://example.test/",
            "$current_url": "https://example.test/",
            "title": "Hi",
        },
    }


def test_a_category_of_the_callers_own_is_kept_beside_an_empty_one() -> None:
    """Segment's Kotlin library sends ``category: ""`` with every screen that has none."""
    event = make_event("screen", userId="u-17", name="Product", category="", properties={"category": "Shoes"})

    assert body_of(event, "track screen")["properties"]["category"] == "Shoes"


def test_a_server_s_page_call_tells_where_the_visitor_came_from() -> None:
    """It has no context.page, and Mixpanel's reports of origins read its own properties."""
    event = make_event("page", userId="u-17", properties={"referrer": "https://search.example.test/?q=a"})

    properties = body_of(event, "track page")["properties"]

    assert properties["$referrer"] == properties["referrer"] == "https://search.example.test/?q=a"
    assert properties["$referring_domain"] == "search.example.test"


def test_the_address_in_the_context_is_the_page_s_own() -> None:
    event = make_event(
        "page", userId="u-17", properties={"url": "/a"}, context={"page": {"url": "https://example.test/a"}}
    )

    properties = body_of(event, "track page")["properties"]

    assert [properties["$current_url"], properties["url"]] == ["https://example.test/a", "/a"]


@given(
    st.sampled_from(["track", "page", "screen"]),
    st.dictionaries(st.sampled_from(["name", "category", "url", "time", "mp_x", "$group_id"]) | st.text(), json_values),
    st.dictionaries(st.sampled_from(["ip", "page", "campaign", "os", "groupId", "app", "device"]), json_values),
    st.sampled_from(["simplified", "original"]),
)
def test_any_event_maps_without_an_exception_and_always_alike(
    call: str, properties: dict[str, Any], context: dict[str, Any], id_merge: str
) -> None:
    event = make_event(call, event="E", userId="u-17", properties=properties, context=context)
    settings = make_settings(id_merge=id_merge)

    [made] = map_event(event, settings).values()

    assert isinstance(made, list)
    assert made == map_event(event, settings)[f"track {call}" if call != "track" else "track event"]
    assert made[0]["event"] == made[0]["event"].strip()
    assert [made[0]["properties"][name] for name in ("time", "distinct_id", "$insert_id")] == [MILLIS, "u-17", "m-1"]
