"""Addresses and answers: what event data can't do to a request (promise 10), and what a body may be."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from router.plugin import Payload, Response, UnreadableAnswer, build_url, has_part, left_out, make_room, without
from router.plugin.request import encode_form
from router.testing.samples import HOSTILE_IDS

BASE = "https://api.example.test:8443/base"
IDS = st.text(min_size=1) | st.sampled_from(HOSTILE_IDS) | st.text("./%\\?#@:;&= \r\n\t", min_size=1)


@given(id=IDS, other=IDS)
def test_an_id_changes_neither_host_nor_path_depth(id: str, other: str) -> None:
    url = build_url(BASE, "users", id, "tags", other, query={"id": id})
    parts, sent = urlsplit(url), URL(url, encoded=True)

    assert url.isascii()
    assert url.isprintable()
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "api.example.test:8443", "")
    assert (sent.host, sent.port) == ("api.example.test", 8443)
    assert sent.raw_path == parts.path
    assert len(parts.path.split("/")) == 6
    assert not {".", ".."} & set(parts.path.split("/"))
    assert [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)] == ["id"]


@given(id=st.text(min_size=1), value=st.text())
def test_the_vendor_reads_the_very_id(id: str, value: str) -> None:
    parts = urlsplit(build_url(BASE, "users", id, query={"id": value}))

    assert unquote(parts.path.rpartition("/")[2]) == id
    assert dict(parse_qsl(parts.query, keep_blank_values=True)) == {"id": value}


@pytest.mark.parametrize(
    ("segments", "query", "expected"),
    [
        ((), None, "https://api.example.test:8443/base"),
        (("v1", "import"), None, "https://api.example.test:8443/base/v1/import"),
        (("users", "a/b"), None, "https://api.example.test:8443/base/users/a%2Fb"),
        (("users", ".."), None, "https://api.example.test:8443/base/users/%2E%2E"),
        (("users", "..."), None, "https://api.example.test:8443/base/users/%2E%2E%2E"),
        (("users", "a.b"), None, "https://api.example.test:8443/base/users/a.b"),
        (("users", "100%"), None, "https://api.example.test:8443/base/users/100%25"),
        (("users", "é ?#"), None, "https://api.example.test:8443/base/users/%C3%A9%20%3F%23"),
        (("users", "\ud800"), None, "https://api.example.test:8443/base/users/%3F"),
        ((), {"strict": "1", "q": "a b&c"}, "https://api.example.test:8443/base?strict=1&q=a%20b%26c"),
        ((), {"q": "\ud800/"}, "https://api.example.test:8443/base?q=%3F%2F"),
        ((), {}, "https://api.example.test:8443/base"),
    ],
    ids=ascii,
)
def test_segments_and_query_are_encoded(segments: tuple[str, ...], query: dict[str, str] | None, expected: str) -> None:
    assert build_url(BASE, *segments, query=query) == build_url(BASE + "/", *segments, query=query) == expected


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": 1', b"\xff", b"[" * 5_000, b"NaN"], ids=ascii)
def test_a_body_that_is_no_json_is_an_unreadable_answer(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer, match="status 200, expected JSON"):
        Response(200, body).json()


@pytest.mark.parametrize("read", [Response.json, Response.unless_page], ids=["as JSON", "as no page"])
def test_the_beginning_of_an_unreadable_answer_is_told_on_one_line(read: Callable[[Response], object]) -> None:
    """It may say what is wrong, and where it comes from."""
    with pytest.raises(UnreadableAnswer, match=r"got '<h1> Sign in </h1> x{101}'$"):
        read(Response(200, b"<h1>\n  Sign in\n</h1>\n" + b"x" * 1_000))


@given(body=st.binary())
def test_any_body_has_a_text_and_is_json_or_unreadable(body: bytes) -> None:
    response = Response(200, body)
    with contextlib.suppress(UnreadableAnswer):
        assert orjson.dumps(response.json())

    assert len(response.text) <= len(body)


@pytest.mark.parametrize(
    ("most_bytes", "beyond", "kept"),
    [
        (64, [], {"a": "x" * 20, "b": [1, 2, 3], "é": "é" * 5}),
        (63, ["a"], {"b": [1, 2, 3], "é": "é" * 5}),
        (20, ["a", "é"], {"b": [1, 2, 3]}),
        (1, ["a", "é", "b"], {}),
    ],
)
def test_the_largest_values_make_room_and_no_more_than_need_be(most_bytes: int, beyond: list[str], kept: Any) -> None:
    values = {"a": "x" * 20, "b": [1, 2, 3], "é": "é" * 5}
    body: dict[str, Any] = {"p": values}

    assert len(orjson.dumps(body)) == 64
    assert make_room(body, "p", most_bytes) == beyond
    assert body == {"p": kept}
    assert len(values) == 3


def test_a_note_tells_what_was_left_out_and_why_and_is_short() -> None:
    assert left_out([], "too many") == ()
    assert left_out(["a", "b"], "too many") == ("too many; left out: a, b",)
    assert [len(note) for note in left_out(["name" * 100], "too many")] == [300]


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b'{"a": 1}', {"a": 1}), (b"[1]", {}), (b"<html>", {}), (b"", {}), (b"7", {})],
    ids=["an object", "a list", "a page", "nothing", "a number"],
)
def test_a_refusal_may_hold_an_object_or_anything(body: bytes, expected: object) -> None:
    assert Response(400, body).json_object() == expected


@pytest.mark.parametrize(("status", "expected"), [(200, True), (299, True), (199, False), (300, False), (0, False)])
def test_a_success_is_any_2xx(status: int, expected: bool) -> None:
    assert Response(status).is_success is expected


@pytest.mark.parametrize("status", [200, 204])
def test_a_success_that_is_a_page_is_unreadable(status: int) -> None:
    with pytest.raises(UnreadableAnswer, match="page"):
        Response(status, b" \n<!DOCTYPE html><title>Login</title>").unless_page()


@pytest.mark.parametrize(("status", "body"), [(200, b""), (200, b"ok <b>"), (202, b"{}"), (502, b"<html>")])
def test_any_other_answer_is_taken_as_it_is(status: int, body: bytes) -> None:
    response = Response(status, body)

    assert response.unless_page() is response


@given(fields=st.dictionaries(st.text(), st.text()))
def test_a_form_is_read_as_the_very_fields(fields: dict[str, str]) -> None:
    body = encode_form(fields).decode("ascii")

    assert parse_qsl(body, keep_blank_values=True) == list(fields.items())


@pytest.mark.parametrize(
    "fields",
    [{"a": 1}, {"a": None}, {"a": {"b": "c"}}, {"a": ["b"]}, {"a": True}, ["a"], "a=b"],
    ids=["number", "null", "nested", "list of values", "boolean", "list", "text"],
)
def test_a_form_of_anything_but_texts_is_refused(fields: Any) -> None:
    with pytest.raises(ValueError, match="form"):
        encode_form(fields)


def test_half_a_character_breaks_no_form() -> None:
    assert encode_form({"a": "\ud800"}) == b"a=%3F"


@pytest.mark.parametrize(
    ("paths", "kept", "named"),
    [
        pytest.param([["a"]], {"p": {"x": 1, "y.z": 2, "l": [{"m": 1}]}}, "a", id="a value"),
        pytest.param([["p", "x"]], {"a": 1, "p": {"y.z": 2, "l": [{"m": 1}]}}, "p.x", id="within an object"),
        pytest.param([["p", "y.z"]], {"a": 1, "p": {"x": 1, "l": [{"m": 1}]}}, "p.y.z", id="a dot in a name"),
        pytest.param([["p", "l", "0", "m"]], {"a": 1, "p": {"x": 1, "y.z": 2}}, "p.l", id="in a list: the whole list"),
        pytest.param([["p", "l", "0"], ["p", "l", "1"]], {"a": 1, "p": {"x": 1, "y.z": 2}}, "p.l", id="twice the same"),
        pytest.param([["p"], ["p", "x"]], {"a": 1}, "p, p.x", id="one within the other"),
        pytest.param([["a"], ["q"]], None, "", id="one that is not there"),
        pytest.param([["a", "x"]], None, "", id="below a value"),
        pytest.param([[]], None, "", id="no path"),
        pytest.param([], None, "", id="nothing"),
    ],
)
def test_a_payload_goes_without_what_is_refused_and_says_so(paths: list[list[str]], kept: Any, named: str) -> None:
    """Whether its body is written as JSON already or not."""
    body = {"a": 1, "p": {"x": 1, "y.z": 2, "l": [{"m": 1}]}}
    payload = Payload(body, key="k", group="g", notes=("first",))

    left = without(payload, paths, "no good")

    assert without(replace(payload, body=orjson.Fragment(orjson.dumps(body))), paths, "no good") == left
    assert left == (None if kept is None else Payload(kept, "k", "g", ("first", f"no good; left out: {named}")))
    assert body == {"a": 1, "p": {"x": 1, "y.z": 2, "l": [{"m": 1}]}}


@pytest.mark.parametrize(
    ("path", "is_there"),
    [(["p", "x"], True), (["p", "l", "0", "m"], True), (["p", "z"], False), (["a", "x"], False), ([], False)],
    ids=repr,
)
def test_a_body_has_the_parts_that_can_be_taken_out_of_it(path: list[str], is_there: bool) -> None:
    body = {"a": 1, "p": {"x": None, "l": [{"m": 1}]}}

    assert has_part(body, path) is is_there
    assert has_part(orjson.Fragment(orjson.dumps(body)), path) is is_there
    assert (without(Payload(body), [path], "no good") is not None) is is_there


def test_the_vendors_words_leave_room_for_the_names() -> None:
    left = without(Payload({"a": 1}), [["a"]], "w" * 400)

    assert left is not None
    assert left.notes == ("w" * 200 + "; left out: a",)
