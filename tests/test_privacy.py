"""What a destination never gets, and of what it gets the hash: wherever it stands, however it is spelled."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.actions.draft import Draft
from router.actions.path import find
from router.event import Event
from router.plugin import Custom, Table
from router.plugin.trace import Trace
from router.privacy import Names, Privacy, fold
from tests.events import event

EMAIL = "ada@example.com"
HASHED = hashlib.sha256(EMAIL.encode()).hexdigest()


def names(*paths: str) -> Names:
    """``traits.email`` and the like."""
    parts = [tuple(path.split(".")) for path in paths]
    return Names(
        *(tuple(part[1:] for part in parts if part[0] == root) for root in ("traits", "properties", "context"))
    )


def applied(privacy: Privacy, call: Event) -> tuple[Event, list[str]]:
    draft = Draft(call, {})
    privacy.apply(draft)
    return draft.finish(), list(draft.notes or ())


def identify(**call: Any) -> Event:
    return event(**{"type": "identify", "userId": "u1", **call})


LONG = "a" + "-" * 10_000
"""One name with ``a``, as names are compared."""
SPELLINGS = ["secret" + "-" * dashes + "." * dots for dashes in range(30) for dots in range(30)]


@pytest.mark.parametrize(
    "privacy", [Privacy(block=names("properties.a.secret")), Privacy(hash=names("properties.a.secret"))]
)
def test_promise_8_what_is_told_of_many_fields_within_one_long_name_is_short(privacy: Privacy) -> None:
    """Each note repeated the name: 0.3 MB of properties became 1 GB, and took minutes."""
    call = event(type="track", event="A", userId="u1", properties={LONG: dict.fromkeys(SPELLINGS, "x")})
    draft, trace = Draft(call, {}), Trace()

    privacy.apply(draft)
    Table((), (Custom("properties", at="properties"),)).apply(draft.finish(), trace)
    draft.retrace(trace)

    told = [*(draft.notes or ()), *trace.unmapped, *(text for line in trace.lineage for text in (line.source, line.to))]
    assert told
    assert sum(map(len, told)) < 50_000


@pytest.mark.timeout(10)
def test_promise_2_many_hashed_fields_do_not_hold_up_the_process() -> None:
    """What has no hash is left out, and each time all that was hashed was gone through: 0.3 MB took 6 s."""
    fields = {f"secret{'-' * dashes}{'.' * dots}": "x" * (dots % 2) for dashes in range(90) for dots in range(400)}
    draft = Draft(event(type="track", event="A", userId="u1", properties={"a": fields}))

    Privacy(hash=names("properties.a.secret")).apply(draft)

    assert 2 * len(find(draft.document, ("properties", "a"))) == len(fields)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(identify(traits={"email": EMAIL}), id="traits"),
        pytest.param(identify(traits={"Email": EMAIL, "E-Mail": EMAIL, "EMAIL ": EMAIL}), id="other-spellings"),
        pytest.param(
            event(type="track", event="A", userId="u1", context={"traits": {"email": EMAIL}}), id="riding-along"
        ),
        pytest.param(event(type="group", groupId="g1", userId="u1", traits={"email": EMAIL}), id="of-a-group"),
        pytest.param(identify(userId=EMAIL), id="user-id"),
        pytest.param(identify(userId=f" {EMAIL}"), id="user-id-with-a-blank"),
        pytest.param(identify(userId=f"mailto:{EMAIL}"), id="user-id-with-an-email-in-it"),
        pytest.param(identify(anonymousId=EMAIL), id="anonymous-id"),
        pytest.param(event(type="alias", userId="u1", previousId=EMAIL), id="previous-id"),
        pytest.param(event(type="group", groupId=EMAIL, userId="u1"), id="group-id"),
        pytest.param(identify(context={"groupId": EMAIL}), id="group-id-of-the-context"),
        pytest.param(identify(context={"externalIds": [{"id": EMAIL, "type": "email"}]}), id="external-id"),
        pytest.param(
            identify(context={"externalIds": [{"type": "x"}, {"id": EMAIL, "type": "Email"}]}), id="one-of-two"
        ),
    ],
)
def test_a_blocked_email_is_nowhere_in_the_event(call: Event) -> None:
    after, notes = applied(Privacy(block=names("traits.email")), call)

    assert EMAIL not in json.dumps(after.document)
    assert after.email is None
    assert notes


@pytest.mark.parametrize(
    ("call", "email"),
    [
        pytest.param(identify(traits={"email": " Ada@Example.com"}), HASHED, id="traits"),
        pytest.param(identify(userId=EMAIL), None, id="user-id"),
        pytest.param(identify(traits={"email": HASHED}), HASHED, id="hashed-already"),
    ],
)
def test_of_a_hashed_email_only_the_hash_is_there(call: Event, email: str | None) -> None:
    after, _ = applied(Privacy(hash=names("traits.email")), call)

    assert after.email == email
    assert HASHED in json.dumps(after.document)
    assert "example.com" not in json.dumps(after.document).lower()


def test_an_id_and_a_trait_with_one_email_have_one_hash() -> None:
    after, _ = applied(Privacy(hash=names("traits.email")), identify(userId=EMAIL, traits={"email": EMAIL}))

    assert after.user_id == after.traits["email"] == HASHED


@pytest.mark.parametrize(
    ("blocked", "call", "notes"),
    [
        pytest.param("traits.first_name", identify(traits={"firstName": "A"}), ["block: traits.firstName"], id="snake"),
        pytest.param("traits.firstName", identify(traits={"first_name": "A"}), ["block: traits.firstName"], id="camel"),
        pytest.param(
            "traits.address.street", identify(traits={"address": {"street": "x", "city": "y"}}),
            ["block: traits.address.street"], id="nested",
        ),
        pytest.param("traits.address.street", identify(traits={"address": "12 Main St"}), ["block: traits.address"],
            id="a-part-of-a-text"),
        pytest.param("traits.address.street", identify(traits={"address": [{"street": "1"}, "12 Main St"]}),
            ["block: traits.address"], id="a-part-of-a-list-with-a-text"),
        pytest.param("traits.address.street", identify(traits={"address": None, "a": 1}), [], id="a-part-of-nothing"),
        pytest.param("properties.a.b", event(type="track", event="A", userId="u", properties={"a": 1, "a.b": 2}),
            ["block: properties.a.b"], id="a-part-of-a-number"),
        pytest.param("traits.last_name", identify(traits={"firstName": "A", "lastName": "L"}),
            ["block: traits.lastName", "block: traits.name"], id="the-name-filled-in"),
        pytest.param("traits.first_name", identify(traits={"firstName": "A", "lastName": "L", "name": "Countess"}),
            ["block: traits.firstName"], id="a-name-of-its-own"),
        pytest.param("traits.last_name", event(type="track", event="A", userId="u",
            context={"traits": {"first_name": "A", "last_name": "L"}}),
            ["block: context.traits.lastName", "block: context.traits.name"], id="the-name-filled-in-of-who-rides-along"),
        pytest.param("traits.plan", identify(traits={"a.b": 1, "PLAN": 2}), ["block: traits.PLAN"], id="custom"),
        pytest.param("properties.cardNumber", event(type="track", event="A", userId="u", properties={"card_number": 1}),
            ["block: properties.card_number"], id="property"),
        pytest.param("properties.products.cost",
            event(type="track", event="A", userId="u", properties={"products": [{"cost": 1}, {"cost": 2}]}),
            ["block: properties.products.cost"], id="in-a-list"),
        pytest.param("properties.a.b", event(type="track", event="A", userId="u", properties={"a.b": 1}),
            ["block: properties.a.b"], id="a-key-with-a-dot"),
        pytest.param("context.ip", identify(context={"ip": "192.0.2.1"}), ["block: context.ip"], id="context"),
        pytest.param("traits.email", identify(userId=EMAIL), ["block: userId, which holds an email"], id="an-id"),
        pytest.param("traits.email", identify(context={"groupId": EMAIL}),
            ["block: context.groupId, which holds an email"], id="the-id-of-a-group"),
        pytest.param("properties.email", identify(userId=EMAIL), [], id="a-property-is-no-trait"),
        pytest.param("traits.plan", identify(userId=EMAIL), [], id="another-trait"),
        pytest.param("traits.plan", identify(traits={"firstName": "A", "lastName": "L"}), [],
            id="another-trait-than-those-of-the-name"),
        pytest.param("traits.phone", identify(context={"externalIds": [{"id": "1", "type": "braze_id"}]}), [],
            id="an-external-id-of-another-kind"),
        pytest.param("traits.phone", identify(context={"externalIds": [{"id": "1", "type": "phone"}, {"id": "2"}]}),
            ["block: context.externalIds.id"], id="an-external-id"),
    ],
)  # fmt: skip
def test_what_is_blocked_is_noted_where_it_stood(blocked: str, call: Event, notes: list[str]) -> None:
    after, said = applied(Privacy(block=names(blocked)), call)

    assert said == notes
    assert (after is call) == (notes == [])


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(identify(traits={"email": {"nested": EMAIL}}), id="object"),
        pytest.param(identify(traits={"email": [{"nested": EMAIL}]}), id="list-of-objects"),
        pytest.param(identify(traits={"phone": " "}), id="blank"),
    ],
)
def test_what_can_t_be_hashed_is_left_out_and_never_sent_as_it_is(call: Event) -> None:
    after, _ = applied(Privacy(hash=names("traits.email", "traits.phone")), call)

    assert after.traits == {}


def test_where_a_part_is_to_be_hashed_a_text_in_the_place_of_the_whole_is() -> None:
    after, said = applied(Privacy(hash=names("traits.address.street")), identify(traits={"address": "12 Main St"}))

    assert said == ["hash: traits.address"]
    assert after.traits == {"address": hashlib.sha256(b"12 main st").hexdigest()}


def test_a_name_filled_in_from_one_that_is_to_be_hashed_is_hashed() -> None:
    after, said = applied(
        Privacy(hash=names("traits.lastName")), identify(traits={"firstName": "Ada", "lastName": "Lovelace"})
    )

    assert said == ["hash: traits.lastName", "hash: traits.name"]
    assert (after.traits["firstName"], "Lovelace" in after.to_json().decode()) == ("Ada", False)


def test_null_still_clears() -> None:
    after, _ = applied(Privacy(hash=names("traits.phone")), identify(traits={"phone": None}))

    assert after.traits == {"phone": None}


@pytest.mark.parametrize(("name", "folded"), [("first_name", "firstname"), ("E-Mail", "email"), ("Straße", "strasse")])
def test_names_are_compared_by_their_letters_and_digits(name: str, folded: str) -> None:
    assert fold(name) == folded


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(EMAIL) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["email", "E_mail", "a", "id", "type"]), inner)
    ),
    max_leaves=10,
)


@given(
    st.dictionaries(st.sampled_from(["email", "E_mail", "traits", "a"]), JSON),
    st.dictionaries(st.text(max_size=3), JSON),
)
def test_doing_it_twice_is_doing_it_once(traits: dict[str, Any], context: dict[str, Any]) -> None:
    """So that it may be done before and after an action's mapping."""
    privacy = Privacy(block=names("traits.a", "properties.a"), hash=names("traits.email", "properties.email"))
    call = Event(type="identify", message_id="m", timestamp="t", received_at="t", traits=traits, context=context)

    once, _ = applied(privacy, call)
    twice, _ = applied(privacy, once)

    assert once.document == twice.document
    assert "a" not in once.traits
    assert once.traits.get("email") != EMAIL
