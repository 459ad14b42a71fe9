from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.gateway.document import read_document
from router.gateway.refusal import Refused
from router.odd_json import Doubled, is_plain

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.integers(min_value=-(2**63), max_value=2**64 - 1),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param(b'{"v": Infinity}', math.inf, id="Infinity"),
        pytest.param(b'{"v": -Infinity}', -math.inf, id="-Infinity"),
        pytest.param(b'{"v": 1e400}', math.inf, id="a float beyond floats"),
        pytest.param(b'{"v": 123456789012345678901234567890}', 123456789012345678901234567890, id="a big integer"),
        pytest.param(b'{"v": -18446744073709551617}', -18446744073709551617, id="a big negative integer"),
        pytest.param(b'{"v": 18446744073709551615}', 18446744073709551615, id="the biggest of 64 bits"),
        pytest.param(b'{"v": 1' + b"0" * 5_000 + b"}", math.inf, id="thousands of digits"),
        pytest.param(b'{"v": -1' + b"0" * 5_000 + b"}", -math.inf, id="thousands of digits, negative"),
        pytest.param(b'{"v": "12345678901234567890"}', "12345678901234567890", id="digits in a text"),
        pytest.param(b'{"v": "\\ud83d"}', "\ud83d", id="a lone surrogate"),
        pytest.param(b'{"v": "\\ud83d\\ude00"}', "\U0001f600", id="a pair of them"),
        pytest.param(b'{"v": "a\\u0000b"}', "a\0b", id="NUL"),
        pytest.param(b'{"v": "a\nb"}', "a\nb", id="a bare line break"),
        pytest.param(b'{"v": "M\xfcller"}', "M\udcfcller", id="a byte that is no UTF-8"),
        pytest.param(b'\xef\xbb\xbf{"v": 1}', 1, id="a byte order mark"),
        pytest.param(b'{"v": 1, "v": 2}', 2, id="a key twice: the last one"),
    ],
)
def test_odd_json_is_read_and_not_lost(body: bytes, value: Any) -> None:
    assert read_document(body).document == {"v": value}


def test_nan_is_read_and_not_lost() -> None:
    assert math.isnan(read_document(b'{"v": NaN}').document["v"])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"v": 1, "v": 2}', id="alike"),
        pytest.param(b'{"v": 1, "\\u0076": 2}', id="alike once they are read"),
        pytest.param(b'{"v": NaN, "v": 2}', id="in odd JSON"),
        pytest.param(b'{"v": "\\u0022", "v": 2}', id="with a quote that would make up for those that are missing"),
        pytest.param(b'{"v": 123456789012345678901234567890, "v": 2}', id="with a big integer"),
    ],
)
def test_a_key_that_stands_twice_is_noticed(body: bytes) -> None:
    document = read_document(body).document

    assert isinstance(document, Doubled)
    assert (document, document.names) == ({"v": 2}, ("v",))


@pytest.mark.parametrize(
    "body", [b'{"v": "a\\u0022b"}', b'{"v": "\\"\\\\\\""}', b'{"v": [{"a": 1}, {"a": 2}], "a": "v"}']
)
def test_a_document_whose_keys_stand_once_is_a_plain_one(body: bytes) -> None:
    assert type(read_document(body).document) is dict


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        pytest.param(b'{"v":"a"}', True, id="written as the codec writes it"),
        pytest.param(b'{ "v": 1.50e0 }', True, id="written otherwise"),
        pytest.param(b'{"v":"\\u00e9\\n"}', True, id="escapes"),
        pytest.param(b'{"v":"\\u0000"}', False, id="NUL"),
        pytest.param(b'{"v":NaN}', False, id="NaN"),
        pytest.param(b'{"v":1,"v":2}', False, id="a key twice"),
        pytest.param(b'{"v":123456789012345678901234567890}', False, id="a big integer"),
        pytest.param(b'{"v":"\\ud800"}', False, id="half a character"),
    ],
)
def test_what_is_read_says_whether_anything_is_odd(body: bytes, plain: bool) -> None:
    assert read_document(body).is_plain is plain


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_what_is_called_plain_is_plain(document: dict[str, Any]) -> None:
    reading = read_document(orjson.dumps(document))

    assert not reading.is_plain or is_plain(reading.document)


@pytest.mark.parametrize("depth", [5_000, 100_000])
@pytest.mark.parametrize("unit", [b"[", b'{"a":'])
def test_promise_8_json_that_is_too_deep_is_refused(unit: bytes, depth: int) -> None:
    with pytest.raises(Refused) as caught:
        read_document(b'{"v":' + unit * depth)

    assert caught.value.status == 400


def test_promise_8_whole_json_that_is_too_deep_is_refused_as_that() -> None:
    with pytest.raises(Refused) as caught:
        read_document(b'{"v":' + b"[" * 100_000 + b"]" * 100_000 + b"}")

    assert (caught.value.status, caught.value.code) == (400, "too_deep")


def test_promise_7_the_message_says_where_and_shows_nothing_of_the_body() -> None:
    with pytest.raises(Refused, match="line 2, column 8") as caught:
        read_document(b'{"email":\n "ada" "lovelace"}')

    assert "ada" not in caught.value.message


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_well_formed_json_is_read_as_the_codec_reads_it(document: dict[str, Any]) -> None:
    assert read_document(orjson.dumps(document)).document == orjson.loads(orjson.dumps(document))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_refused(body: bytes) -> None:
    try:
        result: object = read_document(body).document
    except Refused as refused:
        result = orjson.loads(orjson.dumps({"code": refused.code, "message": refused.message}))

    assert isinstance(result, dict)
