"""Who asks: addresses behind proxies, and origins."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from handlers.client import client_address, is_within, origin_allowed

TRUSTED = [ip_network("127.0.0.1"), ip_network("10.0.0.0/8"), ip_network("::1")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9", "198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1, 10.1.2.3"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1, 10.1.2.3, 10.9.9.9"], "198.51.100.1"),
        ("127.0.0.1", ["10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1, unknown"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1, unknown, 10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", ["198.51.100.1:4711"], "127.0.0.1"),
        ("::1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_the_client_is_the_rightmost_that_is_no_proxy_of_ours(peer: str, forwarded: list[str], client: str) -> None:
    assert client_address(peer, forwarded, TRUSTED) == client


def test_an_ipv4_address_in_ipv6_clothes_is_the_same() -> None:
    assert is_within("::ffff:10.1.2.3", TRUSTED)
    assert not is_within("::ffff:192.0.2.1", TRUSTED)
    assert not is_within("no address", TRUSTED)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://chat.example", True),
        ("http://host:8000", True),
        ("https://HOST:8000", True),
        ("https://listed.example", True),
        ("http://listed.example", False),
        ("https://listed.example.evil", False),
        ("https://chat.example:444", False),
        ("null", False),
        ("", False),
        ("http://[", False),
        ("//host:8000", True),
    ],
)
def test_an_origin_is_ours_or_listed(origin: str, allowed: bool) -> None:
    host = "chat.example" if "chat.example" in origin else "host:8000"
    assert origin_allowed(origin, host, ["https://listed.example"]) is allowed


def test_a_star_lets_everybody_in() -> None:
    assert origin_allowed("https://anyone.example", "host", ["*"])
