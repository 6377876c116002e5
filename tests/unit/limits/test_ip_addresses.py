"""What an address is, in every form that a proxy writes, and what it is counted as."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limits.contract import Check
from limits.ip_addresses import UNKNOWN, address_check, canonical, fold_address, is_within, parse_network

NO_ADDRESS = [
    "", " ", "unknown", "_hidden", "unix:", "localhost", "1.2.3", "256.1.1.1", "1.2.3.4.5", "01.2.3.4", "1.2.3.4:",
    "1.2.3.4:x",
    "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:²", "1.2.3.4/8", "1.2.3.4%eth0", "[1.2.3.4]", "[::1", "::1]", "[]",
    "[::1]x", "[::1]:",
    "[::1]:x", "[[::1]]", '"', '""', '"1.2.3.4', "٣.2.3.4", "0.0.0.0", "::", "[::]:80", "::ffff:0.0.0.0",
    "for=1.2.3.4", "%eth0",
    "1.2.3.4 5.6.7.8", "x" * 1_000, "1.2.3.4" + " " * 99,
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ('"192.0.2.7:4711"', "192.0.2.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ('"[2001:db8::1]:443"', "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:80", "fe80::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:c000:207]:80", "192.0.2.7"),
    ],
)
def test_an_address_is_read_in_every_form_and_written_in_one(text: str, address: str) -> None:
    assert canonical(text) == address


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_no_address_is_the_stranger_in_no_network(text: str) -> None:
    assert canonical(text) == fold_address(text) == UNKNOWN
    assert not is_within(text, [ip_network("0.0.0.0/0"), ip_network("::/0")])
    assert address_check("auth", text, prefix="address:") == Check("auth", "address:unknown")


@given(st.text(max_size=70))
def test_no_text_is_too_strange_to_be_judged(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:c000:207", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_an_address_folds_to_the_one_who_owns_it(address: str, key: str) -> None:
    assert fold_address(address) == key


def test_two_customers_networks_do_not_share_a_key() -> None:
    assert fold_address("2001:db8:1:2::1") != fold_address("2001:db8:1:3::1")


def test_ipv6_neighbours_are_counted_together_and_ipv4_ones_are_not() -> None:
    one, neighbour = address_check("auth", "2001:db8:1:2::1"), address_check("auth", "2001:db8:1:ffff::1")
    assert one == Check("auth", "2001:db8:1:2::/64", 1, "2001:db8:1::/48")
    assert (neighbour.key, neighbour.wide_key) == ("2001:db8:1:ffff::/64", one.wide_key)
    assert address_check("auth", "2001:db8:2:2::1").wide_key != one.wide_key
    assert address_check("auth", "192.0.2.7") == Check("auth", "192.0.2.7")


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("::1", "::1/128"),
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("fe80::1%eth0", "fe80::1/128"),
    ],
)
def test_a_network_is_read_as_the_addresses_in_it_are_written(text: str, network: str) -> None:
    assert parse_network(text) == ip_network(network)


def test_an_ipv4_address_in_ipv6_clothes_is_in_ipv4s_networks() -> None:
    assert is_within("::ffff:10.1.2.3", [ip_network("10.0.0.0/8")])
    assert is_within("10.1.2.3", [parse_network("::ffff:10.0.0.0/104")])
    assert not is_within("::ffff:192.0.2.1", [ip_network("10.0.0.0/8")])
