"""What must have arrived at each destination's stand-in, in that vendor's words, after a customer's application made its calls.

The applications (python_app.py, node/calls.mjs, browser/calls.js) all make the same calls; what the SDKs add to them differs,
and so a table says what must be there, not all that may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from tests.sdks.router_process import RouterProcess

CALLS: Final = ("identify", "track", "page", "screen", "group", "alias")
BURST: Final = range(100)

_TRAITS: Final = {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "name": "Ada Lovelace",
    "email": "ada@example.test",
    "createdAt": "2024-08-24T14:15:22Z",
    "address": {"postalCode": "W1J 7NT"},
    "plan": "gold",
}

ARRIVALS: Final[Mapping[str, Mapping[str, tuple[str, Mapping[str, Any]]]]] = {
    "webhook": {
        "identify": ("event", {"type": "identify", "userId": "u1", "traits": _TRAITS}),
        "track": (
            "event",
            {
                "type": "track",
                "userId": "u1",
                "event": "Order Completed",
                "properties": {"orderId": "order-1001", "total": 12.5},
            },
        ),
        "page": (
            "event",
            {"type": "page", "userId": "u1", "category": "Docs", "name": "Pricing", "properties": {"ref": "nav"}},
        ),
        "screen": ("event", {"type": "screen", "userId": "u1", "name": "Home", "properties": {"tab": "first"}}),
        "group": (
            "event",
            {"type": "group", "userId": "u1", "groupId": "g1", "traits": {"name": "Analytical Engines"}},
        ),
        "alias": ("event", {"type": "alias", "userId": "u1", "previousId": "anon-1"}),
    },
    "mixpanel": {
        "identify": (
            "profile",
            {
                "$distinct_id": "u1",
                "$set": {"$first_name": "Ada", "$email": "ada@example.test", "$created": "2024-08-24T14:15:22"},
            },
        ),
        "track": ("event", {"event": "Order Completed", "properties": {"$user_id": "u1", "total": 12.5}}),
        "page": ("event", {"event": "Loaded a Page", "properties": {"$user_id": "u1", "ref": "nav"}}),
        "screen": ("event", {"event": "Loaded a Screen", "properties": {"$user_id": "u1", "tab": "first"}}),
        "group": ("group", {"$group_id": "g1", "$set": {"$name": "Analytical Engines"}}),
    },
    "customerio": {
        "identify": (
            "person",
            {
                "identifiers": {"id": "u1"},
                "attributes": {"firstName": "Ada", "email": "ada@example.test", "created_at": 1724508922},
            },
        ),
        "track": ("event", {"identifiers": {"id": "u1"}, "name": "Order Completed", "attributes": {"total": 12.5}}),
        "page": ("page", {"identifiers": {"id": "u1"}, "attributes": {"name": "Pricing", "ref": "nav"}}),
        "screen": ("screen", {"identifiers": {"id": "u1"}, "name": "Home", "attributes": {"tab": "first"}}),
        "group": ("object", {"identifiers": {"object_id": "g1"}, "attributes": {"name": "Analytical Engines"}}),
        "alias": ("merge", {"primary": {"id": "u1"}, "secondary": {"id": "anon-1"}}),
    },
    "intercom": {
        "identify": (
            "contact",
            {"external_id": "u1", "name": "Ada Lovelace", "email": "ada@example.test", "signed_up_at": 1724508922},
        ),
        "track": ("event", {"event_name": "Order Completed", "user_id": "u1", "metadata": {"total": 12.5}}),
        "group": ("company", {"company_id": "g1", "name": "Analytical Engines"}),
    },
}
"""Destination → call → kind and part of the item. A call that is not there is one that the vendor has no place for."""

_STEPS: Final[Mapping[str, Callable[[Mapping[str, Any]], Any]]] = {
    "webhook": lambda item: item["properties"]["step"] if item.get("event") == "Step Done" else None,
    "mixpanel": lambda item: item["properties"]["step"] if item.get("event") == "Step Done" else None,
    "customerio": lambda item: item["attributes"]["step"] if item.get("name") == "Step Done" else None,
    "intercom": lambda item: item["metadata"]["step"] if item.get("event_name") == "Step Done" else None,
}


def is_part(expected: Any, actual: Any) -> bool:
    """True if *actual* has all that *expected* has, in nested objects too."""
    if isinstance(expected, Mapping):
        return isinstance(actual, Mapping) and all(is_part(expected[key], actual.get(key)) for key in expected)
    return bool(expected == actual)


async def assert_calls_arrived(router: RouterProcess, calls: Iterable[str] = CALLS) -> None:
    """Each of *calls* is at every destination that has a place for it, mapped, exactly once."""
    wanted = set(calls)
    for destination in router.destinations:
        taken = await router.taken(destination)
        found = {
            call: sum(entry["kind"] == kind and is_part(part, entry["item"]) for entry in taken)
            for call, (kind, part) in ARRIVALS[destination].items()
            if call in wanted
        }
        assert found == dict.fromkeys(found, 1), (destination, found, taken)


async def steps(router: RouterProcess, destination: str) -> list[int]:
    """The numbers of the burst that *destination* has, in their order there."""
    read = _STEPS[destination]
    found = [read(entry["item"]) for entry in await router.taken(destination)]
    return [step for step in found if step is not None]


async def assert_burst_arrived(router: RouterProcess, burst: Iterable[int] = BURST) -> None:
    """Every event of the burst is at every destination, exactly once."""
    expected = list(burst)
    for destination in router.destinations:
        assert sorted(await steps(router, destination)) == expected, destination
