"""What an operator may fill in, and what a mistake is answered with."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.webhook.settings import Settings
from tests.plugins.webhook.samples import OTHER_STANDARD_SECRET, SECRET, STANDARD_SECRET, URL, make_settings

OAUTH = {"auth": "oauth2", "token_url": "https://login.example.test/t?x=1", "client_id": "c", "client_secret": "s"}

REFUSED = [
    ("no address", {"url": ""}, "url", "at least 1"),
    ("an address without a scheme", {"url": "hooks.example.test/in"}, "url", 'expected "https://host/path"'),
    ("another scheme", {"url": "ftp://hooks.example.test"}, "url", 'expected "https://host/path"'),
    ("no host", {"url": "https:///in"}, "url", 'expected "https://host/path"'),
    ("a user in the address", {"url": "https://ada:x@hooks.example.test"}, "url", "auth: basic"),
    ("an empty user in the address", {"url": "https://@hooks.example.test"}, "url", "auth: basic"),
    ("a fragment", {"url": "https://hooks.example.test/#in"}, "url", "fragment"),
    ("a blank in the address", {"url": "https://hooks.example.test/a b"}, "url", "percent-encode"),
    ("a line break in the address", {"url": "https://hooks.example.test/\r\nX: y"}, "url", "percent-encode"),
    ("letters that are not ASCII", {"url": "https://hooks.exämple.test/"}, "url", "percent-encode"),
    ("a port out of range", {"url": "https://hooks.example.test:70000/"}, "url", "ort"),
    ("port 0", {"url": "https://hooks.example.test:0/"}, "url", "port"),
    ("another method", {"method": "GET"}, "method", "POST"),
    ("no events in a request", {"batch_size": 0}, "batch_size", "greater than or equal to 1"),
    ("too many events in a request", {"batch_size": 1_001}, "batch_size", "less than or equal to 1000"),
    ("basic without a user", {"auth": "basic"}, "username", "needed for auth: basic"),
    ("bearer without a token", {"auth": "bearer"}, "token", "needed for auth: bearer"),
    ("API key without a key", {"auth": "api_key"}, "api_key", "needed for auth: api_key"),
    ("OAuth without a token address", {**OAUTH, "token_url": ""}, "token_url", "needed for auth: oauth2"),
    ("OAuth without a client", {**OAUTH, "client_id": ""}, "client_id", "needed for auth: oauth2"),
    ("OAuth without a client secret", {**OAUTH, "client_secret": ""}, "client_secret", "needed for auth: oauth2"),
    ("OAuth at a bad address", {**OAUTH, "token_url": "login.example.test"}, "token_url", "https://host"),
    ("a token that is not used", {"token": SECRET}, "token", "only for auth: bearer"),
    (
        "a token of another kind of auth",
        {"auth": "basic", "username": "u", "token": "t"},
        "token",
        "only for auth: bearer",
    ),
    ("a scope that is not used", {"scope": "write"}, "scope", "only for auth: oauth2"),
    ("a token with a line break", {"auth": "bearer", "token": "a\r\nb"}, "token", "without line breaks"),
    ("a token that is not ASCII", {"auth": "bearer", "token": "ключ"}, "token", "ASCII"),
    ("a user with a colon", {"auth": "basic", "username": "a:b"}, "username", "colon"),
    (
        "a key in an odd header",
        {"auth": "api_key", "api_key": "k", "api_key_header": "X Key"},
        "api_key_header",
        "name",
    ),
    ("a key in Host", {"auth": "api_key", "api_key": "k", "api_key_header": "Host"}, "api_key_header", "itself"),
    ("an unknown scheme", {"signing": "md5"}, "signing", "standard"),
    ("a scheme without a secret", {"signing": "segment"}, "signing_secret", "needed for signing: segment"),
    ("a standard secret that is none", {"signing_secret": SECRET}, "signing_secret", "whsec_"),
    (
        "a second secret for one signature",
        {"signing": "segment", "signing_secret": SECRET, "previous_signing_secret": SECRET},
        "previous_signing_secret",
        "only for signing: standard",
    ),
    (
        "only the previous secret",
        {"previous_signing_secret": STANDARD_SECRET},
        "previous_signing_secret",
        "signing_secret",
    ),
    (
        "a previous secret that is none",
        {"signing_secret": STANDARD_SECRET, "previous_signing_secret": SECRET},
        "previous_signing_secret",
        "whsec_",
    ),
    ("an odd signature header", {"signature_header": "a:b"}, "signature_header", "name"),
    *((f"a header {name}", {"headers": {name: "x"}}, "headers", "itself") for name in ("Host", "content-LENGTH")),
    *(
        (f"a header {name}", {"headers": {name: "x"}}, "headers", "itself")
        for name in ("Content-Type", "Idempotency-Key")
    ),
    ("a header without a name", {"headers": {"": "x"}}, "headers", "name"),
    ("a header name with a line break", {"headers": {"X-A\r\nX-B": "x"}}, "headers", "name"),
    ("a header with CR", {"headers": {"X-A": "a\rb"}}, "headers", "ASCII without line breaks"),
    ("a header with LF", {"headers": {"X-A": "a\nb"}}, "headers", "ASCII without line breaks"),
    ("a header with NUL", {"headers": {"X-A": "a\0b"}}, "headers", "ASCII without line breaks"),
    ("a header that is not ASCII", {"headers": {"X-A": "é"}}, "headers", "ASCII without line breaks"),
    ("a header twice", {"headers": {"X-A": "1", "x-a": "2"}}, "headers", "twice"),
    (
        "Authorization beside auth",
        {"auth": "bearer", "token": "t", "headers": {"authorization": "x"}},
        "headers",
        "set by auth",
    ),
    (
        "the key's header again",
        {"auth": "api_key", "api_key": "k", "headers": {"x-api-key": "x"}},
        "headers",
        "set by api_key_header",
    ),
    (
        "a header of the signature",
        {"signing_secret": STANDARD_SECRET, "headers": {"Webhook-Id": "x"}},
        "headers",
        "set by signing",
    ),
    (
        "the operator's own header of the signature",
        {"signing": "timestamped", "signing_secret": SECRET, "headers": {"x-webhook-signature": "x"}},
        "headers",
        "set by signing",
    ),
    ("success as a reason to retry", {"retry_statuses": [200]}, "retry_statuses", "300"),
    ("no status", {"permanent_statuses": [600]}, "permanent_statuses", "599"),
    ("a status in both", {"retry_statuses": [404], "permanent_statuses": [404]}, "permanent_statuses", "too"),
]


@pytest.mark.parametrize(("given", "key", "message"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_a_mistake_is_told_at_its_own_key(given: dict[str, Any], key: str, message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        make_settings(**given)

    errors = raised.value.errors()
    assert [error["loc"][0] for error in errors] == [key]
    assert message in errors[0]["msg"]


@pytest.mark.parametrize("secret", ["signing_secret", "previous_signing_secret", "token", "api_key", "client_secret"])
def test_a_refused_secret_is_not_quoted(secret: str) -> None:
    with pytest.raises(ValidationError) as raised:
        make_settings(**{"signing_secret": STANDARD_SECRET, secret: "not-so-secret\r\n"})

    assert "not-so-secret" not in str(raised.value)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"url": "http://127.0.0.1:9000"},
        {"url": "http://10.0.0.1/in"},
        {"method": "PUT", "batch_size": 1_000},
        {"auth": "basic", "username": "u", "password": ""},
        {"auth": "basic", "username": "ключ", "password": "a:b\u00e9"},
        {"auth": "api_key", "api_key": "k", "api_key_header": "X-Acme"},
        {**OAUTH, "scope": "a b"},
        {"signing_secret": STANDARD_SECRET, "previous_signing_secret": OTHER_STANDARD_SECRET},
        {"signing": "customerio", "signing_secret": "any text, ключ"},
        {"headers": {"User-Agent": "acme", "X-Empty": "", "X-Tab": "a\tb", "Authorization": "Token abc"}},
        {"retry_statuses": [404, 409], "permanent_statuses": [401, 500]},
        {"signing": "standard", "signing_secret": "", "token": "", "base_url": ""},
    ],
    ids=str,
)
def test_what_is_allowed(given: dict[str, Any]) -> None:
    assert make_settings(**given).url


@pytest.mark.parametrize(
    ("url", "base_url", "expected"),
    [
        (URL, "", URL),
        (URL, "http://127.0.0.1:9000", "http://127.0.0.1:9000/in/a%20b?team=red&x="),
        (URL, "http://127.0.0.1:9000/proxy/", "http://127.0.0.1:9000/proxy/in/a%20b?team=red&x="),
        ("https://hooks.example.test", "", "https://hooks.example.test"),
        ("https://hooks.example.test/", "http://127.0.0.1:1", "http://127.0.0.1:1/"),
        ("https://hooks.example.test?a=b", "", "https://hooks.example.test?a=b"),
        ("http://[::1]:8000/in/", "", "http://[::1]:8000/in/"),
    ],
    ids=str,
)
def test_path_and_query_are_kept_and_base_url_stands_in_for_the_host(url: str, base_url: str, expected: str) -> None:
    assert make_settings(url=url, base_url=base_url).target_url == expected


def test_base_url_stands_in_for_the_host_of_tokens_too() -> None:
    assert make_settings(**OAUTH).target_token_url == "https://login.example.test/t?x=1"
    assert make_settings(**OAUTH, base_url="http://127.0.0.1:1").target_token_url == "http://127.0.0.1:1/t?x=1"


def test_header_values_and_secrets_do_not_show() -> None:
    settings = Settings.model_validate(
        {
            "url": URL,
            "headers": {"X-Key": SECRET},
            "auth": "basic",
            "username": SECRET,
            "signing_secret": STANDARD_SECRET,
        }
    )

    assert SECRET not in repr(settings)
    assert STANDARD_SECRET not in repr(settings)
