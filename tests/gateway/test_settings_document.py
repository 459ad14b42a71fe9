"""Settings documents: an SDK in a browser starts, and sends here and nowhere else (facts/ingest-protocol.md section 6)."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from structlog.testing import capture_logs

from router.gateway import Limits, Source, Surroundings
from router.gateway.settings_document import project_settings, source_config
from router.gateway.source import Sdk
from router.gateway.surroundings import PublicAddress
from tests.gateway.harness import KEY, Answer, Harness, basic

PATH = f"/v1/projects/{KEY}/settings"
CONFIG = "/sourceConfig/?p=npm&v=3.34.1&build=modern&lockIntegrationsVersion=true&writeKey="
PUBLIC = Surroundings("https://router.example.com")
SEGMENT = "Segment.io"
CUSTOMERIO = "Customer.io Data Pipelines"
ADDRESS = PublicAddress("https", "router.example.com", is_configured=True)
SOURCES = {
    "website": Source([KEY]),
    "old": Source(["key-of-old"], is_enabled=False),
    "shop": Source(["key-of-shop"], origins=frozenset({"https://shop.example.com"})),
}


async def ask(method: str, path: str, key: str = "", headers: dict[str, str] | None = None, **options: Any) -> Answer:
    async with Harness(sources=SOURCES, **options) as harness:
        return await harness.ask(method, path, key=key, headers=headers)


@pytest.mark.parametrize(
    ("sdk", "entries"),
    [
        pytest.param("segment", [SEGMENT], id="one, or the ready-made script does not start"),
        pytest.param("customerio", [CUSTOMERIO], id="the other's own name"),
        pytest.param("any", [SEGMENT, CUSTOMERIO], id="both where nobody says which"),
        pytest.param("rudderstack", [SEGMENT, CUSTOMERIO], id="both where a family asks that should not"),
        pytest.param("jitsu", [SEGMENT, CUSTOMERIO], id="both where another asks that should not"),
    ],
)
def test_a_document_has_the_entry_of_the_sources_own_sdk(sdk: Sdk, entries: list[str]) -> None:
    document = project_settings("k1", sdk, ADDRESS).model_dump(by_alias=True)

    assert list(document["integrations"]) == entries
    assert list(document["integrations"].values()) == [
        {"apiKey": "k1", "apiHost": "router.example.com/v1", "protocol": "https"}
    ] * len(entries)
    assert document["metrics"] == {"sampleRate": 0}


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_page_gets_its_document_without_credentials(slash: str) -> None:
    answer = await ask("GET", PATH + slash, surroundings=PUBLIC)

    entry = {"apiKey": KEY, "apiHost": "router.example.com/v1", "protocol": "https"}
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == {"integrations": {SEGMENT: entry, CUSTOMERIO: entry}, "metrics": {"sampleRate": 0}}


@pytest.mark.parametrize(
    ("public_url", "protocol", "api_host"),
    [
        pytest.param("https://router.example.com", "https", "router.example.com/v1", id="https"),
        pytest.param("http://localhost:8080", "http", "localhost:8080/v1", id="http with a port"),
        pytest.param("https://example.com/collect", "https", "example.com/collect/v1", id="a path prefix"),
        pytest.param("https://example.com/a/b/", "https", "example.com/a/b/v1", id="a longer one, with a slash"),
        pytest.param("https://[2001:db8::1]:8443", "https", "[2001:db8::1]:8443/v1", id="IPv6"),
    ],
)
async def test_the_host_to_send_to_is_the_public_one(public_url: str, protocol: str, api_host: str) -> None:
    """Behind a proxy neither our port nor our scheme is the one that a browser knows."""
    answer = await ask("GET", PATH, headers={"Host": "inside:8080"}, surroundings=Surroundings(public_url))

    entry = answer.json["integrations"][SEGMENT]
    assert (entry["protocol"], entry["apiHost"]) == (protocol, api_host)
    assert answer.headers["Cache-Control"] == "max-age=60"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("router.example.com", 200, id="a host"),
        pytest.param("localhost:8080", 200, id="with a port"),
        pytest.param("[::1]:8080", 200, id="IPv6"),
        pytest.param("a/b", 400, id="a path in it"),
        pytest.param("a@b", 400, id="a user in it"),
        pytest.param("a?b", 400, id="a query in it"),
        pytest.param("a b", 400, id="a blank"),
        pytest.param("", 400, id="empty"),
        pytest.param("-a", 400, id="a hyphen first"),
    ],
)
async def test_without_a_public_address_a_page_is_told_the_host_that_it_asked(host: str, status: int) -> None:
    """It could only fool itself: nobody else is given what was made of it."""
    async with Harness(sources=SOURCES) as harness:
        answer = await harness.exchange(f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

    assert answer.status == status
    if status == 200:
        entry = answer.json["integrations"][SEGMENT]
        assert (entry["protocol"], entry["apiHost"]) == ("http", f"{host}/v1")
        assert answer.headers["Cache-Control"] == "no-store"
    else:
        assert answer.json["code"] == "unknown_host"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "protocol"),
    [
        pytest.param(["127.0.0.0/8"], ["https"], "https", id="of a trusted proxy"),
        pytest.param(["127.0.0.0/8"], ["http", "https"], "https", id="the last one is ours"),
        pytest.param(["127.0.0.0/8"], ["http, HTTPS"], "https", id="in one header, in any case"),
        pytest.param(["127.0.0.0/8"], ["nonsense"], "http", id="nonsense"),
        pytest.param(["127.0.0.0/8"], [], "http", id="none"),
        pytest.param([], ["https"], "http", id="of anybody"),
    ],
)
async def test_a_trusted_proxy_says_whether_browsers_come_by_tls(
    proxies: list[str], forwarded: list[str], protocol: str
) -> None:
    surroundings = Surroundings(trusted_proxies=[ip_network(proxy) for proxy in proxies])
    lines = [f"GET {PATH} HTTP/1.1", "Host: a", *(f"X-Forwarded-Proto: {value}" for value in forwarded), "", ""]
    async with Harness(sources=SOURCES, surroundings=surroundings) as harness:
        answer = await harness.exchange("\r\n".join(lines).encode())

    assert answer.json["integrations"][SEGMENT]["protocol"] == protocol


async def test_a_missing_public_address_is_logged_once() -> None:
    with capture_logs() as logs:
        async with Harness(sources=SOURCES) as harness:
            for _ in range(3):
                await harness.ask("GET", PATH)

    assert len([entry for entry in logs if "public_url" in entry["event"]]) == 1
    assert KEY not in repr(logs)


@pytest.mark.parametrize(
    ("path", "key", "status", "code"),
    [
        pytest.param("/v1/projects/unknown/settings", "", 404, "unknown_write_key", id="unknown key"),
        pytest.param("/v1/projects/key-of-old/settings", "", 404, "source_disabled", id="disabled source"),
        pytest.param("/v1/projects//settings", "", 404, "not_found", id="empty key"),
        pytest.param("/v1/projects/a/b/settings", "", 404, "unknown_write_key", id="a slash in the key"),
        pytest.param(CONFIG + "unknown", "", 404, "unknown_write_key", id="config, unknown key"),
        pytest.param("/sourceConfig/", "unknown", 404, "unknown_write_key", id="config, unknown key in the header"),
        pytest.param("/sourceConfig/", "", 401, "missing_write_key", id="config without a key"),
    ],
)
async def test_there_is_no_document_for_a_key_that_nobody_has(path: str, key: str, status: int, code: str) -> None:
    answer = await ask("GET", path, key=key)

    assert (answer.status, answer.json["code"]) == (status, code)
    assert isinstance(answer.json["message"], str)
    assert "unknown" not in answer.json["message"]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        pytest.param(CONFIG + KEY, KEY, id="as the SDK asks: both"),
        pytest.param("/sourceConfig/", KEY, id="in the header"),
        pytest.param(f"/sourceConfig?writeKey={KEY}", "", id="in the query, without the slash"),
    ],
)
async def test_the_other_family_gets_the_smallest_document_that_works(path: str, key: str) -> None:
    answer = await ask("GET", path, key=key)

    assert answer.status == 200
    assert answer.json == {"source": {"id": "website", "config": {}, "destinations": []}}


async def test_a_disabled_source_stops_the_sdk_that_can_be_stopped() -> None:
    answer = await ask("GET", CONFIG + "key-of-old")

    assert (answer.status, answer.json) == (200, source_config("old", False).model_dump())
    assert answer.json["source"]["enabled"] is False


@pytest.mark.parametrize("path", ["/sourceConfig/?view=ad", "/sourceConfig?view=ad", f"/sourceConfig/?writeKey={KEY}"])
async def test_a_page_may_look_whether_the_address_is_blocked(path: str) -> None:
    answer = await ask("HEAD", path)

    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("path", ["/v1/projects/key-of-shop/settings", "/sourceConfig?writeKey=key-of-shop"])
@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://shop.example.com", 200), ("https://elsewhere.example.com", 403)],
    ids=["its own page", "another page"],
)
async def test_a_source_with_origins_has_documents_for_its_own_pages(path: str, origin: str, status: int) -> None:
    assert (await ask("GET", path, headers={"Origin": origin})).status == status


async def test_the_key_in_the_path_may_be_escaped() -> None:
    async with Harness(sources={"pair": Source(["id:secret"])}, surroundings=PUBLIC) as harness:
        answer = await harness.ask("GET", "/v1/projects/id%3Asecret/settings", key="")

    assert answer.json["integrations"][SEGMENT]["apiKey"] == "id:secret"


async def test_a_reload_changes_what_pages_are_told() -> None:
    async with Harness(sources=SOURCES, surroundings=PUBLIC) as harness:
        new = {"website": Source([KEY], sdk="segment")}
        harness.gateway.configure(new, Limits(), Surroundings("https://new.example.com"))
        answer = await harness.ask("GET", PATH, headers={"Authorization": basic("anything:")}, key="")

    assert list(answer.json["integrations"]) == [SEGMENT]
    assert answer.json["integrations"][SEGMENT]["apiHost"] == "new.example.com/v1"
