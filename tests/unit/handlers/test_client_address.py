"""Who asks: what proxies say of clients, and whom of them is believed."""

from __future__ import annotations

import logging
from ipaddress import ip_network

import pytest

from handlers.client_address import LOG_EVERY_S, ClientAddresses, client_address

TRUSTED = [ip_network("127.0.0.1"), ip_network("10.0.0.0/8"), ip_network("::1")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("192.0.2.1", ["unknown"], "192.0.2.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9", "198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9", "198.51.100.1, 10.1.1.1", "10.2.2.2"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1, 10.1.2.3, 10.9.9.9"], "198.51.100.1"),
        ("127.0.0.1", ["10.1.2.3, 10.4.5.6"], "10.1.2.3"),
        ("127.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1:4711, [::1]:80, 10.1.2.3:4711"], "198.51.100.1"),
        ("127.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("::1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:127.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
    ],
)
def test_the_client_is_the_rightmost_that_is_no_proxy_of_ours(peer: str, forwarded: list[str], client: str) -> None:
    assert client_address(peer, forwarded, TRUSTED) == (client, None)


@pytest.mark.parametrize(
    ("forwarded", "entry"),
    [
        ([""], ""),
        (["unknown"], "unknown"),
        (["198.51.100.1, unknown"], "unknown"),
        (["198.51.100.1, unknown, 10.1.2.3"], "unknown"),
        (["198.51.100.1,"], ""),
        (["198.51.100.1", ""], ""),
        (["_secret"], "_secret"),
        (["localhost"], "localhost"),
        (["127.0.0.1.evil.example"], "127.0.0.1.evil.example"),
        (["198.51.100.1:port"], "198.51.100.1:port"),
    ],
)
def test_an_entry_that_is_no_address_is_the_stranger_and_never_the_proxy(forwarded: list[str], entry: str) -> None:
    assert client_address("127.0.0.1", forwarded, TRUSTED) == ("unknown", entry)


@pytest.mark.parametrize("peer", ["", "0.0.0.0", "unix:", "/run/chat.sock"])
def test_a_peer_without_an_address_is_the_stranger_and_no_proxy(peer: str) -> None:
    assert client_address(peer, ["198.51.100.1"], [*TRUSTED, ip_network("0.0.0.0/0")]) == ("unknown", None)


def test_strangers_are_told_of_once_a_minute_at_most(caplog: pytest.LogCaptureFixture) -> None:
    now_s = 1_000.0
    clients = ClientAddresses(trusted=TRUSTED, now=lambda: now_s)
    with caplog.at_level(logging.WARNING):
        for seconds in (0.0, 1.0, LOG_EVERY_S - 1.1, LOG_EVERY_S, LOG_EVERY_S + 1):
            now_s = 1_000.0 + seconds
            assert clients.address("127.0.0.1", ["x" * 500]) == "unknown"
        assert clients.address("127.0.0.1", ["192.0.2.1"]) == "192.0.2.1"
    logged = [record.__dict__["fields"] for record in caplog.records]
    assert [(one["peer"], one["entry"]) for one in logged] == [("127.0.0.1", "x" * 64)] * 2


@pytest.mark.parametrize(
    ("peer", "proto", "scheme"),
    [
        ("127.0.0.1", ["https"], "https"),
        ("127.0.0.1", ["HTTP"], "http"),
        ("127.0.0.1", ["https, http"], "https"),
        ("127.0.0.1", ["https", "http"], "https"),
        ("127.0.0.1", ["wss"], "https"),
        ("127.0.0.1", [], None),
        ("127.0.0.1", [""], None),
        ("127.0.0.1", ["gopher"], None),
        ("192.0.2.1", ["https"], None),
        ("", ["https"], None),
    ],
)
def test_the_scheme_is_what_a_trusted_proxy_names(peer: str, proto: list[str], scheme: str | None) -> None:
    assert ClientAddresses(trusted=TRUSTED, now=lambda: 0.0).scheme(peer, proto) == scheme
