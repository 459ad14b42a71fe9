"""The conversations, against the stand-in: what is asked, in which order, and what an answer means."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.pipedrive import PLUGIN
from plugins.pipedrive.conversation import MAX_READ, differing, refused_names
from router.event import Event
from router.plugin import Blocked, Dead, Delivered, Later, Response, UnreadableAnswer
from router.plugin.sandbox import Fault
from router.testing import StandIn, make_event, open_stand_in
from tests.plugins.pipedrive.mapped import rehearse

PERSON_ID, ORGANIZATION_ID = (PLUGIN.sandbox_settings[name] for name in ("person_id_field", "organization_id_field"))
PLAN = PLUGIN.sandbox_settings["fields"]["plan"]["key"]
BY_NAME = {"person_id_field": "", "organization_id_field": ""}
ADA = "ada@example.test"


@pytest.fixture
async def account() -> AsyncIterator[StandIn]:
    async with open_stand_in(PLUGIN) as opened:
        yield opened


def identify(id: str | None = "u-17", /, **traits: Any) -> Event:
    return make_event("identify", **({"userId": id} if id else {}), traits=traits)


def group(id: str = "c9", /, **traits: Any) -> Event:
    return make_event("group", userId="u-17", groupId=id, traits=traits)


def track(**fields: Any) -> Event:
    return make_event("track", userId="u-17", event="Order Completed", **fields)


async def send(account: StandIn, event: Event) -> Any:
    """The verdict on the one payload, or `Blocked`."""
    [[judgement]] = (await account.deliver(event)).values()
    return judgement[0] if isinstance(judgement, list) else judgement


def asked(account: StandIn) -> list[str]:
    """Each request, without its query."""
    return [
        f"{each['method']} {each['path'].partition('?')[0].removeprefix('/api/v2')}"
        for each in account.sandbox.requests
    ]


def has(account: StandIn, kind: str, **fields: Any) -> int:
    """Put a record there, as somebody does by hand. Its id."""
    records = account.sandbox.records[kind]
    id = 1 + max(records, default=100)
    none: dict[str, Any] = {"org_id": None, "emails": [], "phones": []} if kind == "person" else {}
    records[id] = {"id": id, "name": "By hand", "is_deleted": False, "custom_fields": {}, **none, **fields}
    return id


def email(value: str = ADA, *, primary: bool = True, label: str = "work") -> dict[str, Any]:
    return {"value": value, "primary": primary, "label": label}


def people(account: StandIn) -> list[dict[str, Any]]:
    return list(account.sandbox.records["person"].values())


def organizations(account: StandIn) -> list[dict[str, Any]]:
    return list(account.sandbox.records["organization"].values())


# --- people ---


async def test_a_person_is_created_then_updated(account: StandIn) -> None:
    assert await send(account, identify(email=ADA, createdAt="2024-01-01", plan="free")) == Delivered()
    assert await send(account, identify(name="Ada King", createdAt="2025-01-01", plan="gold")) == Delivered()

    assert asked(account) == [
        "GET /itemSearch/field",
        "GET /persons/search",
        "POST /persons",
        "GET /itemSearch/field",
        "GET /persons/901",
        "PATCH /persons/901",
    ]
    [person] = people(account)
    assert (person["name"], person["add_time"]) == ("Ada King", "2024-01-01T00:00:00Z")
    assert (person["custom_fields"][PERSON_ID], person["custom_fields"][PLAN]) == ("u-17", 28)
    assert account.accepted("person")[1] == {"name": "Ada King", "custom_fields": {PLAN: 28}}


async def test_what_is_no_news_is_not_written(account: StandIn) -> None:
    event = identify(name="Ada", email=ADA, phone="+442079460000", plan="gold", company={"id": "c9", "name": "Acme"})

    assert [await send(account, event) for _ in range(2)] == [Delivered()] * 2
    assert [len(account.accepted(kind)) for kind in ("person", "organization")] == [1, 1]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"name": "Acme", "custom_fields": {"k1": None, "k2": 2}}, {}),
        ({"address": {"value": "London"}}, {}),
        ({"address": {"value": "London", "country": "GB"}}, {"address": {"value": "London", "country": "GB"}}),
        ({"name": "ACME", "custom_fields": {"k1": 1, "k2": 2}}, {"name": "ACME", "custom_fields": {"k1": 1}}),
        ({"custom_fields": {"k2": None, "k3": None}}, {"custom_fields": {"k2": None, "k3": None}}),
        ({"custom_fields": {"k4": [2, 1]}}, {}),
        ({"custom_fields": {"k4": [2]}}, {"custom_fields": {"k4": [2]}}),
    ],
    ids=[
        "nothing",
        "more in Pipedrive",
        "more told",
        "some",
        "a null, also of a field that isn't shown",
        "options in another order",
        "an option less",
    ],
)
def test_what_differs(record: dict[str, Any], expected: dict[str, Any]) -> None:
    address = {"value": "London", "country": None, "locality": "London"}
    found = {"id": 1, "name": "Acme", "address": address, "custom_fields": {"k1": None, "k2": 2, "k4": [1, 2]}}

    assert differing(found, record) == expected


async def test_an_empty_text_is_no_news_where_there_is_none() -> None:
    """Pages send one for whatever they don't know, with each identify."""
    async with open_stand_in(PLUGIN, fields={"tier": {"key": PLAN}}) as account:
        for tier in ("gold", "", ""):
            await send(account, identify(tier=tier))

        assert [sent["custom_fields"] for sent in account.accepted("person")] == [
            {PERSON_ID: "u-17", PLAN: "gold"},
            {PLAN: None},
        ]


async def test_a_null_clears_a_custom_field(account: StandIn) -> None:
    await send(account, identify(plan="gold"))
    await send(account, identify(plan=None, email=None))

    assert [person["custom_fields"][PLAN] for person in people(account)] == [None]


async def test_somebody_made_by_hand_is_found_by_email_and_gets_the_user_id(account: StandIn) -> None:
    id = has(account, "person", emails=[email("Ada@Example.test")])

    assert await send(account, identify(email=ADA)) == Delivered()

    assert [(person["id"], person["custom_fields"]) for person in people(account)] == [(id, {PERSON_ID: "u-17"})]
    assert people(account)[0]["emails"] == [email("Ada@Example.test")]


async def test_somebody_of_the_same_email_with_another_user_id_is_left_alone(account: StandIn) -> None:
    await send(account, identify("u-16", email=ADA))
    await send(account, identify(email=ADA))
    await send(account, identify(email=ADA))

    assert [person["custom_fields"][PERSON_ID] for person in people(account)] == ["u-16", "u-17"]


async def test_user_ids_that_differ_in_letter_case_are_two_people(account: StandIn) -> None:
    await send(account, identify("u-a"))
    await send(account, identify("U-A"))

    assert [person["custom_fields"][PERSON_ID] for person in people(account)] == ["u-a", "U-A"]


async def test_of_several_with_the_email_the_first_is_taken_and_a_warning_says_so(account: StandIn) -> None:
    first, _ = (has(account, "person", emails=[email()]) for _ in range(2))

    assert await send(account, identify(email=ADA)) == Delivered(
        (f"2 persons have this email; taken is the one with the id {first}",)
    )
    assert [person["custom_fields"].get(PERSON_ID) for person in people(account)] == ["u-17", None]


async def test_who_is_deleted_is_passed_over_shown_or_not(account: StandIn) -> None:
    """For a while a search finds them still."""
    for _ in range(2):
        has(account, "person", emails=[email()], is_deleted=True)
    account.sandbox.fail(Fault(status=404, body='{"success": false, "error": "Person not found"}', path="/persons/101"))

    assert await send(account, identify(email=ADA)) == Delivered()
    assert asked(account)[2:] == ["GET /persons/101", "GET /persons/102", "POST /persons"]


async def test_not_all_of_many_strangers_are_looked_at(account: StandIn) -> None:
    for number in range(MAX_READ + 5):
        has(account, "person", emails=[email()], custom_fields={PERSON_ID: f"other-{number}"})

    assert await send(account, identify(email=ADA)) == Delivered()
    assert len(asked(account)) == 2 + MAX_READ + 1


async def test_an_email_that_is_told_is_put_first_and_the_others_stay(account: StandIn) -> None:
    await send(account, identify(email=ADA, phone="+442079460000"))
    person = people(account)[0]
    person["emails"].append(email("private@example.test", primary=False, label="home"))

    await send(account, identify(email="new@example.test"))
    assert person["emails"] == [
        email("new@example.test"),
        email(primary=False),
        email("private@example.test", primary=False, label="home"),
    ]
    await send(account, identify(email="Private@example.test"))
    assert person["emails"][0] == email("private@example.test", label="home")
    assert [each["value"] for each in person["phones"]] == ["+442079460000"]


async def test_the_email_that_a_user_id_is_is_for_somebody_new_alone(account: StandIn) -> None:
    await send(account, identify(ADA, plan="gold"))
    assert people(account)[0]["emails"] == [email()]

    await send(account, identify(ADA, email="new@example.test"))
    await send(account, identify(ADA, plan="free"))

    assert [each["primary"] for each in people(account)[0]["emails"] if each["value"] == "new@example.test"] == [True]


async def test_without_the_field_for_it_people_are_found_by_email() -> None:
    async with open_stand_in(PLUGIN, **BY_NAME) as account:
        for event in (identify(email=ADA), identify("u-18", email=ADA, name="Ada")):
            assert await send(account, event) == Delivered()

        assert [person["name"] for person in people(account)] == ["Ada"]
        assert asked(account) == [
            "GET /persons/search",
            "POST /persons",
            "GET /persons/search",
            "GET /persons/901",
            "PATCH /persons/901",
        ]


# --- organizations ---


async def test_a_group_is_an_organization_that_its_person_is_linked_to(account: StandIn) -> None:
    await send(account, identify(email=ADA))
    assert await send(account, group(name="Engine Ltd", website="engine.test")) == Delivered()
    assert await send(account, group(name="Engine Limited")) == Delivered()

    [organization] = organizations(account)
    assert (organization["name"], organization["custom_fields"][ORGANIZATION_ID]) == ("Engine Limited", "c9")
    assert [person["org_id"] for person in people(account)] == [organization["id"]]


async def test_an_organization_made_by_hand_is_found_by_its_name(account: StandIn) -> None:
    id = has(account, "organization", name="engine ltd")
    has(account, "organization", name="Engine Ltd", custom_fields={ORGANIZATION_ID: "c8"})

    await send(account, group(name="Engine Ltd"))

    assert [each["custom_fields"][ORGANIZATION_ID] for each in organizations(account)] == ["c9", "c8"]
    assert account.sandbox.records["organization"][id]["name"] == "Engine Ltd"


async def test_where_names_are_all_there_is_letter_case_is_no_news() -> None:
    async with open_stand_in(PLUGIN, **BY_NAME) as account:
        has(account, "organization", name="engine ltd")

        await send(account, group(name="Engine Ltd"))

        assert account.accepted("organization") == []


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (make_event("group", userId="u-99", groupId="c9"), "doesn't know the person"),
        (make_event("group", anonymousId="a-1", groupId="c9"), "the call names nobody"),
    ],
    ids=["unknown", "anonymous"],
)
async def test_a_group_of_nobody_known_is_written_and_a_warning_says_so(
    account: StandIn, event: Event, words: str
) -> None:
    verdict = await send(account, event)

    assert isinstance(verdict, Delivered)
    assert words in verdict.warnings[0]
    assert (len(organizations(account)), people(account)) == (1, [])


async def test_a_company_is_an_organization_and_the_person_is_linked(account: StandIn) -> None:
    for company in ({"id": "c9", "name": "Acme"}, {"id": "c9", "name": "Acme Ltd"}, {"id": "c9"}):
        assert await send(account, identify(company=company)) == Delivered()

    assert [each["name"] for each in organizations(account)] == ["Acme Ltd"]
    assert [person["org_id"] for person in people(account)] == [organizations(account)[0]["id"]]


async def test_a_company_that_is_refused_does_not_cost_the_person(account: StandIn) -> None:
    account.sandbox.fail(Fault(status=400, body='{"success": false, "error": "no"}', path="/organizations/search"))

    assert await send(account, identify(company="Acme", name="Ada")) == Delivered(
        ("the person's organization was not written: 400 no",)
    )
    assert [person["name"] for person in people(account)] == ["Ada"]


async def test_a_link_that_is_refused_does_not_cost_the_organization(account: StandIn) -> None:
    await send(account, identify())
    account.sandbox.fail(
        Fault(status=400, body='{"success": false, "error": "no"}', path="/persons/", contains="org_id")
    )
    assert await send(account, group()) == Delivered(("the person was not linked to the organization: 400 no",))

    account.sandbox.fail(Fault(status=400, body='{"success": false, "error": "no"}', path="/persons/"))
    assert await send(account, group("c8")) == Delivered(("nobody is linked to the organization: 400 no",))
    assert len(organizations(account)) == 2


@pytest.mark.parametrize(
    "event", [identify(company={"id": "c9", "name": "Acme"}), group(name="Acme")], ids=["identify", "group"]
)
async def test_nothing_is_created_before_all_is_found(account: StandIn, event: Event) -> None:
    """Whatever fails later begins anew, and a search may not know yet what was created a moment ago."""
    await send(account, event)

    methods = [each.partition(" ")[0] for each in asked(account)]
    first = methods.index("POST")
    assert "GET" not in methods[first:]


# --- refusals ---


@pytest.mark.parametrize(
    ("gone", "words"),
    [(PLAN, f"Unknown key '{PLAN}'"), (None, "Invalid collection")],
    ids=["a field that is named", "one that isn't"],
)
async def test_a_custom_field_that_is_refused_is_left_out(account: StandIn, gone: str | None, words: str) -> None:
    await send(account, identify(title="Countess"))
    body = f'{{"success": false, "error": "Validation failed: custom_fields: {words}"}}'
    account.sandbox.fail(Fault(status=400, body=body, times=1, contains=PLAN))

    verdict = await send(account, identify(name="Ada", plan="gold", title="Lady"))

    assert isinstance(verdict, Delivered)
    assert [words in warning for warning in verdict.warnings] == [True]
    sent = account.accepted("person")[1]
    assert ("custom_fields" in sent, sent["name"]) == (gone is not None, "Ada")


async def test_a_refused_field_of_pipedrives_own_is_left_out() -> None:
    async with open_stand_in(PLUGIN, owner_id=9) as account:
        body = '{"success": false, "error": "Validation failed: owner_id: User not found"}'
        account.sandbox.fail(Fault(status=400, body=body, contains="owner_id"))

        assert await send(account, identify()) == Delivered(
            ("400 Validation failed: owner_id: User not found; left out: owner_id",)
        )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "name: Required"),
        ({}, f"custom_fields: Unknown key '{PERSON_ID}'"),
        (BY_NAME, "emails: Invalid email"),
        ({}, "something else"),
    ],
    ids=["the name", "the id", "the only email", "who knows"],
)
async def test_somebody_new_is_not_made_without_what_they_are_found_by(settings: dict[str, Any], said: str) -> None:
    async with open_stand_in(PLUGIN, **settings) as account:
        body = f'{{"success": false, "error": "Validation failed: {said}"}}'
        account.sandbox.fail(Fault(status=400, body=body, contains="name"))

        assert await send(account, identify(email=ADA)) == Dead(f"400 Validation failed: {said}")


def test_all_custom_fields_are_meant_where_nothing_is_named() -> None:
    sent = {"name": "Ada", "custom_fields": {"k1": 1, "k2": 2}}

    said = {"no": {"k1", "k2"}, "names: no": {"k1", "k2"}, "name: no": {"name"}, "Unknown key 'k2'": {"k2"}}
    assert {words: refused_names(sent, Response(400, b'{"error": "%s"}' % words.encode())) for words in said} == said


def test_a_custom_field_may_be_named_beside_the_words() -> None:
    response = Response(400, b'{"success": false, "error": "Validation failed", "data": {"field_code": "k2"}}')

    assert refused_names({"name": "Ada", "custom_fields": {"k1": 1, "k2": 2}}, response) == {"k2"}


@pytest.mark.parametrize(
    ("event", "kind", "id_field"),
    [
        (identify(email=ADA), "person", PERSON_ID),
        (group(), "person", PERSON_ID),
        (group(), "organization", ORGANIZATION_ID),
    ],
    ids=["identify", "member", "group"],
)
async def test_a_field_for_ids_that_pipedrive_does_not_know_costs_no_event(
    account: StandIn, event: Event, kind: str, id_field: str
) -> None:
    """Somebody deleted it, or the settings name another: it is so for everybody."""
    del account.sandbox.types[kind][id_field]

    verdict = await send(account, event)

    assert isinstance(verdict, Blocked)
    assert verdict.reason.endswith(f"(is {kind}_id_field the key of a text field?)")


@pytest.mark.parametrize(
    ("status", "body", "path", "expected"),
    [
        (404, '{"success": false, "error": "Person not found"}', "/persons/901", Later),
        (404, "<html>", "/persons/901", Blocked),
        (404, '{"success": false, "error": "Unknown method"}', "/itemSearch", Blocked),
        (403, '{"success": false, "error": "No permission to edit this person"}', "/persons/901", Dead),
        (403, "<html>1015", "/persons/901", Blocked),
        (403, '{"success": false, "error": "Scope and URL mismatch"}', "/itemSearch", Blocked),
    ],
    ids=["deleted meanwhile", "a proxy's", "another address", "somebody else's", "shut out", "nobody's"],
)
def test_an_answer_is_about_a_record_only_where_pipedrive_says_so(
    status: int, body: str, path: str, expected: type
) -> None:
    rehearsal = rehearse()
    [(_, endpoint, payload)] = rehearsal.payloads(identify(name="Ada"))
    found = Response(200, b'{"success": true, "data": [{"id": 901}]}')
    place = 0 if path == "/itemSearch" else 2

    said = rehearsal.talk(endpoint, payload, {0: found, place: Response(status, body.encode())})

    assert path in said.requests[place].url
    assert isinstance(said.end, expected)


@pytest.mark.parametrize("data", [b"null", b"{}", b"[1]", b'[{"id": "x"}]', b'{"items": [{"item": {}}]}'])
def test_a_search_of_another_shape_is_unreadable(data: bytes) -> None:
    rehearsal = rehearse()
    [(_, endpoint, payload)] = rehearsal.payloads(identify())

    with pytest.raises(UnreadableAnswer):
        rehearsal.talk(endpoint, payload, {0: Response(200, b'{"success": true, "data": %s}' % data)})


# --- notes ---


async def test_a_note_is_there_once_though_its_answer_was_lost(account: StandIn) -> None:
    await send(account, identify(email=ADA))
    event = track(properties={"revenue": 12.5, "memo": "<b>"}, timestamp="2026-03-04T10:20:31Z")
    account.sandbox.fail(Fault(status=503, after=True, times=1, path="/notes", contains="content"))

    assert isinstance(await send(account, event), Later)
    assert await send(account, event) == Delivered()

    assert account.accepted("note") == [
        {
            "content": "Order Completed: revenue 12.5, memo &lt;b&gt;",
            "add_time": "2026-03-04 10:20:31",
            "person_id": 901,
        }
    ]


async def test_a_note_of_another_time_is_another_note(account: StandIn) -> None:
    await send(account, identify())
    for second in (30, 31):
        await send(account, track(timestamp=f"2026-03-04T10:20:{second}Z"))

    assert len(account.accepted("note")) == 2


async def test_a_note_of_nobody_known_is_not_waited_with_for_days(account: StandIn) -> None:
    verdict = await send(account, track())

    assert isinstance(verdict, Later)
    assert verdict.max_attempts == 3


@pytest.mark.parametrize("path", ["/persons", "/organizations"])
async def test_a_record_is_there_once_though_its_answer_was_lost(account: StandIn, path: str) -> None:
    event = identify(email=ADA, company={"id": "c9", "name": "Acme"})
    account.sandbox.fail(Fault(status=503, after=True, times=1, path=path, contains="name"))

    assert isinstance(await send(account, event), Later)
    assert await send(account, event) == Delivered()
    assert (len(people(account)), len(organizations(account))) == (1, 1)
