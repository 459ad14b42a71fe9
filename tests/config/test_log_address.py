"""The log's address is read whole or refused: half of one leads to another host, with a part of the password in its name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from router.config.log_address import read_log_address


def read(text: str) -> str | None:
    """The address in its canonical form; None if it is refused."""
    try:
        return read_log_address(text).get_secret_value()
    except PydanticCustomError:
        return None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("sqlite", "sqlite", id="embedded"),
        pytest.param("nats://a", "nats://a:4222", id="the usual port"),
        pytest.param("nats://a/,b:1", "nats://a:4222,nats://b:1", id="two nodes"),
        pytest.param("tls://u:p@a,b", "tls://u:p@a:4222,tls://u:p@b:4222", id="what the first one says holds for all"),
        pytest.param("nats://[::1]", "nats://[::1]:4222", id="IPv6"),
        pytest.param("nats://u:12/34@a", None, id="a slash in the password"),
        pytest.param("nats://u:12?34@a", None, id="a question mark in the password"),
        pytest.param("nats://u:12#34@a", None, id="a hash sign in the password"),
        pytest.param("nats://u:12%2334@a", "nats://u:12%2334@a:4222", id="the same, encoded"),
        pytest.param("nats://", None, id="no host"),
        pytest.param("nats://@a", None, id="no credentials where some are meant"),
        pytest.param("http://a", None, id="another scheme"),
    ],
)
def test_an_address_is_read_whole_or_refused(text: str, expected: str | None) -> None:
    assert read(text) == expected


@given(st.sampled_from(["nats:", "nats://", "tls://u:1@a,"]), st.text("ab1:/@,#?[]%. \té", max_size=14))
def test_nothing_of_an_address_is_left_out_in_silence(start: str, end: str) -> None:
    address = read(start + end)

    if address is not None:
        assert read(address) == address
        assert {*start, *end} - {*" \t/"} <= {*address}
