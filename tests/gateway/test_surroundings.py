"""Whose address a request has, when proxies stand before the gateway."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.gateway import Surroundings

PROXIES = [ip_network(text) for text in ("10.0.0.0/8", "192.0.2.7/32", "2001:db8:1::/48")]
BEHIND = Surroundings(trusted_proxies=PROXIES)


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "caller"),
    [
        pytest.param("203.0.113.7", [], "203.0.113.7", id="nobody between"),
        pytest.param("203.0.113.7", ["198.51.100.1"], "203.0.113.7", id="a header that a caller made up"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="a proxy that says nothing"),
        pytest.param("10.0.0.1", ["203.0.113.7"], "203.0.113.7", id="one proxy"),
        pytest.param("10.0.0.1", ["203.0.113.7, 10.0.0.2"], "203.0.113.7", id="two proxies"),
        pytest.param("10.0.0.1", ["203.0.113.7", "10.0.0.2"], "203.0.113.7", id="two proxies, a header each"),
        pytest.param("10.0.0.1", ["198.51.100.1, 203.0.113.7"], "203.0.113.7", id="made up before the proxy added"),
        pytest.param("10.0.0.1", ["10.9.9.9, 203.0.113.7"], "203.0.113.7", id="made up, in the clothes of a proxy"),
        pytest.param("10.0.0.1", ["198.51.100.1, 203.0.113.7, 192.0.2.7"], "203.0.113.7", id="a chain of three"),
        pytest.param("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3", id="none but proxies: the first of them"),
        pytest.param("10.0.0.1", ["unknown"], "10.0.0.1", id="no address: as far as is known"),
        pytest.param("10.0.0.1", ["203.0.113.7, _hidden, 10.0.0.2"], "10.0.0.2", id="nothing is believed beyond that"),
        pytest.param("10.0.0.1", [""], "10.0.0.1", id="an empty header"),
        pytest.param("10.0.0.1", [" 203.0.113.7:4711 "], "203.0.113.7", id="with a port"),
        pytest.param("2001:db8:1::1", ["2001:DB8:0:0::9"], "2001:db8::9", id="IPv6, in its shortest form"),
        pytest.param("2001:db8:1::1", ["[2001:db8::9]:4711"], "2001:db8::9", id="IPv6 with a port"),
        pytest.param("2001:db8:1::1", ["[2001:db8::9]"], "2001:db8::9", id="IPv6 in brackets"),
        pytest.param("::ffff:10.0.0.1", ["::ffff:203.0.113.7"], "203.0.113.7", id="IPv4 in the clothes of IPv6"),
        pytest.param("fe80::1%eth0", [], "fe80::1", id="a zone"),
        pytest.param("", ["203.0.113.7"], None, id="a peer without an address"),
        pytest.param(None, ["203.0.113.7"], None, id="no peer"),
    ],
)
def test_the_caller_is_the_last_one_that_a_trusted_proxy_was_called_from(
    peer: str | None, forwarded_for: list[str], caller: str | None
) -> None:
    assert BEHIND.caller(peer, forwarded_for) == caller


def test_without_trusted_proxies_nothing_but_the_connection_counts() -> None:
    assert Surroundings().caller("10.0.0.1", ["203.0.113.7"]) == "10.0.0.1"


@given(st.ip_addresses(v=4), st.lists(st.text(max_size=30) | st.ip_addresses().map(str), max_size=4))
def test_whatever_a_header_says_there_is_an_address_or_none(peer: object, headers: list[str]) -> None:
    caller = Surroundings(trusted_proxies=[ip_network("0.0.0.0/0"), ip_network("::/0")]).caller(str(peer), headers)

    assert caller is not None
    assert str(ip_address(caller)) == caller


@given(st.lists(st.text(max_size=30), max_size=4))
def test_nobody_can_make_up_an_address_without_a_trusted_proxy(headers: list[str]) -> None:
    assert BEHIND.caller("203.0.113.7", headers) == "203.0.113.7"
