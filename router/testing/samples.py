"""Sample events for plugin tests: one of each call, and every odd shape of real traffic. For outside authors too.

All of them have gone through `router.normalise`, so they are just what a plugin gets from the gateway.

Sources: facts/event-spec.md section 4 (the calls and, at its end, the shape traps) and section 5 (context).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from router.event import Document, Event
from router.normalise import normalise

RECEIVED_AT: Final = datetime(2026, 3, 4, 10, 20, 31, tzinfo=UTC)
TIMESTAMP: Final = "2026-03-04T10:20:30.123Z"

PERSON: Final[Mapping[str, Any]] = {
    "address": {"street": "12 Main St", "city": "London", "state": "LDN", "postalCode": "N1 9GU", "country": "GB"},
    "age": 36,
    "avatar": "https://example.test/ada.png",
    "birthday": "1990-12-10",
    "company": {"name": "Engine Ltd", "id": "c9", "industry": "Engines", "employee_count": 40, "plan": "gold"},
    "createdAt": "2024-08-24T14:15:22Z",
    "description": "Writes programs",
    "email": "ada.lovelace@example.test",
    "firstName": "Ada",
    "gender": "female",
    "id": "u-17",
    "lastName": "Lovelace",
    "name": "Ada Lovelace",
    "phone": "+442079460000",
    "title": "Countess",
    "username": "ada",
    "website": "https://example.test/ada",
}
"""Every reserved trait of a person."""

COMPANY: Final[Mapping[str, Any]] = {
    "address": {"street": "1 Mill Lane", "city": "Leeds", "state": "WYK", "postalCode": "LS1", "country": "GB"},
    "avatar": "https://example.test/engine.png",
    "createdAt": "2020-01-02",
    "description": "Makes engines",
    "email": "office@example.test",
    "employees": "40",
    "id": "c9",
    "industry": "Engines",
    "name": "Engine Ltd",
    "phone": "+441132460000",
    "plan": "gold",
    "website": "https://engine.example.test",
}
"""Every reserved trait of a group."""

CONTEXT: Final[Mapping[str, Any]] = {
    "active": True,
    "app": {"name": "Shop", "version": "1.2.3", "build": "45", "namespace": "test.example.shop"},
    "campaign": {"name": "spring", "source": "newsletter", "medium": "email", "term": "a", "content": "b"},
    "device": {"id": "d-1", "manufacturer": "Acme", "model": "A1", "name": "phone", "type": "ios", "token": "push-1"},
    "externalIds": [{"id": "x-1", "type": "crm", "collection": "users", "encoding": "none"}],
    "groupId": "c9",
    "ip": "203.0.113.7",
    "library": {"name": "example", "version": "1.0.0"},
    "locale": "en-GB",
    "location": {"city": "London", "country": "GB", "latitude": 51.5, "longitude": -0.12},
    "network": {"bluetooth": False, "carrier": "T", "cellular": True, "wifi": False},
    "os": {"name": "iOS", "version": "19.1"},
    "page": {
        "path": "/pricing",
        "referrer": "https://example.test/",
        "search": "?a=1",
        "title": "Pricing",
        "url": "https://example.test/pricing?a=1",
    },
    "screen": {"density": 2, "height": 800, "width": 600},
    "timezone": "Europe/London",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
}

ORDER: Final[Mapping[str, Any]] = {
    "order_id": "o-1",
    "revenue": 19.99,
    "currency": "EUR",
    "coupon": None,
    "note": "",
    "products": [{"product_id": "p-1", "price": 9.99, "quantity": 2}, {"product_id": "p-2", "price": 0.01}],
    "shipping": {"city": "London", "method": {"name": "post"}},
}


def make_event(call: str, **fields: Any) -> Event:
    """The event of one call, as the gateway makes it. *fields* are the call's, by their camelCase names."""
    raw = {"type": call, "messageId": "m-1", "timestamp": TIMESTAMP, **fields}
    return normalise(raw, received_at=RECEIVED_AT, new_id=lambda: "made").event


_USER: Final[Document] = {"userId": "u-17", "anonymousId": "anon-5"}

WELL_MADE: Final[Mapping[str, Event]] = {
    "identify": make_event("identify", **_USER, traits={**PERSON, "plan": "gold", "logins": 3}, context=CONTEXT),
    "track": make_event("track", **_USER, event="Order Completed", properties=ORDER, context=CONTEXT),
    "page": make_event(
        "page", **_USER, name="Pricing", category="Shop", properties={"keywords": ["a", "b"]}, context=CONTEXT
    ),
    "screen": make_event("screen", **_USER, name="Home", properties={"tab": 2}, context=CONTEXT),
    "group": make_event("group", **_USER, groupId="c9", traits={**COMPANY, "tier": 1}, context=CONTEXT),
    "alias": make_event("alias", userId="u-17", previousId="u-16"),
}
"""One event of each call, as in the spec, by a person known by a ``userId``."""

_SNAKE_PERSON: Final[Document] = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "created_at": 1724508922,
    "address": {"postal_code": "N1", "city": "London"},
    "company": {"name": "Engine Ltd", "employeeCount": 40},
}


def _identify(**traits: Any) -> Event:
    return make_event("identify", userId="u-17", traits=traits)


_ODD_IDENTIFIES: Final[Mapping[str, Event]] = {
    "identify in snake_case": _identify(**_SNAKE_PERSON),
    "identify, createdAt as seconds": _identify(createdAt=1724508922),
    "identify, createdAt as milliseconds": _identify(createdAt=1724508922123),
    "identify, createdAt as digits": _identify(createdAt="1724508922"),
    "identify, createdAt before 1970": _identify(createdAt="1815-12-10T00:00:00Z"),
    "identify, dates that are none": _identify(createdAt="yesterday", birthday={"year": 1990}),
    "identify, company as text": _identify(company="Engine Ltd"),
    "identify, company without a name": _identify(company={"id": 9, "employee_count": "40"}),
    "identify, address as text": _identify(address="12 Main St, London"),
    "identify, address with more in it": _identify(address={"city": "London", "floor": 3, "geo": {"lat": 51.5}}),
    "identify, age as text": _identify(age="36"),
    "identify, age in words": _identify(age="thirty-six"),
    "identify, phone as a number": _identify(phone=442079460000),
    "identify, traits of wrong types": _identify(
        email=["ada@example.test"],
        name={"first": "Ada"},
        title=7,
        gender=True,
        website=["https://example.test"],
        avatar={},
    ),
    "identify, all traits null": _identify(**dict.fromkeys(PERSON)),
    "identify, all traits empty": _identify(**dict.fromkeys(PERSON, "")),
    "identify, custom traits null and empty": _identify(email="ada@example.test", tier=None, note="", tags=[], more={}),
    "identify, custom traits nested": _identify(a={"b": {"c": [1, {"d": None}]}}, tags=["x", 1, None, {"y": 2}]),
    "identify, custom traits with odd names": _identify(
        **{"": 1, " ": 2, "a.b": 3, "$set": 4, "cio_id": 5, "user_id": "u-0", "type": "x", "имя": "Ада", "x" * 300: 6}
    ),
    "identify, odd numbers": _identify(big=2**63, small=-(2**63), float=1e300, tiny=5e-324, zero=-0.0),
    "identify, long text": _identify(bio="x" * 20_000, name="é" * 300),
    "identify, odd text": _identify(name="Zoë 👩‍🚀", bio="a\r\nb\0c\u2028d", html="<b>&amp;</b>"),
    "identify, non-ASCII email": _identify(email="adä@exämple.test"),
    "identify, blanks around the email": _identify(email="  ada@example.test \n"),
    "identify, an email that is none": _identify(email="not an email"),
    "identify without traits": make_event("identify", userId="u-17"),
    "identify, empty traits": make_event("identify", userId="u-17", traits={}),
    "identify, traits in the context": make_event("identify", userId="u-17", traits={}, context={"traits": PERSON}),
    "identify, numeric userId": make_event("identify", userId=12345, traits={"email": "ada@example.test"}),
    "identify, userId is an email": make_event("identify", userId="ada@example.test", traits={"plan": "gold"}),
    "identify by email": make_event("identify", traits={"email": "ada@example.test", "firstName": "Ada"}),
    "identify by email and anonymousId": make_event(
        "identify", anonymousId="anon-5", traits={"email": "ada@example.test"}
    ),
    "identify, anonymous": make_event("identify", anonymousId="anon-5", traits={"plan": "free"}),
    "identify, not active": make_event("identify", userId="u-17", traits=PERSON, context={"active": False}),
    "identify, odd context": make_event(
        "identify", userId="u-17", context={"ip": 7, "page": "x", "device": [], "os": None, "timezone": {}, "locale": 1}
    ),
}

_ODD_TRACKS: Final[Mapping[str, Event]] = {
    "track, anonymous": make_event("track", anonymousId="anon-5", event="Viewed"),
    "track without properties": make_event("track", userId="u-17", event="Signed Up"),
    "track, person in the context": make_event("track", userId="u-17", event="E", context={"traits": PERSON}),
    "track, revenue as text": make_event(
        "track", userId="u-17", event="Order Completed", properties={"revenue": "$19.99", "currency": "usd"}
    ),
    "track, total for revenue": make_event("track", userId="u-17", event="Order Completed", properties={"total": 12.5}),
    "track, odd money": make_event(
        "track", userId="u-17", event="Refunded", properties={"revenue": {"a": 1}, "value": [], "currency": 7}
    ),
    "track, properties with odd names": make_event(
        "track",
        userId="u-17",
        event="E",
        properties={"": 1, "a.b": {"c": None}, "$insert_id": "x", "time": "x", "token": "x"},
    ),
    "track, odd event name": make_event("track", userId="u-17", event="  Zoë's \r\n event/../? " + "x" * 500),
    "track, long ago": make_event("track", userId="u-17", event="E", timestamp="2012-12-02T00:00:00Z"),
    "track, app installed": make_event("track", userId="u-17", event="Application Installed", context=CONTEXT),
}

_OTHER_ODDITIES: Final[Mapping[str, Event]] = {
    "page without a name": make_event("page", userId="u-17"),
    "page, only a category": make_event("page", anonymousId="anon-5", category="Shop"),
    "page, odd properties": make_event("page", userId="u-17", properties={"url": 7, "title": None, "path": ["a"]}),
    "screen without a name": make_event("screen", userId="u-17"),
    "screen, anonymous": make_event("screen", anonymousId="anon-5", name="Home"),
    "group without traits": make_event("group", userId="u-17", groupId="c9"),
    "group, numeric groupId": make_event("group", userId="u-17", groupId=9, traits={"employees": 40, "name": "N"}),
    "group, anonymous": make_event("group", anonymousId="anon-5", groupId="c9", traits={"name": "Engine Ltd"}),
    "group, all traits null": make_event("group", userId="u-17", groupId="c9", traits=dict.fromkeys(COMPANY)),
    "group, traits of wrong types": make_event(
        "group",
        userId="u-17",
        groupId="c9",
        traits={"name": 7, "address": "x", "createdAt": True, "employees": [1], "plan": {}},
    ),
    "alias of an anonymous id": make_event("alias", userId="u-17", previousId="anon-5", anonymousId="anon-5"),
    "alias to itself": make_event("alias", userId="u-17", previousId="u-17"),
    "a field the spec does not know": make_event("track", userId="u-17", event="E", extra={"a": [1]}),
}

SAMPLES: Final[Mapping[str, Event]] = {**WELL_MADE, **_ODD_IDENTIFIES, **_ODD_TRACKS, **_OTHER_ODDITIES}
"""All sample events, by what is odd about them."""

HOSTILE_IDS: Final = (
    "..",
    ".",
    "../../admin",
    "a/b",
    "/",
    "//evil.example.test/x",
    "a?b=c&d=e",
    "a#b",
    "50%",
    "%2e%2e%2f",
    "a\r\nX-Injected: 1",
    "a\tb c\0d",
    "\\..\\x",
    "@evil.example.test",
    ":80",
    ";a=b",
    "ключ 👩‍🚀",
    "<script>{{7*7}}${x}",
    "x" * 20_000,
)
"""Ids that would lead a request elsewhere if they got into a URL unencoded, and one that is longer than any."""


def hostile_events(id: str) -> Mapping[str, Event]:
    """One event of each call in which every id, and everything else that may end up in a URL, is *id*."""
    who = {"userId": id, "anonymousId": id}
    traits = {"id": id, "name": id, "username": id, "company": {"id": id, "name": id}}
    context = {"groupId": id, "device": {"id": id, "token": id, "type": "ios"}, "os": {"name": id, "version": "19.1"}}
    return {
        "identify": make_event("identify", **who, traits=traits, context=context),
        "track": make_event("track", **who, event=id, properties={"id": id}, context=context),
        "page": make_event("page", **who, name=id, category=id, context=context),
        "screen": make_event("screen", **who, name=id, context=context),
        "group": make_event("group", **who, groupId=id, traits=traits, context=context),
        "alias": make_event("alias", userId=id, previousId=f"old {id}"),
    }
