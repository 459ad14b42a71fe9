"""What the core adds to a request last: every kind of credential, and that none of them is ever seen again."""

from __future__ import annotations

import gzip
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from router.delivery.sending.credentials import add_credentials
from router.delivery.sending.send import CredentialsRefused
from router.mask import mask
from router.plugin import (
    Basic,
    Bearer,
    BodyField,
    Credential,
    HeaderKey,
    OAuth2,
    PathKey,
    QueryKey,
    Request,
    Signature,
    Signing,
)

URL = "https://vendor.test/v1/events"
SECRET = SecretStr("canary-of-the-test")
OAUTH = OAuth2("https://vendor.test/token", SecretStr("client-of-the-test"), SECRET)


def send(
    *credentials: Credential,
    url: str = URL,
    json: Any = None,
    headers: Mapping[str, str] | None = None,
    gzip: bool = False,
    form: bool = False,
) -> tuple[str, dict[str, str], bytes | None]:
    request = Request("POST", url, json, headers or {}, gzip, form)
    return add_credentials(request, credentials, {OAUTH: "token-of-the-test"}, "id-7", 1_700_000_000)


@pytest.mark.parametrize(
    ("credential", "headers"),
    [
        pytest.param(
            Basic(SecretStr("user"), SecretStr("word")), {"Authorization": "Basic dXNlcjp3b3Jk"}, id="user and password"
        ),
        pytest.param(Basic(SecretStr("user")), {"Authorization": "Basic dXNlcjo="}, id="user alone"),
        pytest.param(Basic(SecretStr("é"), SecretStr("ß")), {"Authorization": "Basic w6k6w58="}, id="beyond ASCII"),
        pytest.param(Bearer(SecretStr("t")), {"Authorization": "Bearer t"}, id="bearer"),
        pytest.param(Bearer(SecretStr("t"), "Token"), {"Authorization": "Token t"}, id="another scheme"),
        pytest.param(HeaderKey("X-Api-Key", SecretStr("t")), {"X-Api-Key": "t"}, id="a header of its own"),
        pytest.param(OAUTH, {"Authorization": "Bearer token-of-the-test"}, id="a fetched token"),
    ],
)
def test_credentials_in_headers(credential: Credential, headers: dict[str, str]) -> None:
    assert send(credential, headers={"X-Of-The-Plugin": "1"}) == (URL, {"X-Of-The-Plugin": "1"} | headers, None)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        pytest.param(URL, URL + "?key=a%26b", id="the first parameter"),
        pytest.param(URL + "?strict=1", URL + "?strict=1&key=a%26b", id="behind others"),
        pytest.param(URL + "?key=old", URL + "?key=a%26b", id="in the place of another of its name"),
        pytest.param(
            "https://vendor.test/u/a%2Fb%3F", "https://vendor.test/u/a%2Fb%3F?key=a%26b", id="the path stays as it is"
        ),
    ],
)
def test_a_key_in_the_query(url: str, sent: str) -> None:
    assert send(QueryKey("key", SecretStr("a&b")), url=url)[0] == sent


@pytest.mark.parametrize(
    ("key", "url", "sent"),
    [
        pytest.param("T0/B0/x", URL, URL + "/T0/B0/x", id="several segments"),
        pytest.param("x", "https://vendor.test", "https://vendor.test/x", id="no path yet"),
        pytest.param("x", "https://vendor.test/", "https://vendor.test/x", id="a path of nothing"),
        pytest.param("x", URL + "?wait=1", URL + "/x?wait=1", id="before the query"),
        pytest.param(
            "x", "https://vendor.test/a%2Fb?c=%3F", "https://vendor.test/a%2Fb/x?c=%3F", id="the rest is kept"
        ),
        pytest.param("a?b#c d\r\ne%f", URL, URL + "/a%3Fb%23c%20d%0D%0Ae%25f", id="what is special is encoded"),
        pytest.param("../x", URL, URL + "/%2E%2E/x", id="it can't climb"),
        pytest.param(
            "@evil.test/x", "https://vendor.test", "https://vendor.test/%40evil.test/x", id="nor leave the host"
        ),
    ],
)
def test_a_key_in_the_path(key: str, url: str, sent: str) -> None:
    assert send(PathKey(SecretStr(key)), url=url)[0] == sent


def test_a_key_in_the_path_and_one_in_the_query() -> None:
    path, query = PathKey(SecretStr("x")), QueryKey("key", SecretStr("k"))

    assert send(path, query)[0] == send(query, path)[0] == URL + "/x?key=k"


@pytest.mark.parametrize(
    ("path", "json", "sent"),
    [
        pytest.param("token", {"a": 1}, {"a": 1, "token": "t"}, id="an object"),
        pytest.param(
            "token", [{"a": 1}, {"a": 2}], [{"a": 1, "token": "t"}, {"a": 2, "token": "t"}], id="each of a list"
        ),
        pytest.param("p.token", {"p": {"a": 1}}, {"p": {"a": 1, "token": "t"}}, id="nested"),
        pytest.param("p.token", {"a": 1}, {"a": 1, "p": {"token": "t"}}, id="nested where nothing is"),
        pytest.param("p.token", [{"p": {}}, {"p": None}], [{"p": {"token": "t"}}] * 2, id="nested in each of a list"),
        pytest.param("token", [], [], id="an empty list"),
        pytest.param("token", ["text"], ["text"], id="no objects to put it in"),
    ],
)
def test_a_field_of_the_body(path: str, json: Any, sent: Any) -> None:
    before = orjson.dumps(json)

    _, _, body = send(BodyField(path, SecretStr("t")), json=json)

    assert orjson.loads(body or b"") == sent
    assert orjson.dumps(json) == before, "the payload itself never holds the secret"


@pytest.mark.parametrize("form", [False, True], ids=["JSON", "a form"])
def test_a_request_without_a_body_gets_none(form: bool) -> None:
    assert send(BodyField("token", SECRET), form=form) == (URL, {}, None)


def test_a_form_has_its_content_type_and_its_credentials_among_the_fields() -> None:
    _, headers, body = send(
        BodyField("key", SecretStr("a&b=c")), json={"event": "Grüße & mehr", "visit": '{"a":1}'}, form=True
    )

    assert body == b"event=Gr%C3%BC%C3%9Fe+%26+mehr&visit=%7B%22a%22%3A1%7D&key=a%26b%3Dc"
    assert headers == {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_list_is_sent_one_item_a_line_with_its_credentials_in_each() -> None:
    request = Request("PUT", URL, [{"a": "x\ny"}, {"a": 2}], lines=True)

    _, headers, body = add_credentials(request, [BodyField("key", SecretStr("k"))], {}, "id", 0)

    assert body == b'{"a":"x\\ny","key":"k"}\n{"a":2,"key":"k"}\n'
    assert headers == {"Content-Type": "application/x-ndjson"}


def test_lines_are_made_of_a_list() -> None:
    with pytest.raises(ValueError, match="a list, got dict"):
        add_credentials(Request("PUT", URL, {}, lines=True), [], {}, "id", 0)


def test_a_packed_file_is_not_unpacked_on_its_way() -> None:
    """A client that heeds a Content-Encoding would give it its name and not its bytes."""
    _, headers, body = send(json=[1], headers={"Content-Type": "application/gzip"}, gzip=True)

    assert gzip.decompress(body or b"") == b"[1]"
    assert headers == {"Content-Type": "application/gzip"}


@pytest.mark.parametrize("path", ["nested.key", "n"])
def test_a_form_that_can_not_be_one_is_never_sent_and_quotes_no_value(path: str) -> None:
    with pytest.raises(ValueError, match="texts, got") as raised:
        send(BodyField(path, SECRET), json={"n": "1", "count": 7}, form=True)

    assert SECRET.get_secret_value() not in str(raised.value)


@pytest.mark.parametrize("form", [False, True], ids=["JSON", "a form"])
@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "gzip"])
def test_a_signature_covers_the_very_bytes_that_are_sent(is_packed: bool, form: bool) -> None:
    def sign(signing: Signing) -> Mapping[str, str]:
        signed = f"{signing.id}.{signing.timestamp_s}.".encode() + signing.body
        return {"X-Signature": hmac.new(b"secret", signed, hashlib.sha256).hexdigest()}

    json = {"user": "u1", "text": "Grüße"}

    _, headers, body = send(Signature(sign), BodyField("token", SecretStr("t")), json=json, gzip=is_packed, form=form)

    assert body is not None
    assert headers["X-Signature"] == hmac.new(b"secret", b"id-7.1700000000." + body, hashlib.sha256).hexdigest()
    plain = gzip.decompress(body) if is_packed else body
    assert (dict(parse_qsl(plain.decode())) if form else orjson.loads(plain)) == json | {"token": "t"}
    assert headers.get("Content-Encoding") == ("gzip" if is_packed else None)


def test_a_body_is_told_to_be_json_unless_the_plugin_says_otherwise() -> None:
    assert send(json={})[1] == {"Content-Type": "application/json"}
    assert send(json={}, headers={"Content-Type": "application/vnd.test+json"})[1] == {
        "Content-Type": "application/vnd.test+json"
    }


@pytest.mark.parametrize("text", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"], ids=["CRLF", "LF", "CR", "NUL"])
class TestALineBreak:
    def test_in_a_header_of_the_plugin_is_the_fault_of_the_event(self, text: str) -> None:
        with pytest.raises(ValueError, match="line break") as raised:
            send(Bearer(SECRET), headers={"X-User": text})

        assert "Evil" not in str(raised.value)

    def test_in_the_name_of_a_header_too(self, text: str) -> None:
        with pytest.raises(ValueError, match="line break"):
            send(headers={text: "1"})

    @pytest.mark.parametrize("make", [Bearer, lambda key: HeaderKey("X-Key", key)], ids=["bearer", "header"])
    def test_in_a_credential_is_the_fault_of_no_event(self, text: str, make: Any) -> None:
        """A key read from a file with a line too many must not kill every event: the destination is blocked."""
        with pytest.raises(CredentialsRefused, match="line break") as raised:
            send(make(SecretStr(SECRET.get_secret_value() + text)))

        assert "canary" not in str(raised.value)


def test_a_secret_that_can_sign_nothing_is_the_fault_of_no_event_and_is_not_shown() -> None:
    def sign(signing: Signing) -> Mapping[str, str]:
        raise ValueError(f"{SECRET.get_secret_value()} is no base64")

    with pytest.raises(CredentialsRefused) as raised:
        send(Signature(sign), json={})

    assert "canary" not in str(raised.value)
    assert raised.value.__suppress_context__


CANARY = "canary-of-the-test"


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(Bearer(SECRET), id="bearer"),
        pytest.param(HeaderKey("X-Key", SECRET), id="header"),
        pytest.param(QueryKey("key", SECRET), id="query"),
        pytest.param(BodyField("token", SECRET), id="body"),
        pytest.param(PathKey(SECRET), id="path"),
        pytest.param(PathKey(SecretStr(f"T01234567/B01234567/{SECRET.get_secret_value()}")), id="end of a path"),
        pytest.param(Basic(SecretStr("u"), SECRET), id="password"),
        pytest.param(Basic(SECRET), id="a key in the place of the user"),
        pytest.param(HeaderKey("Authorization", SecretStr(f"Token {CANARY}")), id="a header with a scheme of its own"),
    ],
)
def test_promise_7_a_vendor_that_echoes_a_secret_does_not_bring_it_back(credential: Credential) -> None:
    """Its words go into dead letters, logs and traces."""
    _, headers, _ = send(credential)
    echo = orjson.dumps({"error": f"bad key {CANARY}", "headers": headers})

    masked = mask(echo, [credential], {})

    assert CANARY.encode() not in masked
    for value in headers.values():
        assert value.split()[-1].encode() not in masked
    assert orjson.loads(masked)["error"] == "bad key ********"


@pytest.mark.parametrize(
    ("echo", "masked"),
    [
        pytest.param("no POST /hooks/T01234567/B0/a%20canary", "no POST /hooks/********", id="all of it"),
        pytest.param("T01234567 has no key 'a canary'", "******** has no key '********'", id="parts of it"),
        pytest.param("B0", "B0", id="but no short part"),
    ],
)
def test_promise_7_nor_an_address_that_is_a_secret(echo: str, masked: str) -> None:
    assert mask(echo.encode(), [PathKey(SecretStr("T01234567/B0/a canary"))], {}) == masked.encode()


@pytest.mark.parametrize(
    "echo",
    [
        pytest.param("canary+tok/é=1", id="as it was sent"),
        pytest.param(r"canary+tok\/\u00e9=1", id="JSON of PHP"),
        pytest.param(r"canary+tok\/é=1", id="JSON of PHP with its letters"),
        pytest.param(r"canary+tok/\u00e9=1", id="JSON in ASCII"),
        pytest.param(r"canary+tok/é\u003d1", id="JSON of Gson"),
        pytest.param(r"canary\u002Btok/\u00e9=1", id="JSON of .NET"),
        pytest.param("canary%2Btok%2F%C3%A9%3D1", id="an address"),
        pytest.param("canary%2btok%2f%c3%a9%3d1", id="an address in small letters"),
    ],
)
def test_promise_7_nor_in_another_spelling(echo: str) -> None:
    assert mask(f"no token {echo}!".encode(), [Bearer(SecretStr("canary+tok/é=1"))], {}) == b"no token ********!"


def test_promise_7_nor_with_a_blank_as_forms_write_it() -> None:
    assert mask(b"no token a+long+canary", [Bearer(SecretStr("a long canary"))], {}) == b"no token ********"


def test_promise_7_nor_a_fetched_token() -> None:
    assert mask(b"token-of-the-test", [OAUTH], {OAUTH: "token-of-the-test"}) == b"********"


@pytest.mark.parametrize("secret", ["", "t", "12345678", "1234567890123"], ids=repr)
def test_what_an_answer_holds_by_chance_is_left_alone(secret: str) -> None:
    answer = b'{"t": 12345678, "at": 1234567890123}'

    assert mask(answer, [Bearer(SecretStr(secret)), Basic(SecretStr(secret))], {}) == answer


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner)
    ),
    max_leaves=10,
)


@given(JSON, st.lists(st.sampled_from(["a", "b", "token"]), min_size=1, max_size=3))
def test_a_field_of_the_body_never_raises_and_changes_nothing_else(json: Any, path: Sequence[str]) -> None:
    _, _, body = send(BodyField(".".join(path), SecretStr("t")), json=json)

    if not isinstance(json, dict | list):
        assert body is None if json is None else orjson.loads(body or b"") == json
    else:
        assert len(orjson.loads(body or b"")) >= len(json)
