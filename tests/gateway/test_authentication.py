from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from router.gateway import authentication
from router.gateway.authentication import Keyring, Presented, keys_in_body, keys_in_head
from router.gateway.limits import Limits
from router.gateway.refusal import Refused
from router.gateway.source import Source
from tests.gateway.harness import IDENTIFY, KEY, Harness, basic


@pytest.mark.parametrize(
    ("header", "keys"),
    [
        pytest.param(basic("k1:"), ["k1"], id="as SDKs send it"),
        pytest.param(basic("k1"), ["k1"], id="no colon"),
        pytest.param(basic("k1:secret"), ["k1"], id="a password"),
        pytest.param(basic("id:secret:"), ["id:secret", "id"], id="a key with a colon, then without"),
        pytest.param(basic("k1:", "bAsIc"), ["k1"], id="scheme in any case"),
        pytest.param(basic("k1:").replace(" ", "   "), ["k1"], id="blanks"),
        pytest.param(basic(":"), [], id="empty user name"),
        pytest.param("Basic", [], id="no credentials"),
        pytest.param("Basic ä!", [], id="no base64"),
        pytest.param("Basic //79", [], id="no UTF-8"),
        pytest.param("Digest k1", [], id="another scheme"),
        pytest.param("Bearer k1", ["k1"], id="a bearer token"),
        pytest.param("bEaReR   k1 ", ["k1"], id="a bearer token, in any case and with blanks"),
        pytest.param("Bearer", [], id="no token"),
        pytest.param("", [], id="empty header"),
    ],
)
def test_the_write_key_is_the_user_name_of_basic_or_a_bearer_token(header: str, keys: list[str]) -> None:
    assert list(keys_in_head(Presented({"Authorization": header}))) == keys


def test_any_key_of_a_source_finds_it() -> None:
    keyring = Keyring({"website": Source(["new", "old"]), "app": Source(["id:secret"])})

    assert [keyring.find([key]) for key in ("new", "old", "id:secret")] == ["website", "website", "app"]
    assert keyring.find(["unknown", "old"]) == "website"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            Presented({"Authorization": basic("one:")}), Presented({"Authorization": basic("other:")}), id="basic"
        ),
        pytest.param(
            Presented({"Authorization": "Digest d", "X-Write-Key": "one"}),
            Presented({"Authorization": "Digest d", "X-Write-Key": "other"}),
            id="what stands before it says nothing",
        ),
        pytest.param(Presented({}, {"writeKey": "one"}), Presented({}, {"writeKey": "other"}), id="query"),
        pytest.param(Presented({"X-Write-Key": "one"}), Presented({}, {"writeKey": "other"}), id="another place"),
        pytest.param(
            Presented({}, {"writeKey": "one"}), Presented({"X-Write-Key": "other"}), id="and the other way round"
        ),
    ],
)
def test_what_was_found_once_is_found_for_the_same_only(one: Presented, other: Presented) -> None:
    keyring = Keyring({"website": Source(["one"]), "app": Source(["other"])})

    assert [keyring.find_presented(each) for each in (one, other, one, other)] == ["website", "app", "website", "app"]
    assert keyring.find_presented(Presented({"Authorization": "Digest d"})) is None


def test_what_is_remembered_has_a_bound_and_no_key_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "MAX_REMEMBERED", 3)
    keyring = Keyring({"website": Source(["k-secret"])})

    for number in range(10):
        keyring.find_presented(Presented({"Authorization": basic(f"k-secret:{number}")}))

    assert 1 <= len(keyring._remembered) <= 3
    assert "k-secret" not in repr(vars(keyring))


@pytest.mark.parametrize("key", ["", "KEY", "ke", "key ", "kéy", "\ud800"])
def test_a_key_that_is_only_alike_finds_nothing(key: str) -> None:
    with pytest.raises(Refused) as caught:
        Keyring({"website": Source(["key"])}).find([key])

    assert (caught.value.status, caught.value.code) == (401, "unknown_write_key")


def test_promise_7_a_clash_of_keys_names_the_sources_and_not_the_key() -> None:
    with pytest.raises(ValueError, match="same write key") as caught:
        Keyring({"website": Source(["k-secret"]), "app": Source(["other", "k-secret"])})

    assert "website" in str(caught.value)
    assert "app" in str(caught.value)
    assert "k-secret" not in str(caught.value)


def test_promise_7_no_text_form_of_the_keys_shows_them() -> None:
    keys = Source(["k-secret"])

    assert "k-secret" not in repr(keys)
    assert "k-secret" not in repr(vars(Keyring({"website": keys})))
    assert "k-secret" not in repr(Presented({"Authorization": "k-secret"}))


@pytest.mark.parametrize(
    ("key", "code"),
    [
        pytest.param("", "missing_write_key", id="none"),
        pytest.param("unknown", "unknown_write_key", id="unknown"),
        pytest.param("key-of-old", "source_disabled", id="of a disabled source"),
        pytest.param(KEY.upper(), "unknown_write_key", id="another case"),
    ],
)
async def test_a_request_without_a_good_key_is_answered_401(harness: Harness, key: str, code: str) -> None:
    answer = await harness.post("/v1/identify", IDENTIFY, key=key)

    assert answer.status == 401
    assert answer.json["code"] == code
    assert isinstance(answer.json["message"], str)
    assert "WWW-Authenticate" not in answer.headers
    assert harness.log.appends == []


@pytest.mark.parametrize(
    ("header", "keys"),
    [
        pytest.param("k1", ["k1"], id="no colon"),
        pytest.param(" k1 ", ["k1"], id="blanks"),
        pytest.param("id:secret", ["id:secret", "secret", "id"], id="a key with a colon, or on either side"),
        pytest.param("a:b:c", ["a:b:c", "b:c", "c", "a:b", "a"], id="two colons"),
        pytest.param("id:", ["id:", "id"], id="nothing behind the colon"),
        pytest.param(":", [":"], id="nothing but a colon"),
        pytest.param("", [], id="empty"),
    ],
)
def test_a_key_of_the_form_that_one_sdk_demands_may_be_the_whole_or_either_side(header: str, keys: list[str]) -> None:
    assert list(keys_in_head(Presented({"X-Write-Key": header}))) == keys


@pytest.mark.parametrize(
    ("document", "keys"),
    [
        pytest.param({"writeKey": "k1"}, ["k1"], id="at the top"),
        pytest.param({"writeKey": "k1", "batch": [{"writeKey": "k2"}]}, ["k1"], id="the top comes first"),
        pytest.param({"batch": [{"writeKey": "k2"}]}, ["k2"], id="in an event"),
        pytest.param({"batch": [{}, {"writeKey": ""}, 1, {"writeKey": "k2"}]}, ["k2"], id="in the first that has one"),
        pytest.param({"writeKey": "", "batch": [{"writeKey": "k2"}]}, ["k2"], id="an empty one is none"),
        pytest.param({"writeKey": 7}, [], id="a number"),
        pytest.param({"writeKey": ["k1"]}, [], id="a list"),
        pytest.param({"batch": {"writeKey": "k1"}}, [], id="a batch that is none"),
        pytest.param({"batch": [[{"writeKey": "k1"}]]}, [], id="too deep"),
        pytest.param({}, [], id="none"),
    ],
)
def test_a_key_in_the_body_is_at_its_top_or_in_an_event(document: dict[str, Any], keys: list[str]) -> None:
    assert list(keys_in_body(document)) == keys


# --- all six forms, over HTTP, in the order of facts/ingest-protocol.md section 4 ---

NEXT = "key-of-another"
"""A key of another source: what the second form says, which must not count."""
TWO = {"website": Source([KEY]), "another": Source([NEXT]), "pair": Source(["id:secret"])}
CALL = {"type": "page", "userId": "u1"}

HEADERS: dict[str, dict[str, str]] = {
    "basic": {"Authorization": basic(f"{KEY}:")},
    "basic with a password": {"Authorization": basic(f"{KEY}:pass:word")},
    "bearer": {"Authorization": f"Bearer {KEY}"},
    "header": {"X-Write-Key": KEY},
    "header, key first": {"X-Write-Key": f"{KEY}:anything"},
    "header, key last": {"X-Write-Key": f"anything:{KEY}"},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("path", ["/v1/page", "/v1/batch", "/beacon/v1/batch"])
async def test_a_key_in_a_header_names_the_source_whatever_else_is_said(headers: dict[str, str], path: str) -> None:
    document = {"batch": [CALL | {"writeKey": NEXT}]} if "batch" in path else CALL
    async with Harness(sources=TWO) as harness:
        answer = await harness.post(f"{path}?writeKey={NEXT}", document | {"writeKey": NEXT}, key="", headers=headers)

    assert answer.status == 200
    assert [entry.source for entry in harness.log.entries] == ["website"]


ORDER = [
    pytest.param({"Authorization": basic(f"{KEY}:"), "X-Write-Key": NEXT}, f"?writeKey={NEXT}", NEXT, id="basic"),
    pytest.param({"Authorization": f"Bearer {KEY}", "X-Write-Key": NEXT}, f"?writeKey={NEXT}", NEXT, id="bearer"),
    pytest.param({"X-Write-Key": KEY}, f"?writeKey={NEXT}", NEXT, id="header"),
    pytest.param({}, f"?writeKey={KEY}", NEXT, id="query"),
    pytest.param({"Authorization": "Basic"}, "", KEY, id="body, beside a header without a key"),
    pytest.param({}, "", KEY, id="body"),
]


@pytest.mark.parametrize(("headers", "query", "in_body"), ORDER)
async def test_the_first_form_that_is_there_counts(headers: dict[str, str], query: str, in_body: str) -> None:
    async with Harness(sources=TWO) as harness:
        single = await harness.post(f"/v1/p{query}", CALL | {"writeKey": in_body}, key="", headers=headers)
        batch = await harness.post(f"/v1/b{query}", {"batch": [CALL], "writeKey": in_body}, key="", headers=headers)

    assert (single.status, batch.status) == (200, 200)
    assert [entry.source for entry in harness.log.entries] == ["website", "website"]


async def test_the_events_of_a_batch_may_have_the_only_key() -> None:
    async with Harness(sources=TWO) as harness:
        await harness.post("/v1/batch", {"batch": [CALL | {"writeKey": KEY}, CALL]}, key="")

    assert [entry.source for entry in harness.log.entries] == ["website", "website"]
    assert all(b"writeKey" not in entry.event for entry in harness.log.entries)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Authorization": basic("id:secret:")}, id="basic, as the Segment family sends it"),
        pytest.param({"Authorization": basic("id:secret")}, id="basic, without its own colon"),
        pytest.param({"Authorization": "Bearer id:secret"}, id="bearer"),
        pytest.param({"X-Write-Key": "id:secret"}, id="the header it is made for"),
    ],
)
async def test_a_key_with_a_colon_works_with_every_sdk(headers: dict[str, str]) -> None:
    async with Harness(sources=TWO) as harness:
        answer = await harness.post("/v1/page", CALL, key="", headers=headers)

    # Basic without its own colon is a user name and a password: "id" is no key.
    assert answer.status == (401 if headers.get("Authorization") == basic("id:secret") else 200)
    assert [entry.source for entry in harness.log.entries] == ([] if answer.status == 401 else ["pair"])


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": basic("wrong:")}, {"Authorization": "Bearer wrong"}, {"X-Write-Key": "wrong"}],
    ids=["basic", "bearer", "header"],
)
async def test_a_wrong_key_is_not_made_good_by_a_right_one_further_on(
    harness: Harness, headers: dict[str, str]
) -> None:
    answer = await harness.post(f"/v1/page?writeKey={KEY}", CALL | {"writeKey": KEY}, key="", headers=headers)

    assert (answer.status, answer.json["code"]) == (401, "unknown_write_key")
    assert harness.log.appends == []


@pytest.mark.parametrize(
    ("key", "code"),
    [
        pytest.param(None, "missing_write_key", id="none"),
        pytest.param("unknown", "unknown_write_key", id="unknown"),
        pytest.param("key-of-old", "source_disabled", id="of a disabled source"),
        pytest.param("website:***", "unknown_write_key", id="masked"),
    ],
)
@pytest.mark.parametrize("place", ["query", "top", "events"])
async def test_a_key_outside_the_headers_is_held_to_the_same(
    harness: Harness, key: str | None, code: str, place: str
) -> None:
    in_event = {"writeKey": key} if place == "events" else {}
    at_top = {"writeKey": key} if place == "top" else {}
    query = f"?writeKey={key or ''}" if place == "query" else ""

    answer = await harness.post(f"/v1/batch{query}", {"batch": [CALL | in_event], **at_top}, key="")

    assert (answer.status, answer.json["code"]) == (401, code)
    assert harness.log.appends == []


@pytest.mark.parametrize("key", ["a+b/c==", "a/b", "id:secret", "{a}", "~!$*();,@'<>"])
@pytest.mark.parametrize("is_encoded", [False, True])
async def test_any_key_is_found_in_an_address(key: str, is_encoded: bool) -> None:
    """``openssl rand -base64`` makes some with a plus and a slash; SDKs of pages put a key into an address as it is."""
    in_address = quote(key, safe="") if is_encoded else key
    body = b'{"batch":[]}'
    post = f"POST /v1/batch?writeKey={in_address} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
    async with Harness(sources={"website": Source([key])}) as harness:
        taken = await harness.exchange(post.encode() + body)
        settings = await harness.exchange(
            f"GET /v1/projects/{in_address}/settings HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        )

    assert (taken.status, settings.status) == (200, 200)
    assert settings.json["integrations"]["Segment.io"]["apiKey"] == key


async def test_each_key_of_a_source_is_good_until_a_reload_takes_it_out(harness: Harness) -> None:
    """Rotation: first both keys, then the new one alone."""
    harness.gateway.configure({"website": Source(["new", KEY])}, Limits())
    both = [(await harness.post("/v1/page", CALL, key=key)).status for key in ("new", KEY)]
    harness.gateway.configure({"website": Source(["new"])}, Limits())
    after = [(await harness.post("/v1/page", CALL, key=key)).status for key in ("new", KEY)]

    assert (both, after) == ([200, 200], [200, 401])
    assert {entry.source for entry in harness.log.entries} == {"website"}
