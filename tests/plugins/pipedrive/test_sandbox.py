"""The stand-in answers as Pipedrive does: each row of the fact sheet's limits and answers, drawn over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.pipedrive import PLUGIN
from plugins.pipedrive.sandbox_rules import Refusal, check_note, check_record
from router.plugin import Delivered, Later, Response
from router.testing import StandIn, make_event, open_stand_in
from router.testing.samples import SAMPLES

TOKEN = {"x-api-token": "sandbox-token"}
SEARCH = "/api/v2/persons/search?term=ADA%40b.test&fields=email&exact_match=true"
TYPES: dict[str, dict[str, Any]] = {
    "t": {"type": "varchar"},
    "n": {"type": "double"},
    "d": {"type": "date"},
    "e": {"type": "enum", "options": {"gold": 28}},
    "s": {"type": "set", "options": {"a": 1}},
    "m": {"type": "monetary"},
    "a": {"type": "address"},
    "o": {"type": "org"},
}


@pytest.fixture
async def account() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        opened.sandbox.now_s = lambda: 1_000.0
        yield opened


async def ask(account: StandIn, method: str, path: str, body: Any = None, headers: Any = None) -> Response:
    return await account.request(method, path, body, TOKEN if headers is None else headers)


async def test_a_person_is_made_found_shown_and_changed(account: StandIn) -> None:
    emails = [{"value": "Ada@b.test", "primary": True, "label": "work"}]
    made = await ask(account, "POST", "/api/v2/persons", {"name": "Ada", "emails": emails})
    changed = await ask(account, "PATCH", "/api/v2/persons/901", {"emails": [{**emails[0], "value": "c@d.test"}]})
    shown = await ask(account, "GET", "/api/v2/persons/901")

    assert [each.status for each in (made, changed, shown)] == [201, 200, 200]
    assert [each["value"] for each in shown.json()["data"]["emails"]] == ["c@d.test"]
    assert (await ask(account, "GET", SEARCH)).json()["data"] == {"items": []}
    assert (await ask(account, "GET", "/api/v2/persons/902")).status == 404


async def test_a_search_passes_over_letter_case(account: StandIn) -> None:
    emails = [{"value": "Ada@b.test", "primary": True, "label": "work"}]
    await ask(account, "POST", "/api/v2/persons", {"name": "Ada", "emails": emails})

    [item] = (await ask(account, "GET", SEARCH)).json()["data"]["items"]

    assert item["item"] == {"id": 901, "type": "person"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/users/me", 200),
        ("/api/v2/itemSearch/field?term=x&entity_type=person&field=nope&match=exact", 400),
        ("/api/v2/persons/search?term=&fields=email&exact_match=true", 400),
        ("/api/v1/persons", 404),
    ],
)
async def test_what_is_asked_wrongly_is_refused(account: StandIn, path: str, status: int) -> None:
    assert (await ask(account, "GET", path)).status == status


async def test_credentials_and_the_subscription_come_first(account: StandIn) -> None:
    wrong = await ask(account, "GET", "/api/v1/users/me", headers={"x-api-token": "other"})
    account.sandbox.is_unpaid = True
    unpaid = await ask(account, "GET", "/api/v1/users/me")

    assert (wrong.status, unpaid.status) == (401, 402)
    assert wrong.json()["success"] is False


async def test_searches_have_a_limit_below_that_of_all(account: StandIn) -> None:
    account.sandbox.is_limited = True

    searched = [(await ask(account, "GET", SEARCH)).status for _ in range(11)]
    others = [await ask(account, "GET", "/api/v1/users/me") for _ in range(10)]

    assert searched == [200] * 10 + [429]
    assert [each.status for each in others] == [200] * 9 + [429]
    assert others[-1].headers["x-ratelimit-reset"] == "2"


async def test_a_day_has_its_tokens(account: StandIn) -> None:
    account.sandbox.is_limited, account.sandbox.tokens_per_day = True, 44

    sent = make_event("identify", userId="u-17")
    first, second = [(await account.deliver(sent))["write person"] for _ in range(2)]

    assert first == [[Delivered()]]
    assert second == [[Later("the day's tokens are used up: 429 daily token budget exceeded", 3_600.0)]]


@pytest.mark.parametrize(
    ("kind", "sent", "named"),
    [
        ("person", {}, "name: Required"),
        ("person", {"name": " "}, "name"),
        ("person", {"name": "x", "email": "a@b.test"}, "email: Unknown key"),
        ("person", {"name": "x", "emails": ["a@b.test"]}, "emails"),
        ("person", {"name": "x", "emails": [{"value": "a", "primary": True, "label": "work"}]}, "emails"),
        ("person", {"name": "x", "phones": [{"value": "1", "primary": True, "label": "work"}] * 2}, "phones"),
        ("person", {"name": "x", "org_id": "1"}, "org_id"),
        ("person", {"name": "x", "label_ids": [True]}, "label_ids"),
        ("person", {"name": "x", "add_time": "2026-03-04 10:20:30"}, "add_time"),
        ("organization", {"name": "x", "address": "London"}, "address"),
        ("organization", {"name": "x", "address": {"value": "London", "city": "London"}}, "address"),
        ("organization", {"name": "x", "emails": []}, "emails: Unknown key"),
        *(
            ("person", {"name": "x", "custom_fields": {key: value}}, f"'{key}'")
            for key, value in (
                ("?", 1),
                ("t", "x" * 256),
                ("t", 1),
                ("n", "1"),
                ("d", "2026-03-04T00:00:00Z"),
                ("e", "gold"),
                ("e", 29),
                ("s", []),
                ("s", [2]),
                ("m", 12.5),
                ("a", "London"),
                ("o", "1"),
            )
        ),
    ],
)
def test_a_record_that_is_refused_says_why(kind: str, sent: dict[str, Any], named: str) -> None:
    with pytest.raises(Refusal, match="Validation failed") as refused:
        check_record(kind, sent, TYPES, is_new=True)
    assert named in str(refused.value)


@pytest.mark.parametrize(
    "note", [{}, {"content": "x", "add_time": "2026-03-04 10:20:31"}, {"content": "x", "person_id": 1}]
)
def test_a_note_has_a_text_a_person_and_a_time(note: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        check_note(note)


async def test_nothing_of_real_traffic_dies(account: StandIn) -> None:
    for event in SAMPLES.values():
        for judgements in (await account.deliver(event)).values():
            assert [type(verdict) for [verdict] in judgements] == [Delivered] * len(judgements)  # type: ignore[misc]
